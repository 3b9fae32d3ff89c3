// SPDX-License-Identifier: MIT
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

// What the loads of tests/bench/gateway count: the answers that came while a window was open, how
// long each took, and what a process has used meanwhile. A run is: warm up, the window, and no new
// request behind it. One thread, or a lock of the caller's.

struct samples {
    int64_t open_ns, close_ns; // the window, clock_mono_ns
    long pid;                  // whose CPU time is read; 0: nobody's
    uint32_t *us;              // of each answer in the window
    size_t count, room;
    uint64_t total; // answers, outside of the window too
    double cpu_s;
    bool has_opened, has_closed;
};

// Seconds of user and system time that the process has used, with threads that have ended.
static inline double samples_cpu_s(long pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    size_t len = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL)
        fclose(file);
    text[len] = '\0';
    char *at = strrchr(text, ')'); // the name may hold blanks
    for (int field = 2; at != NULL && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL) {
        fprintf(stderr, "process %ld is not there\n", pid);
        exit(1);
    }
    unsigned long user = strtoul(at, &at, 10), kernel = strtoul(at, NULL, 10);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static inline struct samples samples_begin(int64_t warm_ms, int64_t window_ms, long pid)
{
    int64_t open_ns = clock_mono_ns() + warm_ms * 1000000;
    return (struct samples){
        .open_ns = open_ns, .close_ns = open_ns + window_ms * 1000000, .pid = pid};
}

// To be called often. True once the window is over.
static inline bool samples_look(struct samples *samples, int64_t now_ns)
{
    if (!samples->has_opened && now_ns >= samples->open_ns) {
        samples->has_opened = true;
        samples->close_ns += now_ns - samples->open_ns;
        samples->open_ns = now_ns;
        samples->cpu_s = samples->pid == 0 ? 0 : samples_cpu_s(samples->pid);
    }
    if (!samples->has_closed && now_ns >= samples->close_ns) {
        samples->has_closed = true;
        samples->close_ns = now_ns;
        samples->cpu_s = samples->pid == 0 ? 0 : samples_cpu_s(samples->pid) - samples->cpu_s;
    }
    return samples->has_closed;
}

static inline void samples_add(struct samples *samples, int64_t begun_ns, int64_t now_ns)
{
    samples->total++;
    if (samples_look(samples, now_ns) || !samples->has_opened)
        return;
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? 65536 : samples->room * 2;
        samples->us = mem_grow(samples->us, samples->room, sizeof *samples->us);
    }
    samples->us[samples->count++] = (uint32_t)((now_ns - begun_ns) / 1000);
}

static inline int samples_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

// One line of JSON on standard output; frees. False where nothing was counted.
static inline bool samples_end(struct samples *samples)
{
    size_t count = samples->count;
    if (count == 0)
        return false;
    qsort(samples->us, count, sizeof *samples->us, samples_compare);
    double window_s = (double)(samples->close_ns - samples->open_ns) / 1e9;
    printf("{\"total\": %" PRIu64 ", \"answers\": %zu, \"rate\": %.3f, \"p50_us\": %" PRIu32
           ", \"p99_us\": %" PRIu32 ", \"most_us\": %" PRIu32 ", \"cpu_us\": %.3f}\n",
           samples->total, count, (double)count / window_s, samples->us[count / 2],
           samples->us[count * 99 / 100], samples->us[count - 1],
           samples->cpu_s * 1e6 / (double)count);
    free(samples->us);
    samples->us = NULL;
    return true;
}
