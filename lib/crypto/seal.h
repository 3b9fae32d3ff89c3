// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// Small secrets encrypted for a table or a file: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03)
// with a random nonce, so that one key seals any number of them. Any thread, once crypto_init was
// called.

// Its owner wipes it (crypto_wipe).
struct crypto_seal_key {
    uint8_t bytes[32];
};

// From a text that people chose: argon2id (19 MiB, 2 passes), so that trying one costs as much as
// trying a password. The key is good for `purpose` only: what was sealed for one is nothing to
// another. Takes tens of milliseconds: once per process. ERR_RETRY: no memory.
MUST_CHECK enum err crypto_seal_key_from(struct bytes passphrase, const char *purpose,
                                         struct crypto_seal_key *ret, struct why *why);

// A byte that says the format (1), the nonce, the encrypted bytes, the tag.
enum { CRYPTO_SEAL_OVERHEAD = 1 + 24 + 16 };

// Writes plain.len + CRYPTO_SEAL_OVERHEAD bytes. `context` is not in them but must be the same when
// they are opened: what the secret belongs to, so that it cannot be moved to another row.
void crypto_seal(const struct crypto_seal_key *key, struct bytes plain, struct bytes context,
                 uint8_t *ret);
// Writes sealed.len - CRYPTO_SEAL_OVERHEAD bytes; false (and nothing written that is of use):
// another key, another context, or not the bytes that were sealed.
MUST_CHECK bool crypto_seal_open(const struct crypto_seal_key *key, struct bytes sealed,
                                 struct bytes context, uint8_t *ret);
