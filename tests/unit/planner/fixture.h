// SPDX-License-Identifier: MIT
#pragma once

#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "planner/check.h"

// What tests of the planner share: features, checks, and files of one case a line.

static inline struct features *load_features(const char *path)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(path, &features, &why), &why);
    return features;
}
#define SHIPPED SOURCE_DIR "/models/features.json"
#define SECOND  SOURCE_DIR "/tests/data/second/features.json"

static inline struct check *make_check(const struct features *features)
{
    struct check *check = NULL;
    struct why why = {0};
    assert_ok(check_new(features, &check, &why), &why);
    return check;
}

struct line {
    char text[1024];
};

// The lines of tests/unit/planner/data/<name>, without those that begin with '#'; the caller frees.
static inline struct line *read_lines(const char *name, size_t *ret_count)
{
    char path[256];
    struct line *lines = NULL, line;
    size_t count = 0;
    snprintf(path, sizeof path, "%s/tests/unit/planner/data/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line.text, sizeof line.text, file) != NULL) {
        assert_non_null(strchr(line.text, '\n'));
        *strchr(line.text, '\n') = '\0';
        if (line.text[0] == '#')
            continue;
        lines = mem_grow(lines, count + 1, sizeof *lines);
        lines[count++] = line;
    }
    assert_int_equal(fclose(file), 0);
    assert_true(count > 0);
    *ret_count = count;
    return lines;
}

// An answer of three texts, each of which is the inside of a JSON string.
struct answer {
    char text[8192];
};
static inline struct bytes answer_of(struct answer *answer, const char *a, const char *b,
                                     const char *c)
{
    int len = snprintf(answer->text, sizeof answer->text,
                       "{\"action_1\":\"%s\",\"action_2\":\"%s\",\"action_3\":\"%s\"}", a, b, c);
    assert_true(len > 0 && (size_t)len < sizeof answer->text);
    return bytes_of(answer->text, (size_t)len);
}
