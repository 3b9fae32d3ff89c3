// SPDX-License-Identifier: MIT
#include "auth/opaque.h"

#include <assert.h>

#include "crypto/base64url.h"
#include "crypto/crypto.h"

enum { BYTES = 32 };
static_assert(CRYPTO_BASE64URL_LEN(BYTES) == AUTH_OPAQUE_LEN, "256 bits as text");
static_assert(CRYPTO_SHA256_HEX == AUTH_OPAQUE_HASH_LEN + 1, "SHA-256 in hex");

void auth_opaque_new(char ret[AUTH_OPAQUE_LEN + 1], char ret_hash[AUTH_OPAQUE_HASH_LEN + 1])
{
    uint8_t bytes[BYTES];
    crypto_random(bytes, sizeof bytes);
    crypto_base64url(bytes_of(bytes, sizeof bytes), ret);
    crypto_sha256_hex(bytes_of(ret, AUTH_OPAQUE_LEN), ret_hash);
    crypto_wipe(bytes, sizeof bytes);
}

bool auth_opaque_hash(struct bytes token, char ret[AUTH_OPAQUE_HASH_LEN + 1])
{
    uint8_t bytes[BYTES];
    size_t len = 0;
    bool is_one = token.len == AUTH_OPAQUE_LEN &&
                  crypto_base64url_decode(token, bytes, sizeof bytes, &len) && len == sizeof bytes;
    if (is_one)
        crypto_sha256_hex(token, ret);
    crypto_wipe(bytes, sizeof bytes);
    return is_one;
}
