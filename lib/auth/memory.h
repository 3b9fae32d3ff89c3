// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/token.h"
#include "base/text.h"

// Verified tokens, remembered until they expire: checking a signature costs many times what all
// else of a small request does (700,000 instructions, finding a token here 3,500). Keyed by a hash
// of the token's bytes (BLAKE2b, 256 bits), of a size that is fixed at the start; where it is full
// the one that ends soonest makes room. Any thread.
//
//   struct auth_memory_place place;
//   if (!auth_memory_find(memory, token, now_s, &claims, &place)) {
//       ... auth_token_verify, and is it revoked? ...
//       auth_memory_keep(memory, &place, &claims);
//   }
//
// A flush ends what is remembered, and also what is being verified while it comes: a place from
// before it keeps nothing. So whoever learns of a revocation first notes it where the check looks,
// then flushes; no token that the check would refuse is found afterwards.

struct auth_memory;

struct auth_memory *auth_memory_new(size_t capacity); // tokens, rounded up to a power of two
void auth_memory_free(struct auth_memory *memory);
DEFINE_CLEANUP(struct auth_memory, auth_memory_free)

// Where a token that was not found would be kept. Plain data.
struct auth_memory_place {
    uint8_t key[32];
    uint64_t generation;
};

// False: not remembered (or expired); *ret_place is written then.
MUST_CHECK bool auth_memory_find(struct auth_memory *memory, struct bytes token, int64_t now_s,
                                 struct auth_claims *ret, struct auth_memory_place *ret_place);
// The same for a token that was not found in another memory, by its place there.
MUST_CHECK bool auth_memory_find_too(struct auth_memory *memory,
                                     const struct auth_memory_place *other, int64_t now_s,
                                     struct auth_claims *ret, struct auth_memory_place *ret_place);
void auth_memory_keep(struct auth_memory *memory, const struct auth_memory_place *place,
                      const struct auth_claims *claims);
void auth_memory_flush(struct auth_memory *memory);
// How many are remembered now, for metrics.
size_t auth_memory_count(struct auth_memory *memory, int64_t now_s);
