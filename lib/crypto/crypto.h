// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// SHA-256 (FIPS 180-4): names files, artefacts and migrations by what they contain. The only place
// that knows libsodium. No secrets pass here. Any thread; one thread per running hash.

enum { CRYPTO_SHA256_BYTES = 32, CRYPTO_SHA256_HEX = 65 }; // hex: 64 digits and the NUL

// A hash of bytes that come piece by piece.
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
void crypto_sha256_hex(struct bytes bytes, char ret[CRYPTO_SHA256_HEX]);
