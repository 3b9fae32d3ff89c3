// SPDX-License-Identifier: MIT
// Counts of rows are those read so far, so on a terminal they run ahead of what is committed by one
// transaction at most; the summary counts what is committed.

#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"

enum { TERMINAL_MS = 200, LOG_MS = 5000, GROUPED_MAX = 32 };

// 1234567 as 1,234,567.
static const char *grouped(int64_t value, char out[GROUPED_MAX])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, value < 0 ? 0 : value), at = 0;
    for (int i = 0; i < len && at < GROUPED_MAX - 2; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static int64_t rows_per_second(const struct show *show, const struct progress *now, int64_t ms)
{
    int64_t rows = now->rows_done - show->at_start.rows_done;
    return (int64_t)((double)rows * 1000 / (double)(ms < 1 ? 1 : ms));
}

static void show_wait(const char *event, const struct why *why)
{
    if (isatty(STDERR_FILENO) == 1)
        fprintf(stderr, "%s\n", why->text);
    else
        log_warn(event, "why=\"%s\"", why->text);
}

void show_registry_wait(const struct why *why)
{
    show_wait("registry-waits", why);
}

void show_kafka_wait(void *unused UNUSED, const struct why *why)
{
    show_wait("kafka-waits", why);
}

void show_start(struct show *show, int64_t size_bytes, const struct progress *at_start)
{
    *show = (struct show){.is_terminal = isatty(STDERR_FILENO) == 1,
                          .size_bytes = size_bytes,
                          .at_start = *at_start,
                          .started_ms = clock_mono_ms(),
                          .last_ms = clock_mono_ms()};
}

static void write_terminal(const struct show *show, const struct progress *now, int64_t ms,
                           int64_t left_s)
{
    char rows[GROUPED_MAX], pace[GROUPED_MAX], rejected[GROUPED_MAX], left[32] = "";
    if (left_s >= 3600)
        snprintf(left, sizeof left, ", %" PRId64 ":%02d:%02d left", left_s / 3600,
                 (int)(left_s / 60 % 60), (int)(left_s % 60));
    else if (left_s >= 0)
        snprintf(left, sizeof left, ", %d:%02d left", (int)(left_s / 60), (int)(left_s % 60));
    fprintf(stderr, "\r%s rows, %s rows/s, %s rejected%s\x1b[K", grouped(now->rows_done, rows),
            grouped(rows_per_second(show, now, ms), pace), grouped(now->rejected, rejected), left);
}

void show_update(struct show *show, const struct progress *now)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms - show->last_ms < (show->is_terminal ? TERMINAL_MS : LOG_MS))
        return;
    show->last_ms = now_ms;
    int64_t ms = now_ms - show->started_ms;
    int64_t left_s =
        decide_seconds_left(show->at_start.bytes_done, now->bytes_done, show->size_bytes, ms);
    if (show->is_terminal)
        write_terminal(show, now, ms, left_s);
    else
        log_info("progress",
                 "rows=%" PRId64 " rows_per_s=%" PRId64 " rejected=%" PRId64 " left_s=%" PRId64,
                 now->rows_done, rows_per_second(show, now, ms), now->rejected, left_s);
}

void show_clear(const struct show *show)
{
    if (show->is_terminal)
        fprintf(stderr, "\r\x1b[K");
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

void show_summary(const struct show *show, const struct progress *now, const char *file,
                  const char *reject_file, bool is_file_time)
{
    char when[FORMAT_TIME_MAX];
    char rows[GROUPED_MAX], sent[GROUPED_MAX], rejected[GROUPED_MAX], earlier[GROUPED_MAX],
        pace[GROUPED_MAX];
    int64_t ms = clock_mono_ms() - show->started_ms;
    show_clear(show);
    printf("%s: %s rows, %s events sent, %s rejected; this run: %.1f s, %s rows/s\n", file,
           grouped(now->rows_done, rows), grouped(now->events_done, sent),
           grouped(now->rejected, rejected), (double)ms / 1000,
           grouped(rows_per_second(show, now, ms), pace));
    if (show->at_start.rows_done > 0)
        printf("the first %s rows were there already\n",
               grouped(show->at_start.rows_done, earlier));
    format_time_ms(now->event_time_ms, when);
    printf("event time %s%s: newer states of these employees stay as they are\n", when,
           !is_file_time                  ? ""
           : show->at_start.rows_done > 0 ? ", of the first run"
                                          : ", the file's time of change (else give --event-time)");
    if (now->rejected > 0 && is_there(reject_file))
        printf("the rejected rows are in %s, with line and reason\n", reject_file);
}

void show_done(const struct progress *done, const char *file, const char *reject_file)
{
    printf("%s: already imported, nothing to do", file);
    if (done->rejected > 0 && is_there(reject_file))
        printf(" but to mend the %" PRId64 " rows that were rejected: %s", done->rejected,
               reject_file);
    else if (done->rejected > 0)
        printf("; %" PRId64 " rows were rejected, and %s is gone: --restart sends the file again "
               "and tells them",
               done->rejected, reject_file);
    putchar('\n');
}

void show_unknowns(int64_t rows, const char *list)
{
    printf("%" PRId64
           " rows have values that the features file does not know, so a model may have no "
           "score for them: %s\n",
           rows, list);
}
