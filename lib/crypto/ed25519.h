// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

// Ed25519 (RFC 8032), detached signatures. Plain data; any thread, once crypto_init was called.

enum {
    CRYPTO_ED25519_SEED_BYTES = 32, // what RFC 8032 calls the private key
    CRYPTO_ED25519_PUBLIC_BYTES = 32,
    CRYPTO_ED25519_SIGNATURE_BYTES = 64
};

// What signs; its owner wipes it (crypto_wipe).
struct crypto_ed25519_secret {
    uint8_t bytes[CRYPTO_ED25519_SEED_BYTES + CRYPTO_ED25519_PUBLIC_BYTES]; // seed, then public key
};

void crypto_ed25519_new(struct crypto_ed25519_secret *ret,
                        uint8_t ret_public[CRYPTO_ED25519_PUBLIC_BYTES]);
void crypto_ed25519_from_seed(const uint8_t seed[CRYPTO_ED25519_SEED_BYTES],
                              struct crypto_ed25519_secret *ret,
                              uint8_t ret_public[CRYPTO_ED25519_PUBLIC_BYTES]);
// The seed is the first half of the secret, and enough to keep.
struct bytes crypto_ed25519_seed(const struct crypto_ed25519_secret *secret); // borrowed
void crypto_ed25519_public(const struct crypto_ed25519_secret *secret,
                           uint8_t ret[CRYPTO_ED25519_PUBLIC_BYTES]);

void crypto_ed25519_sign(const struct crypto_ed25519_secret *secret, struct bytes message,
                         uint8_t ret[CRYPTO_ED25519_SIGNATURE_BYTES]);
// False also for public keys of small order and for spellings of a signature that are not canonical
// (RFC 8032 section 5.1.7: S below the group's order).
MUST_CHECK bool crypto_ed25519_verify(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                                      struct bytes message,
                                      const uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES]);
