// SPDX-License-Identifier: MIT
// What libsodium has of it, behind types of our own. The running state of a hash is kept in an
// opaque block, so that the header names no foreign type; the assertion below holds the block to
// the library's size. SHA-256 needs no crypto_init: it uses neither the random source nor the
// run-time choice of an implementation.

#include "crypto/crypto.h"

#include <assert.h>

#include <sodium.h>

static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct crypto_sha256),
              "the block is too small");
static_assert(_Alignof(crypto_hash_sha256_state) <= _Alignof(struct crypto_sha256),
              "and aligned for it");
static_assert(crypto_hash_sha256_BYTES == CRYPTO_SHA256_BYTES, "the digest of SHA-256");

enum err crypto_init(struct why *why)
{
    if (sodium_init() < 0)
        return why_say(why, ERR_FATAL, "libsodium cannot start: the machine gives no random bytes");
    return ERR_OK;
}

void crypto_random(void *ret, size_t len)
{
    randombytes_buf(ret, len);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *secret, size_t len)
{
    sodium_memzero(secret, len);
}

static crypto_hash_sha256_state *state_of(struct crypto_sha256 *hash)
{
    return (crypto_hash_sha256_state *)(void *)hash->opaque;
}

// The three library calls return 0 always; there is no verdict to pass on.
void crypto_sha256_init(struct crypto_sha256 *hash)
{
    IGNORE(crypto_hash_sha256_init(state_of(hash)));
}

void crypto_sha256_update(struct crypto_sha256 *hash, struct bytes bytes)
{
    if (bytes.len > 0)
        IGNORE(crypto_hash_sha256_update(state_of(hash), bytes.data, bytes.len));
}

void crypto_sha256_final(struct crypto_sha256 *hash, uint8_t ret[CRYPTO_SHA256_BYTES])
{
    IGNORE(crypto_hash_sha256_final(state_of(hash), ret));
}

void crypto_sha256_final_hex(struct crypto_sha256 *hash, char ret[CRYPTO_SHA256_HEX])
{
    uint8_t digest[CRYPTO_SHA256_BYTES];
    crypto_sha256_final(hash, digest);
    sodium_bin2hex(ret, CRYPTO_SHA256_HEX, digest, sizeof(digest));
}

void crypto_sha256(struct bytes bytes, uint8_t ret[CRYPTO_SHA256_BYTES])
{
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes);
    crypto_sha256_final(&hash, ret);
}

void crypto_sha256_hex(struct bytes bytes, char ret[CRYPTO_SHA256_HEX])
{
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes);
    crypto_sha256_final_hex(&hash, ret);
}

void crypto_blake2b(struct bytes bytes, uint8_t ret[CRYPTO_BLAKE2B_BYTES])
{
    IGNORE(crypto_generichash_blake2b(ret, CRYPTO_BLAKE2B_BYTES, bytes.data, bytes.len, NULL, 0));
}
