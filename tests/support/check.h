// SPDX-License-Identifier: MIT
#pragma once

// What every cmocka program of ours includes first: the headers that cmocka wants, and comparisons
// that it lacks (its float assertion casts to float, which is no test of a probability).

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#define assert_near(actual, expected, tolerance)                                                   \
    do {                                                                                           \
        double actual_ = (actual), expected_ = (expected);                                         \
        if (!(fabs(actual_ - expected_) <= (tolerance)))                                           \
            fail_msg("%s is %.17g, not %.17g (within %g)", #actual, actual_, expected_,            \
                     (double)(tolerance));                                                         \
    } while (0)

// The verdict of a call, with its sentence shown when it is another one.
#define assert_err(call, expected, why)                                                            \
    do {                                                                                           \
        enum err got_ = (call);                                                                    \
        if (got_ != (expected))                                                                    \
            fail_msg("%s gave %s, not %s: %s", #call, err_name(got_), err_name(expected),          \
                     (why)->text);                                                                 \
    } while (0)
#define assert_ok(call, why) assert_err(call, ERR_OK, why)
