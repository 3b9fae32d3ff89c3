// SPDX-License-Identifier: MIT
// What the kernels find among weights, beside a search that goes through them one after the other.
#include "support/check.h"

#include "model/parts.h"

enum { INPUTS = 9, ROUNDS = 20000 };

static const double least = 0.05;

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

// The first of the largest that were not taken; -1: none is large enough.
static int largest(const double *weights, size_t lane, const bool *taken)
{
    int found = -1;
    for (int k = 0; k < INPUTS; k++) {
        double size = fabs(weights[(size_t)k * KERNEL_LANES + lane]);
        if (!taken[k] && size >= least &&
            (found < 0 || size > fabs(weights[(size_t)found * KERNEL_LANES + lane])))
            found = k;
    }
    return found;
}

static void expect_ranks(const struct kernel *kernel, const double *weights)
{
    struct kernel_top top;
    kernel->rank(weights, INPUTS, least, &top);
    for (size_t lane = 0; lane < KERNEL_LANES; lane++) {
        bool taken[INPUTS] = {false};
        for (size_t place = 0; place < PREDICTION_REASONS; place++) {
            int expected = largest(weights, lane, taken);
            assert_int_equal(top.input[place][lane], expected);
            if (expected < 0)
                continue;
            taken[expected] = true;
            assert_memory_equal(&top.weight[place][lane],
                                &weights[(size_t)expected * KERNEL_LANES + lane], sizeof(double));
        }
    }
}

// Of few sizes, so that many are equal or at the limit, and of both signs.
static void the_three_largest_are_found_in_their_order(void **state)
{
    (void)state;
    static const double sizes[] = {0,   0.04999999999999999, 0.05, 0.05000000000000001, 0.3, 0.3,
                                   1.5, (double)INFINITY};
    const struct kernel *kernels[KERNELS_MAX];
    const size_t count = kernels_available(kernels);
    uint64_t random = 41;
    for (size_t round = 0; round < ROUNDS; round++) {
        _Alignas(64) double weights[INPUTS * KERNEL_LANES];
        for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
            uint64_t dice = next(&random);
            weights[i] = sizes[dice % ARRAY_LEN(sizes)] * ((dice >> 32 & 1) != 0 ? -1 : 1);
        }
        for (size_t k = 0; k < count; k++)
            expect_ranks(kernels[k], weights);
    }
}

static void what_is_no_number_is_no_reason(void **state)
{
    (void)state;
    const struct kernel *kernels[KERNELS_MAX];
    const size_t count = kernels_available(kernels);
    _Alignas(64) double weights[INPUTS * KERNEL_LANES];
    for (size_t i = 0; i < ARRAY_LEN(weights); i++)
        weights[i] = i / KERNEL_LANES == 4 ? -2 : (double)NAN;
    for (size_t k = 0; k < count; k++) {
        struct kernel_top top;
        kernels[k]->rank(weights, INPUTS, least, &top);
        for (size_t lane = 0; lane < KERNEL_LANES; lane++) {
            assert_int_equal(top.input[0][lane], 4);
            assert_true(top.weight[0][lane] == -2);
            assert_int_equal(top.input[1][lane], -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_largest_are_found_in_their_order),
        cmocka_unit_test(what_is_no_number_is_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
