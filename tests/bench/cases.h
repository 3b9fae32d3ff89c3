// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

// What a load sends and what must come back, as tests/bench/gateway writes it: for each a line
// STATUS PROBABILITY BYTES (PROBABILITY is "-" where the answer has none), then so many bytes and a
// line feed.

struct case_ {
    long status;
    bool has_probability;
    double probability;
    char *bytes;
    size_t len;
};

struct cases {
    struct case_ *list;
    size_t count;
};

static inline bool cases_read(const char *path, struct cases *ret)
{
    char probability[64];
    struct case_ one = {0};
    FILE *file = fopen(path, "rb");
    bool is_good = file != NULL;
    *ret = (struct cases){0};
    while (is_good && fscanf(file, "%ld %63s %zu", &one.status, probability, &one.len) == 3) {
        one.has_probability = probability[0] != '-';
        one.probability = one.has_probability ? strtod(probability, NULL) : 0;
        one.bytes = mem_array(one.len + 1, 1);
        is_good = getc(file) == '\n' && fread(one.bytes, 1, one.len, file) == one.len &&
                  getc(file) == '\n';
        ret->list = mem_grow(ret->list, ret->count + 1, sizeof *ret->list);
        ret->list[ret->count++] = one;
    }
    is_good = is_good && feof(file) && ret->count > 0;
    if (file != NULL)
        fclose(file);
    return is_good;
}

static inline void cases_free(struct cases *cases)
{
    for (size_t i = 0; i < cases->count; i++)
        free(cases->list[i].bytes);
    free(cases->list);
}
