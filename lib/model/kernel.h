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

// A column that trees look at: of the input's number, as a term without its weight.
struct kernel_derived {
    enum term_op op;
    size_t input;
    double v;
};

// Nodes of all trees in one array, the two children of a node side by side: `first` where
// column <= t, the one behind it otherwise. A leaf leads to itself, so that rows which arrive early
// stay there.
struct kernel_node {
    double t;
    uint32_t first;
    uint32_t column;
};
struct kernel_tree {
    uint32_t root;
    uint32_t depth;  // edges on the longest way down
    uint32_t points; // of the quadrature that explains this tree, see shap.h
};
enum { KERNEL_POINTS_MAX = 32, KERNEL_DEPTH_MAX = 64 };
struct kernel_forest {
    const struct kernel_derived *columns;
    size_t column_count;
    const struct kernel_node *nodes;
    const double *values; // of each node: a leaf's value
    const double *shares; // of each node: of the training weight of its parent that came here
    const struct kernel_tree *trees;
    size_t tree_count;
    // [points][i] for 1 <= points <= KERNEL_POINTS_MAX: places in (0, 1) and their weights.
    const double (*places)[KERNEL_POINTS_MAX];
    const double (*weights)[KERNEL_POINTS_MAX];
};

// One input of a model. The values of KERNEL_LANES rows stand together in a strip, those of an
// input at its place in there: with a table, a row is a uint16_t, its place in the table; without,
// a double that the terms are applied to.
struct kernel_column {
    const double *table;
    size_t at; // bytes into the strip, aligned for its numbers
    const struct term *terms;
    size_t term_count;
};

// The contributions of the largest size, signed, per rank and lane; `input` is -1 for none.
struct kernel_top {
    double weight[PREDICTION_REASONS][KERNEL_LANES];
    int64_t input[PREDICTION_REASONS][KERNEL_LANES];
};

// Room for kernel.shap: what is known of each level of the way down.
struct kernel_level {
    _Alignas(64) double product[KERNEL_POINTS_MAX][KERNEL_LANES];
    double sum[KERNEL_POINTS_MAX][KERNEL_LANES];
};
struct kernel_shap {
    struct kernel_level levels[KERNEL_DEPTH_MAX + 1];
    double *follows; // [column][lane]: 1 where the row goes this way at every node of the column
    double *shares;  // [column]: of the weight, that goes this way at those nodes
};

struct kernel {
    const char *name;
    // raw[0..KERNEL_LANES) = base + the contributions of every column, added in their order, of the
    // rows of a strip. `weights` (NULL: not wanted) receives [column][lane] the contributions times
    // `scale`.
    void (*linear)(const struct kernel_column *columns, size_t column_count, const void *strip,
                   double base, double scale, double *raw, double *weights);
    // x[column][lane]: the columns of a forest, of the rows of a strip. No input has a table.
    void (*derive)(const struct kernel_forest *forest, const struct kernel_column *inputs,
                   const void *strip, double *x);
    // raw = base + the leaves' values, tree by tree.
    void (*trees)(const struct kernel_forest *forest, const double *x, double base, double *raw);
    // Adds to ret[column][lane] the Shapley values of the sum of the trees.
    void (*shap)(const struct kernel_forest *forest, const double *x, struct kernel_shap *work,
                 double *ret);
    // The largest of weights[i][lane], i below count, that are not below `least` in size; of equal
    // ones the earlier comes first.
    void (*rank)(const double *weights, size_t count, double least, struct kernel_top *top);
    // ret[i] = logistic(log_odds[i]) for KERNEL_LANES of them.
    void (*logistic)(const double *log_odds, double *ret);
};

// The kernels that this machine can run, the widest first; gives how many.
enum { KERNELS_MAX = 4 };
size_t kernels_available(const struct kernel *ret[KERNELS_MAX]);
