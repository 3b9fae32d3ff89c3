// SPDX-License-Identifier: MIT
#pragma once

// Shared by the .c files of this module only: percent-encoding (RFC 3986, 2.1). Any thread.

static inline int percent_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// The byte that "XX" behind a '%' stands for; -1 where these are no hex digits.
static inline int percent_byte(const char *digits)
{
    int high = percent_digit(digits[0]), low = high < 0 ? -1 : percent_digit(digits[1]);
    return low < 0 ? -1 : high * 16 + low;
}

// Fit for texts of ours: no control character.
static inline int percent_is_printable(int byte)
{
    return byte >= 0x20 && byte != 0x7f;
}
