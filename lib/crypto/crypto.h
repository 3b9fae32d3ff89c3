// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// The primitives, and the only place that knows libsodium. This header has what needs no key:
// SHA-256, which names files, artefacts and migrations by what they contain, random bytes,
// comparing and wiping; ed25519.h signs, seal.h encrypts, argon2id.h hashes passwords, base64url.h
// writes bytes as text. Any thread; one thread per running hash.

// Once in main, before anything of this module but SHA-256 and base64url; again does nothing.
// ERR_FATAL: the machine gives no random bytes.
MUST_CHECK enum err crypto_init(struct why *why);

// From the kernel's generator, fit for keys and tokens.
void crypto_random(void *ret, size_t len);
// In a time that depends on `len` only, for what an attacker may try again and again.
bool crypto_equal(const void *a, const void *b, size_t len);
// Zeroes that no compiler leaves out: for keys and passwords that are no longer needed.
void crypto_wipe(void *secret, size_t len);

enum { CRYPTO_SHA256_BYTES = 32, CRYPTO_SHA256_HEX = 65 }; // hex: 64 digits and the NUL

// FIPS 180-4. A hash of bytes that come piece by piece.
struct crypto_sha256 {
    _Alignas(16) uint8_t opaque[128];
};
void crypto_sha256_init(struct crypto_sha256 *hash);
void crypto_sha256_update(struct crypto_sha256 *hash, struct bytes bytes);
// Ends it; the object may be started again with init only.
void crypto_sha256_final(struct crypto_sha256 *hash, uint8_t ret[CRYPTO_SHA256_BYTES]);
// As final, in lower-case hex.
void crypto_sha256_final_hex(struct crypto_sha256 *hash, char ret[CRYPTO_SHA256_HEX]);

// Of bytes that are all here.
void crypto_sha256(struct bytes bytes, uint8_t ret[CRYPTO_SHA256_BYTES]);
void crypto_sha256_hex(struct bytes bytes, char ret[CRYPTO_SHA256_HEX]);

enum { CRYPTO_BLAKE2B_BYTES = 32 };

// BLAKE2b with 256 bits (RFC 7693): as hard to collide as SHA-256 at a sixth of its work here, for
// what nobody but this process looks up.
void crypto_blake2b(struct bytes bytes, uint8_t ret[CRYPTO_BLAKE2B_BYTES]);
