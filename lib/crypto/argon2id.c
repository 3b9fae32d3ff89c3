// SPDX-License-Identifier: MIT
// libsodium verifies any string of its kind, also one that asks for 4 GiB: the parser here reads
// what a string would cost, and is at least as strict as the library, so that a string that passes
// is one whose cost was read.

#include "crypto/argon2id.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "crypto/base64.h"

static_assert(crypto_pwhash_argon2id_STRBYTES == CRYPTO_ARGON2ID_MAX, "a string and its NUL");

enum err crypto_argon2id_hash(struct bytes password, char ret[CRYPTO_ARGON2ID_MAX], struct why *why)
{
    if (crypto_pwhash_argon2id_str(ret, (const char *)password.data, password.len,
                                   CRYPTO_ARGON2ID_PASSES,
                                   (size_t)CRYPTO_ARGON2ID_MEMORY_KIB * 1024) != 0)
        return why_say(why, ERR_RETRY, "no memory to hash a password");
    return ERR_OK;
}

// Moves *at over `text`; false where it is not there.
static bool skip(const char **at, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

// A decimal number from 1 to 2^32 - 1 without zeros in front.
static bool skip_number(const char **at, uint32_t *ret)
{
    uint64_t value = 0;
    const char *from = *at;
    if (*from == '0')
        return false;
    for (; **at >= '0' && **at <= '9' && *at - from < 10; (*at)++)
        value = value * 10 + (uint64_t)(**at - '0');
    *ret = (uint32_t)value;
    return *at > from && value <= UINT32_MAX;
}

// Base64 without padding up to the next '$' or the end, of `min` to `max` bytes.
static bool skip_base64(const char **at, size_t min, size_t max)
{
    uint8_t bytes[64];
    size_t chars = strcspn(*at, "$"), len = 0;
    if (!crypto_base64_decode(bytes_of(*at, chars), "+/", bytes, max, &len) || len < min)
        return false;
    *at += chars;
    return true;
}

bool crypto_argon2id_parse(const char *string, struct crypto_argon2id_cost *ret)
{
    struct crypto_argon2id_cost cost = {0};
    const char *at = string;
    bool is_one = strnlen(string, CRYPTO_ARGON2ID_MAX) < CRYPTO_ARGON2ID_MAX &&
                  skip(&at, "$argon2id$v=19$m=") && skip_number(&at, &cost.memory_kib) &&
                  skip(&at, ",t=") && skip_number(&at, &cost.passes) && skip(&at, ",p=") &&
                  skip_number(&at, &cost.lanes) && skip(&at, "$") && skip_base64(&at, 8, 48) &&
                  skip(&at, "$") && skip_base64(&at, 16, 64) && *at == '\0' &&
                  cost.lanes < 1U << 24 && cost.memory_kib >= 8 * cost.lanes; // RFC 9106, 3.1
    if (is_one)
        *ret = cost;
    return is_one;
}

enum err crypto_argon2id_verify(const char *string, struct bytes password, bool *ret_matches,
                                struct why *why)
{
    errno = 0;
    bool is_match =
        crypto_pwhash_argon2id_str_verify(string, (const char *)password.data, password.len) == 0;
    if (!is_match && errno == ENOMEM)
        return why_say(why, ERR_RETRY, "no memory to verify a password");
    *ret_matches = is_match;
    return ERR_OK;
}
