// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "crypto/ed25519.h"

// The keys that tokens are signed with: one signs, several verify (those that were replaced do so
// until their last tokens have ended). A ring is shared: any thread may read it while another
// replaces what is in it.

// A key's id is its thumbprint (RFC 7638, RFC 8037): it cannot name another key.
enum { AUTH_KID_LEN = 43, AUTH_KEYS_MAX = 8 };

struct auth_key {
    char kid[AUTH_KID_LEN + 1];
    uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES];
};

void auth_key_kid(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES],
                  char ret[AUTH_KID_LEN + 1]);

struct auth_keys; // a ring

struct auth_keys *auth_keys_new(void); // empty: verifies and signs nothing
void auth_keys_free(struct auth_keys *keys);
DEFINE_CLEANUP(struct auth_keys, auth_keys_free)

// What is in it from now on: up to AUTH_KEYS_MAX keys, and the secret of the one that signs (NULL:
// none does; else copied). ERR_REJECT, and nothing changes: too many, a kid that is not the key's,
// two of the same kid, or a secret of none of them. Who remembers verified tokens forgets them
// after this (auth_memory_flush).
MUST_CHECK enum err auth_keys_replace(struct auth_keys *keys, const struct auth_key *all,
                                      size_t count, const struct crypto_ed25519_secret *signing,
                                      struct why *why);
size_t auth_keys_count(struct auth_keys *keys);
// False: no such key, or none that signs.
MUST_CHECK bool auth_keys_find(struct auth_keys *keys, struct bytes kid,
                               uint8_t ret[CRYPTO_ED25519_PUBLIC_BYTES]);
// The caller wipes the secret.
MUST_CHECK bool auth_keys_signing(struct auth_keys *keys, char ret_kid[AUTH_KID_LEN + 1],
                                  struct crypto_ed25519_secret *ret);
// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037), in the order given. ERR_REJECT: over
// the text's ceiling (256 bytes a key are enough).
MUST_CHECK enum err auth_keys_write_jwks(struct auth_keys *keys, struct text *out);
