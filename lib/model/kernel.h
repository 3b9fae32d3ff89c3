// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "domain/prediction.h"

// The inner loops, compiled once for each vector unit from one text (kernel.c). A row stays in its
// lane and meets the same operations in the same order whatever the width, so every kernel gives
// the same bits. Pure functions: any thread.

enum { KERNEL_LANES = 8 }; // rows that a call works on; arrays are padded to a multiple of it

enum term_op { TERM_ID, TERM_EQ, TERM_LE, TERM_GE };

// One column of the regression: w * (column - m), where the column is the value itself (id) or 1
// where the comparison with v holds and 0 elsewhere. Of a category, value and v are places in its
// levels.
struct term {
    enum term_op op;
    double v;
    double w;
    double m;
};

// One input of the rows of a block. With a table, a row is a place in it; without, a number that
// the terms are applied to.
struct kernel_column {
    const double *table;
    uint16_t *places; // of each row, where there is a table
    double *numbers;  // of each row, where there is none
    const struct term *terms;
    size_t term_count;
};

// The contributions of the largest size, signed, per rank and lane; `input` is -1 for none.
struct kernel_top {
    double weight[PREDICTION_REASONS][KERNEL_LANES];
    int64_t input[PREDICTION_REASONS][KERNEL_LANES];
};

struct kernel {
    const char *name;
    // log_odds[0..KERNEL_LANES) = base + the contributions of every column, added in their order,
    // of the rows `from` and on. `top` (NULL: not wanted) receives the largest contributions that
    // are not below `least` in size; of equal ones the earlier column comes first.
    void (*linear)(const struct kernel_column *columns, size_t column_count, size_t from,
                   double base, double least, double *log_odds, struct kernel_top *top);
    // ret[i] = logistic(log_odds[i]) for KERNEL_LANES of them.
    void (*logistic)(const double *log_odds, double *ret);
};

// The kernels that this machine can run, the widest first; gives how many.
enum { KERNELS_MAX = 4 };
size_t kernels_available(const struct kernel *ret[KERNELS_MAX]);
