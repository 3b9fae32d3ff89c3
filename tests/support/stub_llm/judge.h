// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"
#include "forbid.h"

// Looks at a request as a model's provider never would: whether it keeps the rules of this project
// about what leaves the house. One thread per object.

enum dialect { DIALECT_GEMINI, DIALECT_OPENAI };

// A request as it came, borrowed. Header values are NULL where they are absent.
struct incoming {
    const char *method, *path;
    bool has_query, has_key_in_query;
    const char *api_key, *authorization, *content_type;
    struct bytes headers; // all of them, "name: value" lines
    struct bytes body;
};

// What was asked for. Owned.
struct asked {
    enum dialect dialect;
    struct text model, system, user; // the model's name, and the two texts of the prompt
    bool is_french;
};
#define ASKED_INIT                                                                                 \
    ((struct asked){                                                                               \
        .model = TEXT_INIT(256), .system = TEXT_INIT(1 << 20), .user = TEXT_INIT(1 << 20)})
void asked_done(struct asked *asked);

// True where the path is one that a model answers; which kind.
bool judge_is_model_path(const char *path, enum dialect *ret);

// ERR_OK: fills *ret (ASKED_INIT before). ERR_REJECT: a rule is broken, with a code to count by
// ("no-key", "key-in-url", "store", "forbidden", ...) and a sentence that holds nothing of the
// request.
MUST_CHECK enum err judge(const struct forbid *forbid, const struct incoming *incoming,
                          struct asked *ret, struct why *why);
