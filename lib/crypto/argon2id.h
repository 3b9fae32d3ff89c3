// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// Argon2id (RFC 9106) for passwords, as strings in the usual form,
// $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH. A call takes the memory and the time that its string
// names, so whoever verifies a string from outside looks at its cost first. Any thread, once
// crypto_init was called.

// The least that the OWASP Password Storage Cheat Sheet recommends for argon2id: 19 MiB, 2 passes,
// 1 lane.
enum {
    CRYPTO_ARGON2ID_MEMORY_KIB = 19456,
    CRYPTO_ARGON2ID_PASSES = 2,
    CRYPTO_ARGON2ID_MAX = 128 // of a string, with the NUL
};

struct crypto_argon2id_cost {
    uint32_t memory_kib, passes, lanes;
};

// With a random salt of 16 bytes and a hash of 32. ERR_RETRY: no memory.
MUST_CHECK enum err crypto_argon2id_hash(struct bytes password, char ret[CRYPTO_ARGON2ID_MAX],
                                         struct why *why);
// False where it is no such string, to the letter: version 19, canonical numbers and base64, a salt
// of 8 to 48 bytes and a hash of 16 to 64.
MUST_CHECK bool crypto_argon2id_parse(const char *string, struct crypto_argon2id_cost *ret);
// Of a string that crypto_argon2id_parse accepts. ERR_RETRY: no memory.
MUST_CHECK enum err crypto_argon2id_verify(const char *string, struct bytes password,
                                           bool *ret_matches, struct why *why);
