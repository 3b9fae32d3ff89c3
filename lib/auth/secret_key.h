// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "auth/keys.h"
#include "base/err.h"
#include "base/text.h"
#include "crypto/ed25519.h"
#include "crypto/seal.h"

// The setting SECRET_KEY, and what is kept with it: the signing keys in the table signing_key,
// where a copy of the database is of no use without it. Any thread, once crypto_init was called.

enum { AUTH_SECRET_KEY_MIN = 32, AUTH_SECRET_KEY_MAX = 1024 }; // bytes

// Long enough, no example value from a page (changeme, your-secret, jwt.io's, a tutorial's), not
// one character or one piece again and again. ERR_FATAL with a sentence that says how to make one;
// the value is not in it.
MUST_CHECK enum err auth_secret_key_check(struct bytes secret, struct why *why);

// Derived from a SECRET_KEY once, at start; its owner wipes it (crypto_wipe).
struct auth_sealer {
    struct crypto_seal_key key;
};
// ERR_FATAL as auth_secret_key_check; ERR_RETRY: no memory for the derivation.
MUST_CHECK enum err auth_sealer_init(struct auth_sealer *sealer, struct bytes secret,
                                     struct why *why);

// What a row of signing_key holds.
enum { AUTH_SEALED_KEY_BYTES = CRYPTO_ED25519_SEED_BYTES + CRYPTO_SEAL_OVERHEAD };
struct auth_sealed_key {
    struct auth_key key;
    uint8_t sealed[AUTH_SEALED_KEY_BYTES];
};

// A new signing key.
void auth_sealed_key_new(const struct auth_sealer *sealer, struct auth_sealed_key *ret);
// The secret of a row, which the caller wipes. ERR_FATAL with a sentence for the operator: the row
// was sealed with another SECRET_KEY or is damaged, or its kid and public key are not the secret's.
MUST_CHECK enum err auth_sealed_key_open(const struct auth_sealer *sealer,
                                         const struct auth_key *key, struct bytes sealed,
                                         struct crypto_ed25519_secret *ret, struct why *why);
