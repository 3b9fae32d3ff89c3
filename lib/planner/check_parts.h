// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "domain/features.h"
#include "planner/check.h"
#include "planner/lists.h"
#include "planner/terms.h"

// The inside of the check, shared by the files check*.c only.

#define ALIKE_FROM 0.8

// Runs of this many words of the instruction in an action are an echo of it.
enum { ECHO_WORDS = 8, ECHO_BITS = 8192 };

struct check {
    struct lists lists[LANGUAGES];
    struct echoes {
        uint64_t *hashes; // of the instruction's runs of words, sorted
        size_t count;
        uint64_t bits[ECHO_BITS / 64]; // one for each of them: most other runs have another
    } echoes[LANGUAGES];
};

static inline bool check_has_bit(const struct echoes *echoes, uint64_t hash)
{
    uint64_t bit = hash >> 32 & (ECHO_BITS - 1);
    return (echoes->bits[bit / 64] >> bit % 64 & 1) != 0;
}

// check_learn.c
uint64_t check_hash_run(const struct term *words); // of ECHO_WORDS words
int check_compare_runs(const void *a, const void *b);

// check_shape.c: what needs no words.
struct bytes shape_trim(struct bytes text); // without the blanks and line ends around it
enum fault shape_check(struct bytes action);

// check_words.c: what needs the lists; the words are marked with those of the language. Each gives
// FAULT_NONE or what it looks for.
bool check_is_in_language(const struct terms *actions, size_t count);
enum fault check_language(const struct check *check, enum language language, struct bytes action,
                          const struct terms *terms);
enum fault check_lists(const struct check *check, enum language language, struct bytes action,
                       const struct terms *terms);

// check_signs.c: links, telephone numbers, markup and numbers.
enum fault check_signs(const struct check *check, enum language language, struct bytes action,
                       const struct terms *terms);
// Whether a number stands in the action that would be an amount of money or a rate of pay.
bool signs_have_money(struct bytes action, const struct terms *terms);

// check_names.c: people's names.
enum fault check_names(const struct check *check, enum language language, struct bytes action,
                       const struct terms *terms);
