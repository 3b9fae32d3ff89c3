// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/pg.h"

// The table signing_key: the keys that sign access tokens, sealed; how is the caller's business.
// Every call is atomic, outside of a transaction of the caller's, durable once it has given ERR_OK,
// and may be sent again after ERR_RETRY. Times are the caller's, milliseconds since 1970. One
// thread.

enum { SIGNING_KEYS_MAX = 16, SIGNING_KEYS_PUBLIC_BYTES = 32 };
#define SIGNING_KEYS_NO_END INT64_MAX

struct signing_key {
    struct bytes kid;
    struct bytes public_key; // SIGNING_KEYS_PUBLIC_BYTES
    struct bytes sealed_key;
    int64_t created_at_ms;
    int64_t signs_from_ms;
    int64_t verifies_until_ms; // SIGNING_KEYS_NO_END: none is set
};

// Those that verify at `now_ms` or will, the latest signs_from first: the first whose signs_from_ms
// has come signs. Text is lent from *ret_rows, which the caller frees (pg_rows_free).
MUST_CHECK enum err signing_keys_list(struct pg *pg, int64_t now_ms,
                                      struct signing_key ret[SIGNING_KEYS_MAX], size_t *ret_count,
                                      struct pg_rows **ret_rows, struct why *why);
// Stores the key unless there is one that signs at `now_ms`: of several gateways that start at once
// one gets its key in, and all of them list the same afterwards.
MUST_CHECK enum err signing_keys_add_first(struct pg *pg, const struct signing_key *key,
                                           int64_t now_ms, bool *ret_added, struct why *why);
// Stores the key, and has every other one that has no end verify until `others_until_ms`: that is
// the new one's signs_from_ms and the longest life of a token, at least. *ret_added false: a key of
// this kid is there; nothing else was changed.
MUST_CHECK enum err signing_keys_rotate(struct pg *pg, const struct signing_key *key,
                                        int64_t others_until_ms, bool *ret_added, struct why *why);
// From `at_ms` on this key verifies nothing. *ret_found false: there is no such key.
MUST_CHECK enum err signing_keys_retire(struct pg *pg, struct bytes kid, int64_t at_ms,
                                        bool *ret_found, struct why *why);
