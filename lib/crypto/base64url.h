// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// Base64 with the URL-safe alphabet and without padding (RFC 4648 section 5, RFC 7515 appendix C).
// Reading is strict: any bytes have exactly one spelling, every other text is refused. Pure; any
// thread.

// Characters for so many bytes, without the NUL.
#define CRYPTO_BASE64URL_LEN(bytes) (((size_t)(bytes)*4 + 2) / 3)

// Writes CRYPTO_BASE64URL_LEN(in.len) characters and the NUL.
void crypto_base64url(struct bytes in, char *ret);

// False where the text has a character that is not of the alphabet (padding and blanks too), a
// length that no bytes have, bits behind its last byte, or more bytes than `capacity`.
MUST_CHECK bool crypto_base64url_decode(struct bytes in, uint8_t *ret, size_t capacity,
                                        size_t *ret_len);
