// SPDX-License-Identifier: MIT
// The loops over rows. This file is compiled several times with different vector instructions
// (CMakeLists.txt beside it); KERNEL names the object that each build exports. Loops over lanes
// have a constant length, no branch that depends on a row, and no sum across rows: so a compiler
// can only put rows side by side, which leaves the arithmetic of each as it is written.

#include "model/kernel.h"

#include <math.h>
#include <string.h>

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

// Where the values of an input stand in a strip.
static inline const void *values_of(const struct kernel_column *column, const void *strip)
{
    return (const char *)strip + column->at;
}

static inline void contributions_of(const struct kernel_column *column, const void *strip,
                                    double *restrict ret)
{
    if (column->table != NULL) {
        const double *table = column->table;
        const uint16_t *places = values_of(column, strip);
        FOR_LANES ret[i] = table[places[i]];
        return;
    }
    FOR_LANES ret[i] = 0;
    for (size_t k = 0; k < column->term_count; k++)
        apply_term(&column->terms[k], values_of(column, strip), ret);
}

static void linear(const struct kernel_column *columns, size_t column_count, const void *strip,
                   double base, double scale, double *raw, double *weights)
{
    _Alignas(64) double sums[KERNEL_LANES], weight[KERNEL_LANES];
    FOR_LANES sums[i] = base;
    for (size_t k = 0; k < column_count; k++) {
        contributions_of(&columns[k], strip, weight);
        FOR_LANES sums[i] += weight[i];
        if (weights != NULL)
            FOR_LANES weights[k * KERNEL_LANES + i] = weight[i] * scale;
    }
    FOR_LANES raw[i] = sums[i];
}

// As many lanes as a register holds, for the one loop of which compilers make no good vector code
// by themselves. A comparison gives lanes of all bits or none.
#if defined(__AVX512F__)
#define WIDE_BYTES 64
#elif defined(__AVX2__)
#define WIDE_BYTES 32
#else
#define WIDE_BYTES 16
#endif
typedef double wide __attribute__((vector_size(WIDE_BYTES)));
typedef uint64_t wide_bits __attribute__((vector_size(WIDE_BYTES)));
enum { WIDE_LANES = WIDE_BYTES / sizeof(double) };

// The largest contributions so far, of each lane: their sizes, descending, as bits, and a tag that
// holds the input and, in its lowest bit, the sign. All bits of a tag are set where there is none.
struct ranking {
    wide_bits size[PREDICTION_REASONS], tag[PREDICTION_REASONS];
};

// An insertion into a sorted list, for each lane, without a branch: the new one goes down the list
// to the first that is smaller, and from there on each moves down a place. Only a larger one
// passes, so an equal one stays behind those that came before it.
static inline void insert(struct ranking *ranking, wide_bits weight, uint64_t input)
{
    wide_bits tag = weight >> 63 | 2 * input, size = weight & (uint64_t)INT64_MAX;
    wide_bits passes = {0};
    for (size_t k = 0; k < PREDICTION_REASONS; k++) {
        const wide_bits here = ranking->size[k], here_tag = ranking->tag[k];
        passes |= (wide_bits)((wide)size > (wide)here);
        const wide_bits sizes = (size ^ here) & passes, tags = (tag ^ here_tag) & passes;
        ranking->size[k] = here ^ sizes;
        ranking->tag[k] = here_tag ^ tags;
        size ^= sizes;
        tag ^= tags;
    }
}

static void write_top(const struct ranking *ranking, size_t from, struct kernel_top *top)
{
    for (size_t k = 0; k < PREDICTION_REASONS; k++)
        for (size_t i = 0; i < WIDE_LANES; i++) {
            const uint64_t tag = ranking->tag[k][i];
            const double size = ((wide)ranking->size[k])[i];
            top->weight[k][from + i] = (tag & 1) != 0 ? -size : size;
            top->input[k][from + i] = tag == UINT64_MAX ? -1 : (int64_t)(tag / 2);
        }
}

