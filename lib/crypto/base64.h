// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// The strict reader of both alphabets, for this module's files. `last` are its characters 62 and
// 63, "-_" or "+/". As crypto_base64url_decode says.
MUST_CHECK bool crypto_base64_decode(struct bytes in, const char last[2], uint8_t *ret,
                                     size_t capacity, size_t *ret_len);
