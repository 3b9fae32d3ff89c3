// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>
#include <string.h>

// e^x for x <= 0, and the logistic function made of it, in operations that IEEE 754 rounds exactly
// (add, multiply, divide) and integer ones: the same bits from every compiler, library, vector
// width and machine, which the C library's exp does not promise. There is no branch, so that loops
// over them become vector code.
//
// exp: x = r - n ln 2 with |r| <= ln 2 / 2 (Cody and Waite's reduction, ln 2 in two parts of which
// n times the first is exact), e^r by its Taylor series up to r^13 (the rest is below 2^-57 of it),
// times 2^-n in two steps, so that results fade into the subnormal numbers and then to 0.
// Error of exp: below 1.25 units in the last place down to 2^-1022, below 2^-1074 from there on; of
// the logistic: below 3 units in the last place. NaN gives NaN, exp of -inf is 0.

// Bits of 2^-n, n from 0 to 1022.
static inline double exp_power(uint64_t n)
{
    uint64_t bits = (1023 - n) << 52;
    double power = 0;
    memcpy(&power, &bits, sizeof power);
    return power;
}

static inline double exp_negative(double x)
{
    static const double log2_e = 0x1.71547652b82fep0;
    static const double ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
    static const double shifter = 0x1.8p52; // added, it leaves a whole number in the low bits
    static const double lowest = -746;      // e^-746 is below half of the smallest number
    double in = x < lowest ? lowest : x;    // false for NaN, which goes on
    double shifted = shifter - in * log2_e;
    uint64_t n = 0, zero = 0;
    memcpy(&n, &shifted, sizeof n);
    memcpy(&zero, &shifter, sizeof zero);
    n = (n - zero) & 2047; // of a NaN: anything, but in range
    double whole = shifted - shifter;
    double r = (in + whole * ln2_high) + whole * ln2_low;
    double series = 1.0 / 6227020800;
    series = series * r + 1.0 / 479001600;
    series = series * r + 1.0 / 39916800;
    series = series * r + 1.0 / 3628800;
    series = series * r + 1.0 / 362880;
    series = series * r + 1.0 / 40320;
    series = series * r + 1.0 / 5040;
    series = series * r + 1.0 / 720;
    series = series * r + 1.0 / 120;
    series = series * r + 1.0 / 24;
    series = series * r + 1.0 / 6;
    series = series * r + 1.0 / 2;
    double power = 1 + (r + r * r * series);
    uint64_t half = n >> 1;
    return power * exp_power(half) * exp_power(n - half);
}

// 1 / (1 + e^-x); exp sees no positive number, so nothing overflows and small results are exact.
static inline double exp_logistic(double x)
{
    double e = exp_negative(x < 0 ? x : -x);
    double top = x < 0 ? e : 1;
    return top / (1 + e);
}
