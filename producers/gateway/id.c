// SPDX-License-Identifier: MIT
#include "id.h"

#include <string.h>

#include "crypto/crypto.h"

// The kernel is asked for the randomness of many ids at once, by each thread.
static void take_random(uint8_t *ret, size_t len)
{
    static _Thread_local uint8_t bytes[1024];
    static _Thread_local size_t left;
    if (left < len) {
        crypto_random(bytes, sizeof bytes);
        left = sizeof bytes;
    }
    left -= len;
    memcpy(ret, bytes + left, len);
}

void id_new(int64_t now_ms, char ret[ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    take_random(bytes, sizeof bytes);
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)((uint64_t)now_ms >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f)); // version
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); // variant
    char *out = ret;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 0x0f];
    }
    *out = '\0';
}
