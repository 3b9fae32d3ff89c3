// SPDX-License-Identifier: MIT
// The loops over rows. This file is compiled several times with different vector instructions
// (CMakeLists.txt beside it); KERNEL names the object that each build exports. Loops over lanes
// have a constant length, no branch that depends on a row, and no sum across rows: so a compiler
// can only put rows side by side, which leaves the arithmetic of each as it is written.

#include "model/kernel.h"

#include <math.h>

#include "base/exp.h"

#ifndef KERNEL
#define KERNEL      kernel_plain
#define KERNEL_NAME "plain"
#endif

extern const struct kernel KERNEL;

#define FOR_LANES for (size_t i = 0; i < KERNEL_LANES; i++)

static inline void apply_term(const struct term *term, const double *restrict numbers,
                              double *restrict sums)
{
    const double v = term->v, w = term->w, m = term->m;
    switch (term->op) {
    case TERM_ID:
        FOR_LANES sums[i] += w * (numbers[i] - m);
        break;
    case TERM_EQ:
        FOR_LANES sums[i] += w * ((numbers[i] == v ? 1.0 : 0.0) - m);
        break;
    case TERM_LE:
        FOR_LANES sums[i] += w * ((numbers[i] <= v ? 1.0 : 0.0) - m);
        break;
    case TERM_GE:
        FOR_LANES sums[i] += w * ((numbers[i] >= v ? 1.0 : 0.0) - m);
        break;
    }
}

static inline void contributions_of(const struct kernel_column *column, size_t from,
                                    double *restrict ret)
{
    if (column->table != NULL) {
        const double *table = column->table;
        const uint16_t *places = column->places + from;
        FOR_LANES ret[i] = table[places[i]];
        return;
    }
    FOR_LANES ret[i] = 0;
    for (size_t k = 0; k < column->term_count; k++)
        apply_term(&column->terms[k], column->numbers + from, ret);
}

// An insertion into a sorted list of three, for each lane, without a branch. Only a larger one
// passes, so an equal one stays behind those that came before it.
static inline void rank(const double *restrict weight, int64_t input,
                        struct kernel_top *restrict top)
{
    FOR_LANES
    {
        const double w = weight[i], size = fabs(w);
        const double w0 = top->weight[0][i], w1 = top->weight[1][i], w2 = top->weight[2][i];
        const int64_t i0 = top->input[0][i], i1 = top->input[1][i], i2 = top->input[2][i];
        const double s0 = fabs(w0), s1 = fabs(w1), s2 = fabs(w2);
        top->weight[2][i] = size > s1 ? w1 : size > s2 ? w : w2;
        top->input[2][i] = size > s1 ? i1 : size > s2 ? input : i2;
        top->weight[1][i] = size > s0 ? w0 : size > s1 ? w : w1;
        top->input[1][i] = size > s0 ? i0 : size > s1 ? input : i1;
        top->weight[0][i] = size > s0 ? w : w0;
        top->input[0][i] = size > s0 ? input : i0;
    }
}

static void linear(const struct kernel_column *columns, size_t column_count, size_t from,
                   double base, double least, double *log_odds, struct kernel_top *top)
{
    _Static_assert(PREDICTION_REASONS == 3, "rank keeps three");
    _Alignas(64) double sums[KERNEL_LANES], weight[KERNEL_LANES];
    _Alignas(64) struct kernel_top best;
    FOR_LANES sums[i] = base;
    const double below = nextafter(least, 0);
    for (size_t k = 0; k < PREDICTION_REASONS; k++)
        FOR_LANES
        {
            best.weight[k][i] = below;
            best.input[k][i] = -1;
        }
    for (size_t k = 0; k < column_count; k++) {
        contributions_of(&columns[k], from, weight);
        FOR_LANES sums[i] += weight[i];
        if (top != NULL)
            rank(weight, (int64_t)k, &best);
    }
    FOR_LANES log_odds[i] = sums[i];
    if (top != NULL)
        *top = best;
}

static void logistics(const double *log_odds, double *ret)
{
    FOR_LANES ret[i] = exp_logistic(log_odds[i]);
}

const struct kernel KERNEL = {.name = KERNEL_NAME, .linear = linear, .logistic = logistics};
