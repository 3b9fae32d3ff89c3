// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "ask.h"
#include "base/err.h"
#include "base/text.h"
#include "decide.h"
#include "http/exchange.h"
#include "store/pg.h"

// Idempotency keys: whether a call is the first with its key, and what the others are told. One
// thread at a time per repeat.

struct gateway;

struct repeat {
    enum decide_repeat is;
    char id[128 + 1]; // of the first call
    struct text body; // its result, where it is done
    char code[64];    // why it failed
    char detail[400];
};
void repeat_done(struct repeat *repeat);

// On a connection's thread, before the call is sent; may be asked again. *ret_is_new: it is the
// first, go on. Otherwise repeat_answer says what is to be said.
MUST_CHECK enum err repeat_claim(struct repeat *repeat, struct pg *pg, struct gateway *gateway,
                                 const struct ask *ask, const char *key, bool *ret_is_new,
                                 struct why *why);
// Ends the exchange.
void repeat_answer(struct repeat *repeat, struct http_exchange *exchange);
