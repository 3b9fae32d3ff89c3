// SPDX-License-Identifier: MIT
// Compared with the C library's long double functions, whose error is far below ours.
#include "support/check.h"

#include <stdlib.h>

#include "base/exp.h"

static double unit_of(long double x)
{
    double size = fabs((double)x);
    return nextafter(size, (double)INFINITY) - size;
}

static double random_unit(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return ((double)(*random >> 11) + 0.5) * 0x1p-53;
}

// Numbers of every size that matters: spread evenly, near zero, and at all scales below.
static double random_argument(uint64_t *random, int i)
{
    double u = random_unit(random);
    return i % 3 == 0 ? -708 * u : i % 3 == 1 ? -4 * u : -ldexp(u, -(i % 70));
}

static void the_exponential_keeps_its_error_bound(void **state)
{
    (void)state;
    uint64_t random = 42;
    for (int i = 0; i < 3000000; i++) {
        double x = random_argument(&random, i);
        long double expected = expl((long double)x);
        if (fabsl((long double)exp_negative(x) - expected) > 1.25L * (long double)unit_of(expected))
            fail_msg("exp of %.17g is %.17g", x, exp_negative(x));
    }
}

static void the_exponential_is_exact_where_its_pieces_meet(void **state)
{
    (void)state;
    for (int n = 0; n < 1021; n++)
        for (int side = -3; side <= 3; side++) {
            double x = -(n + 0.5) * 0x1.62e42fefa39efp-1;
            for (int k = 0; k < abs(side); k++)
                x = nextafter(x, side < 0 ? (double)-INFINITY : 0);
            long double expected = expl((long double)x);
            assert_true(fabsl((long double)exp_negative(x) - expected) <=
                        1.25L * (long double)unit_of(expected));
        }
}

static void it_fades_out_through_the_subnormal_numbers(void **state)
{
    (void)state;
    for (double x = -708; x > -760; x -= 0.001)
        assert_true(fabsl((long double)exp_negative(x) - expl((long double)x)) <= 0x1p-1074L);
    assert_true(exp_negative(-746) == 0 && exp_negative((double)-INFINITY) == 0);
    assert_true(exp_negative(0) == 1 && exp_negative(-0.0) == 1);
    assert_true(isnan(exp_negative((double)NAN)));
}

static void the_logistic_keeps_its_error_bound(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int i = 0; i < 3000000; i++) {
        double x = random_argument(&random, i) * (i % 2 == 0 ? 1 : -1);
        long double expected = 1 / (1 + expl(-(long double)x));
        if (fabsl((long double)exp_logistic(x) - expected) > 3 * (long double)unit_of(expected))
            fail_msg("the logistic of %.17g is %.17g", x, exp_logistic(x));
    }
    assert_true(exp_logistic(0) == 0.5 && exp_logistic(-0.0) == 0.5);
    assert_true(exp_logistic((double)INFINITY) == 1 && exp_logistic((double)-INFINITY) == 0);
    assert_true(isnan(exp_logistic((double)NAN)));
}

// A person with more log-odds must never have a smaller probability.
static void the_logistic_never_falls(void **state)
{
    (void)state;
    uint64_t random = 99;
    for (int i = 0; i < 1000000; i++) {
        double x = random_argument(&random, i) * (i % 2 == 0 ? 1 : -1);
        double next = x;
        for (int k = 0; k < 4; k++)
            next = nextafter(next, (double)INFINITY);
        assert_true(exp_logistic(next) >= exp_logistic(x) - 0x1p-53);
        double further = x + 1e-9 * fmax(1, fabs(x));
        assert_true(exp_logistic(further) >= exp_logistic(x));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exponential_keeps_its_error_bound),
        cmocka_unit_test(the_exponential_is_exact_where_its_pieces_meet),
        cmocka_unit_test(it_fades_out_through_the_subnormal_numbers),
        cmocka_unit_test(the_logistic_keeps_its_error_bound),
        cmocka_unit_test(the_logistic_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
