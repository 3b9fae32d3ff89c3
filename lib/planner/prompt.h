// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "domain/features.h"
#include "planner/basis.h"
#include "planner/faults.h"

// What a language model is asked: a fixed instruction, and one JSON object made of the features
// file's own words. A prompt is a function of the basis: equal bases give the same bytes, so equal
// prompts can share an answer. Pure functions, any thread.

struct prompt {
    const char *system; // the instruction, static
    struct text user;   // the JSON object
    // Of the version of the instruction, both texts and nothing else, in hex.
    char sha256[CRYPTO_SHA256_HEX];
};

// Changes whenever the text of an instruction does.
const char *prompt_version(void);
const char *prompt_system(enum language language);

// The prompt of a basis of these features; what *ret held is not looked at. ERR_FATAL where the
// features' words do not fit into 64 KiB, which the reader of the features file rules out.
MUST_CHECK enum err prompt_write(const struct features *features, const struct basis *basis,
                                 struct prompt *ret, struct why *why);
void prompt_done(struct prompt *prompt); // also the CLEANUP

// Appends the user's turn of a further attempt: the same object with a member "correction", which
// says in the features' language what was wrong with the answer before, and quotes nothing of it.
// ERR_REJECT where `out` is full.
MUST_CHECK enum err prompt_write_again(const struct prompt *prompt, enum language language,
                                       enum fault fault, struct text *out);
