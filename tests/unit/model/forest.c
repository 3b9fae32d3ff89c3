// SPDX-License-Identifier: MIT
// Explanations of trees against the definition: every subset of columns, tried.
#include "support/check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/parts.h"

enum { COLUMNS = 7, NODES = 255, TREES = 4 };

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static double unit(uint64_t *random)
{
    return ((double)(next(random) >> 11) + 0.5) * 0x1p-53;
}

// The six arrays of an artefact, grown at random.
struct source {
    double t[NODES], v[NODES], c[NODES];
    int32_t f[NODES], l[NODES], r[NODES];
    size_t count;
};

static void grow(struct source *source, size_t at, int depth, uint64_t *random)
{
    if (depth == 0 || source->count + 2 > NODES || unit(random) < 0.15) {
        source->f[at] = -1;
        source->v[at] = unit(random) * 4 - 2;
        return;
    }
    source->f[at] = (int32_t)(next(random) % COLUMNS);
    source->t[at] = unit(random);
    double left = 0.05 + 0.9 * unit(random);
    size_t l = source->count++, r = source->count++;
    source->l[at] = (int32_t)l;
    source->r[at] = (int32_t)r;
    source->c[l] = source->c[at] * left;
    source->c[r] = source->c[at] * (1 - left);
    grow(source, l, depth - 1, random);
    grow(source, r, depth - 1, random);
}

static void make_source(struct source *source, int depth, uint64_t *random)
{
    *source = (struct source){.count = 1};
    source->c[0] = 1000;
    grow(source, 0, depth, random);
}

static double add_to(struct forest *forest, const struct source *source)
{
    double mean = 0;
    const struct tree_source tree = {source->t, source->v, source->c,    source->f,
                                     source->l, source->r, source->count};
    forest_add(forest, &tree, &mean);
    return mean;
}

// What the tree is worth where only the columns of `known` are.
static double worth(const struct source *s, size_t at, const double *x, unsigned known)
{
    if (s->f[at] < 0)
        return s->v[at];
    size_t l = (size_t)s->l[at], r = (size_t)s->r[at];
    if ((known & 1u << s->f[at]) != 0)
        return worth(s, x[s->f[at]] <= s->t[at] ? l : r, x, known);
    return (s->c[l] * worth(s, l, x, known) + s->c[r] * worth(s, r, x, known)) /
           (s->c[l] + s->c[r]);
}

// Shapley's formula: the mean over all orders of what a column adds when it becomes known.
static double shapley(const struct source *s, const double *x, unsigned column)
{
    static const double factorial[] = {1, 1, 2, 6, 24, 120, 720, 5040};
    double sum = 0;
    for (unsigned known = 0; known < 1u << COLUMNS; known++) {
        if ((known & 1u << column) != 0)
            continue;
        size_t size = (size_t)__builtin_popcount(known);
        double weight = factorial[size] * factorial[COLUMNS - size - 1] / factorial[COLUMNS];
        sum += weight * (worth(s, 0, x, known | 1u << column) - worth(s, 0, x, known));
    }
    return sum;
}

static struct kernel_shap *new_work(size_t columns)
{
    struct kernel_shap *work = aligned_alloc(64, sizeof *work);
    assert_non_null(work);
    work->follows = mem_array(columns * KERNEL_LANES, sizeof(double));
    work->shares = mem_array(columns, sizeof(double));
    return work;
}

static void free_work(struct kernel_shap *work)
{
    free(work->follows);
    free(work->shares);
    free(work);
}

// Each lane is a row of its own.
static void expect_shapley(const struct kernel *kernel, struct forest *forest,
                           const struct source *sources, double means, uint64_t *random)
{
    double x[COLUMNS * KERNEL_LANES], ret[COLUMNS * KERNEL_LANES] = {0}, raw[KERNEL_LANES];
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        x[i] = unit(random);
    struct kernel_shap *work = new_work(COLUMNS);
    kernel->shap(&forest->kernel, x, work, ret);
    kernel->trees(&forest->kernel, x, 0, raw);
    for (size_t lane = 0; lane < KERNEL_LANES; lane++) {
        double row[COLUMNS], sum = means, expected_raw = 0;
        for (size_t c = 0; c < COLUMNS; c++)
            row[c] = x[c * KERNEL_LANES + lane];
        for (unsigned c = 0; c < COLUMNS; c++) {
            double expected = 0;
            for (size_t k = 0; k < TREES; k++)
                expected += shapley(&sources[k], row, c);
            assert_near(ret[c * KERNEL_LANES + lane], expected, 1e-12);
            sum += expected;
        }
        for (size_t k = 0; k < TREES; k++)
            expected_raw += worth(&sources[k], 0, row, (1u << COLUMNS) - 1);
        assert_true(raw[lane] == expected_raw);
        assert_near(sum, raw[lane], 1e-12);
    }
    free_work(work);
}