static void rank(const double *weights, size_t count, double least, struct kernel_top *top)
{
    const wide below = (wide){0} + nextafter(least, 0);
    for (size_t from = 0; from < KERNEL_LANES; from += WIDE_LANES) {
        struct ranking ranking;
        for (size_t k = 0; k < PREDICTION_REASONS; k++) {
            ranking.size[k] = (wide_bits)below;
            ranking.tag[k] = (wide_bits){0} - 1;
        }
        for (size_t k = 0; k < count; k++) {
            wide_bits weight;
            memcpy(&weight, weights + k * KERNEL_LANES + from, sizeof weight);
            insert(&ranking, weight, k);
        }
        write_top(&ranking, from, top);
    }
}

static void derive(const struct kernel_forest *forest, const struct kernel_column *inputs,
                   const void *strip, double *x)
{
    for (size_t k = 0; k < forest->column_count; k++, x += KERNEL_LANES) {
        const struct kernel_derived *column = &forest->columns[k];
        const double *numbers = values_of(&inputs[column->input], strip), v = column->v;
        switch (column->op) {
        case TERM_ID:
            FOR_LANES x[i] = numbers[i];
            break;
        case TERM_EQ:
            FOR_LANES x[i] = numbers[i] == v ? 1.0 : 0.0;
            break;
        case TERM_LE:
            FOR_LANES x[i] = numbers[i] <= v ? 1.0 : 0.0;
            break;
        case TERM_GE:
            FOR_LANES x[i] = numbers[i] >= v ? 1.0 : 0.0;
            break;
        }
    }
}

static void trees(const struct kernel_forest *forest, const double *restrict x, double base,
                  double *raw)
{
    double sums[KERNEL_LANES];
    FOR_LANES sums[i] = base;
    for (size_t k = 0; k < forest->tree_count; k++) {
        const struct kernel_tree *tree = &forest->trees[k];
        uint32_t at[KERNEL_LANES];
        FOR_LANES at[i] = tree->root;
        for (uint32_t level = 0; level < tree->depth; level++)
            FOR_LANES
            {
                const struct kernel_node *node = &forest->nodes[at[i]];
                at[i] = node->first + (x[node->column * KERNEL_LANES + i] <= node->t ? 0 : 1);
            }
        FOR_LANES sums[i] += forest->values[at[i]];
    }
    FOR_LANES raw[i] = sums[i];
}

// Path-dependent Shapley values of a tree (Lundberg et al., 2018), by the multilinear extension
// (Owen, 1972). Let every column be known with probability t. A leaf is then reached with
// probability prod over the columns of its path of (t o + (1 - t) r): o says whether the row goes
// this way at all nodes of the column, r is the share of the training weight that does. The Shapley
// value of a column is the integral over t of the difference that knowing it makes,
//     sum over leaves of value * (o - r) * (that product without the column's own factor),
// a polynomial of a degree below the number of columns on the path: Gauss and Legendre's quadrature
// is exact with half as many points. All factors are positive, so nothing cancels, and a row costs
// nodes times points instead of leaves times the depth squared.
//
// A column that comes again further down takes the place of its earlier factor. Each edge adds what
// its own (o, r) gives and takes off what the earlier one gave, so that for every leaf only the
// lowest one stays.
struct edge {
    const double *follows; // o of each lane
    double share;          // r
};

// What divides a column's factor out: 1 / (t o + (1 - t) r), of a row that goes this way, or not.
static inline void inverses(double share, double t, double ret[2])
{
    ret[0] = 1 / ((1 - t) * share);
    ret[1] = 1 / (t + (1 - t) * share);
}

static inline void add_marginal(const struct edge *edge, double sign, const double *places,
                                const double *weights, uint32_t points, double sums[][KERNEL_LANES],
                                double *ret)
{
    _Alignas(64) double total[KERNEL_LANES] = {0};
    for (uint32_t q = 0; q < points; q++) {
        double inverse[2];
        inverses(edge->share, places[q], inverse);
        const double usual = weights[q] * inverse[0], known = weights[q] * inverse[1];
        FOR_LANES total[i] += sums[q][i] * (edge->follows[i] > 0 ? known : usual);
    }
    FOR_LANES ret[i] += sign * (edge->follows[i] - edge->share) * total[i];
}

