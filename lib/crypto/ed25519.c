// SPDX-License-Identifier: MIT
// libsodium's secret key is the seed with the public key behind it, so both directions are a copy.

#include "crypto/ed25519.h"

#include <assert.h>

#include <sodium.h>

static_assert(crypto_sign_ed25519_SEEDBYTES == CRYPTO_ED25519_SEED_BYTES, "the seed");
static_assert(crypto_sign_ed25519_PUBLICKEYBYTES == CRYPTO_ED25519_PUBLIC_BYTES, "the public key");
static_assert(crypto_sign_ed25519_SECRETKEYBYTES == sizeof(struct crypto_ed25519_secret), "both");
static_assert(crypto_sign_ed25519_BYTES == CRYPTO_ED25519_SIGNATURE_BYTES, "the signature");

// The library's functions that make keys and signatures return 0 always.
void crypto_ed25519_new(struct crypto_ed25519_secret *ret,
                        uint8_t ret_public[CRYPTO_ED25519_PUBLIC_BYTES])
{
    IGNORE(crypto_sign_ed25519_keypair(ret_public, ret->bytes));
}

void crypto_ed25519_from_seed(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES],
                              struct crypto_ed25519_secret *ret,
                              uint8_t ret_public[CRYPTO_ED25519_PUBLIC_BYTES])
{
    IGNORE(crypto_sign_ed25519_seed_keypair(ret_public, ret->bytes, seed));
}

struct bytes crypto_ed25519_seed(const struct crypto_ed25519_secret *secret)
{
    return bytes_of(secret->bytes, CRYPTO_ED25519_SEED_BYTES);
}

void crypto_ed25519_public(const struct crypto_ed25519_secret *secret,
                           uint8_t ret[CRYPTO_ED25519_PUBLIC_BYTES])
{
    IGNORE(crypto_sign_ed25519_sk_to_pk(ret, secret->bytes));
}

void crypto_ed25519_sign(const struct crypto_ed25519_secret *secret, struct bytes message,
                         uint8_t ret[CRYPTO_ED25519_SIGNATURE_BYTES])
{
    IGNORE(crypto_sign_ed25519_detached(ret, NULL, message.data, message.len, secret->bytes));
}

bool crypto_ed25519_verify(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                           struct bytes message,
                           const uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES])
{
    return crypto_sign_ed25519_verify_detached(signature, message.data, message.len, public_key) ==
           0;
}