static void contributions_are_shapley_values(void **state)
{
    (void)state;
    uint64_t random = 20240601;
    const struct kernel *kernels[KERNELS_MAX];
    size_t count = kernels_available(kernels);
    for (int round = 0; round < 30; round++) {
        struct source sources[TREES];
        struct forest *forest = forest_new(COLUMNS, TREES, TREES * NODES);
        double means = 0;
        for (size_t k = 0; k < TREES; k++) {
            make_source(&sources[k], round % 8, &random);
            means += add_to(forest, &sources[k]);
        }
        forest_finish(forest);
        for (size_t k = 0; k < count; k++)
            expect_shapley(kernels[k], forest, sources, means, &random);
        forest_free(forest);
    }
}

// A chain of 64 nodes, each on a column of its own: the deepest way that an artefact may have. The
// first split is a coin that decides everything, so the rest must share nothing between them.
static void the_deepest_tree_is_explained_to_the_last_digit(void **state)
{
    (void)state;
    enum { DEEP = KERNEL_DEPTH_MAX };
    struct source source = {.count = 2 * DEEP + 1};
    uint64_t random = 5;
    source.c[0] = 1;
    for (size_t k = 0, at = 0; k <= DEEP; k++, at = 2 * k) {
        source.f[at] = k == DEEP ? -1 : (int32_t)k;
        source.v[at] = k == DEEP ? 1 : 0;
        if (k == DEEP)
            break;
        size_t leaf = at + 1, deeper = at + 2;
        source.t[at] = 0.5;
        source.l[at] = (int32_t)leaf;
        source.r[at] = (int32_t)deeper;
        source.f[leaf] = -1;
        source.v[leaf] = unit(&random);
        source.c[leaf] = source.c[at] * 0.3;
        source.c[deeper] = source.c[at] * 0.7;
    }
    struct forest *forest = forest_new(DEEP, 1, 2 * DEEP + 1);
    double mean = add_to(forest, &source);
    forest_finish(forest);
    assert_int_equal(forest->trees[0].depth, DEEP);
    assert_int_equal(forest->trees[0].points, KERNEL_POINTS_MAX);
    const struct kernel *kernels[KERNELS_MAX];
    size_t count = kernels_available(kernels);
    double x[DEEP * KERNEL_LANES], raw[KERNEL_LANES];
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        x[i] = unit(&random) < 0.05 * (double)(i % KERNEL_LANES) ? 0 : 1;
    for (size_t k = 0; k < count; k++) {
        double ret[DEEP * KERNEL_LANES] = {0};
        struct kernel_shap *work = new_work(DEEP);
        kernels[k]->shap(&forest->kernel, x, work, ret);
        kernels[k]->trees(&forest->kernel, x, 0, raw);
        for (size_t lane = 0; lane < KERNEL_LANES; lane++) {
            double sum = mean;
            for (size_t c = 0; c < DEEP; c++)
                sum += ret[c * KERNEL_LANES + lane];
            assert_near(sum, raw[lane], 1e-12);
        }
        free_work(work);
    }
    forest_free(forest);
}

static void a_tree_of_one_leaf_explains_nothing(void **state)
{
    (void)state;
    struct source source = {.f = {-1}, .v = {0.25}, .c = {3}, .count = 1};
    struct forest *forest = forest_new(1, 1, 1);
    assert_true(add_to(forest, &source) == 0.25);
    forest_finish(forest);
    const struct kernel *kernels[KERNELS_MAX];
    IGNORE(kernels_available(kernels)); // there is always one
    double x[KERNEL_LANES] = {0}, ret[KERNEL_LANES] = {0}, raw[KERNEL_LANES];
    struct kernel_shap *work = new_work(1);
    kernels[0]->shap(&forest->kernel, x, work, ret);
    kernels[0]->trees(&forest->kernel, x, 0, raw);
    assert_true(ret[0] == 0 && raw[0] == 0.25);
    free_work(work);
    forest_free(forest);
}

// n points integrate every polynomial of a degree below 2 n.
static void the_quadrature_is_exact_as_far_as_it_promises(void **state)
{
    (void)state;
    for (size_t n = 1; n <= KERNEL_POINTS_MAX; n++) {
        double places[KERNEL_POINTS_MAX], weights[KERNEL_POINTS_MAX];
        quadrature(n, places, weights);
        for (size_t power = 0; power < 2 * n; power++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += weights[i] * pow(places[i], (double)power);
            assert_near(sum, 1 / ((double)power + 1), 1e-14);
        }
        for (size_t i = 1; i < n; i++)
            assert_true(places[i - 1] < places[i] && places[0] > 0 && places[i] < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_are_shapley_values),
        cmocka_unit_test(the_deepest_tree_is_explained_to_the_last_digit),
        cmocka_unit_test(a_tree_of_one_leaf_explains_nothing),
        cmocka_unit_test(the_quadrature_is_exact_as_far_as_it_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
