// SPDX-License-Identifier: MIT
// Reading is our own: libsodium 1.0.18 reads bytes beyond ASCII as characters of the alphabet where
// char is signed (0xc3 as '_'), and says yes to a text of which only the beginning is good
// ("AQID.x"), so that bytes would have several spellings. What is read here is no secret that is
// guessed at, so it need not take the same time for every text.

#include "crypto/base64url.h"

#include <sodium.h>

#include "crypto/base64.h"

void crypto_base64url(struct bytes in, char *ret)
{
    sodium_bin2base64(ret, CRYPTO_BASE64URL_LEN(in.len) + 1, in.data, in.len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

// 0 to 63; 64: not of the alphabet.
static unsigned value_of(uint8_t c, const char last[2])
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0' + 52);
    return c == (uint8_t)last[0] ? 62 : c == (uint8_t)last[1] ? 63 : 64;
}

bool crypto_base64_decode(struct bytes in, const char last[2], uint8_t *ret, size_t capacity,
                          size_t *ret_len)
{
    size_t len = in.len / 4 * 3 + in.len % 4 * 3 / 4;
    if (in.len % 4 == 1 || len > capacity)
        return false;
    unsigned bits = 0, count = 0; // read, and not written yet
    uint8_t *to = ret;
    for (size_t i = 0; i < in.len; i++) {
        unsigned value = value_of(in.data[i], last);
        if (value > 63)
            return false;
        bits = (bits << 6 | value) & 0xfff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *to++ = (uint8_t)(bits >> count);
        }
    }
    if ((bits & ((1U << count) - 1)) != 0)
        return false;
    *ret_len = len;
    return true;
}

bool crypto_base64url_decode(struct bytes in, uint8_t *ret, size_t capacity, size_t *ret_len)
{
    return crypto_base64_decode(in, "-_", ret, capacity, ret_len);
}
