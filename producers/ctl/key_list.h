// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/pg.h"
#include "store/signing_keys.h"

// The keys that verify now, for the commands on keys. Main thread.

struct key_list {
    struct signing_key keys[SIGNING_KEYS_MAX]; // the latest to sign first
    size_t count;
    size_t signing; // which of them signs; `count`: none does
    int64_t now_ms;
    struct pg_rows *rows; // holds the text of `keys`
};
MUST_CHECK enum err key_list_read(struct pg *pg, struct key_list *ret, struct why *why);
void key_list_done(struct key_list *list); // also a CLEANUP