struct walk {
    const struct kernel_forest *forest;
    const double *x;
    struct kernel_shap *work;
    const double *places, *weights;
    uint32_t points;
    double *ret;
};

static void explain(const struct walk *walk, uint32_t at, struct kernel_level *level);

// One child of a node: 0 or 1 as `side`. `follows` and `share` are what its column said above.
static void explain_child(const struct walk *walk, const struct kernel_node *node, uint32_t side,
                          const double *follows, double share, struct kernel_level *level)
{
    const uint32_t child = node->first + side;
    const size_t column = node->column;
    const double *x = walk->x + column * KERNEL_LANES;
    double *now = walk->work->follows + column * KERNEL_LANES;
    struct kernel_level *below = level + 1;
    const double here = share * walk->forest->shares[child];
    walk->work->shares[column] = here;
    FOR_LANES now[i] = (x[i] <= node->t) == (side == 0) ? follows[i] : 0;
    for (uint32_t q = 0; q < walk->points; q++) {
        const double t = walk->places[q];
        double inverse[2];
        inverses(share, t, inverse);
        const double usual = (1 - t) * here, known = t + usual;
        FOR_LANES below->product[q][i] = level->product[q][i] *
                                         (follows[i] > 0 ? inverse[1] : inverse[0]) *
                                         (now[i] > 0 ? known : usual);
    }
    explain(walk, child, below);
    double *ret = walk->ret + column * KERNEL_LANES;
    const struct edge edge = {now, here}, above = {follows, share};
    add_marginal(&edge, 1, walk->places, walk->weights, walk->points, below->sum, ret);
    if (share < 1)
        add_marginal(&above, -1, walk->places, walk->weights, walk->points, below->sum, ret);
    for (uint32_t q = 0; q < walk->points; q++)
        FOR_LANES level->sum[q][i] += below->sum[q][i];
}

// Leaves in level->sum the sum over the leaves below of value times product.
static void explain(const struct walk *walk, uint32_t at, struct kernel_level *level)
{
    const struct kernel_node *node = &walk->forest->nodes[at];
    if (node->first == at) {
        const double value = walk->forest->values[at];
        for (uint32_t q = 0; q < walk->points; q++)
            FOR_LANES level->sum[q][i] = value * level->product[q][i];
        return;
    }
    double *now = walk->work->follows + node->column * KERNEL_LANES;
    double *share = walk->work->shares + node->column;
    const double share_above = *share;
    double follows_above[KERNEL_LANES];
    FOR_LANES follows_above[i] = now[i];
    for (uint32_t q = 0; q < walk->points; q++)
        FOR_LANES level->sum[q][i] = 0;
    explain_child(walk, node, 0, follows_above, share_above, level);
    explain_child(walk, node, 1, follows_above, share_above, level);
    FOR_LANES now[i] = follows_above[i];
    *share = share_above;
}

static void shap(const struct kernel_forest *forest, const double *x, struct kernel_shap *work,
                 double *ret)
{
    for (size_t k = 0; k < forest->column_count; k++) {
        work->shares[k] = 1;
        FOR_LANES work->follows[k * KERNEL_LANES + i] = 1;
    }
    for (size_t k = 0; k < forest->tree_count; k++) {
        const struct kernel_tree *tree = &forest->trees[k];
        const struct walk walk = {.forest = forest,
                                  .x = x,
                                  .work = work,
                                  .places = forest->places[tree->points],
                                  .weights = forest->weights[tree->points],
                                  .points = tree->points,
                                  .ret = ret};
        for (uint32_t q = 0; q < tree->points; q++)
            FOR_LANES work->levels[0].product[q][i] = 1;
        explain(&walk, tree->root, &work->levels[0]);
    }
}

static void logistics(const double *restrict log_odds, double *restrict ret)
{
    FOR_LANES ret[i] = exp_logistic(log_odds[i]);
}

const struct kernel KERNEL = {.name = KERNEL_NAME,
                              .linear = linear,
                              .derive = derive,
                              .trees = trees,
                              .shap = shap,
                              .rank = rank,
                              .logistic = logistics};
