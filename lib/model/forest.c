// SPDX-License-Identifier: MIT
// From the trees of an artefact to the arrays that the kernels walk: children side by side, leaves
// that lead to themselves, the share of the training weight that takes each edge. And the places
// and weights of the quadrature that kernel.shap integrates with, computed by additions,
// multiplications and divisions alone, so that explanations too have the same bits everywhere.

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"

struct forest *forest_new(size_t columns, size_t trees, size_t nodes)
{
    struct forest *forest = mem_zalloc(sizeof *forest);
    forest->columns = mem_array(columns, sizeof *forest->columns);
    forest->trees = mem_array(trees, sizeof *forest->trees);
    forest->nodes = mem_array(nodes, sizeof *forest->nodes);
    forest->values = mem_array(nodes, sizeof *forest->values);
    forest->shares = mem_array(nodes, sizeof *forest->shares);
    forest->kernel.column_count = columns;
    forest->divisor = 1;
    return forest;
}

void forest_free(struct forest *forest)
{
    if (forest == NULL)
        return;
    free(forest->columns);
    free(forest->trees);
    free(forest->nodes);
    free(forest->values);
    free(forest->shares);
    free(forest);
}

// How a tree is copied: a node of the artefact goes to a place that its parent has chosen.
struct copying {
    struct forest *forest;
    const struct tree_source *source;
    struct kernel_tree *tree;
    uint32_t depth, distinct; // of the way here, and the columns on it
    uint16_t *on_way;         // of each column: at how many nodes of the way it is looked at
};

// Gives the mean of the leaves below, weighted by the shares of the edges.
static double copy_node(struct copying *copying, size_t from, uint32_t to)
{
    const struct tree_source *source = copying->source;
    struct forest *forest = copying->forest;
    struct kernel_node *node = &forest->nodes[to];
    if (source->f[from] < 0) {
        *node = (struct kernel_node){.t = (double)INFINITY, .first = to, .column = 0};
        forest->values[to] = source->v[from];
        struct kernel_tree *tree = copying->tree;
        uint32_t points = (copying->distinct + 1) / 2;
        tree->depth = copying->depth > tree->depth ? copying->depth : tree->depth;
        tree->points = points > tree->points ? points : tree->points;
        return source->v[from];
    }
    const uint32_t first = (uint32_t)forest->node_count, column = (uint32_t)source->f[from];
    const size_t left = (size_t)source->l[from], right = (size_t)source->r[from];
    forest->node_count += 2;
    *node = (struct kernel_node){.t = source->t[from], .first = first, .column = column};
    double share = source->c[left] / (source->c[left] + source->c[right]);
    forest->shares[first] = share;
    forest->shares[first + 1] = 1 - share;
    copying->depth++;
    copying->distinct += copying->on_way[column]++ == 0 ? 1 : 0;
    double mean = share * copy_node(copying, left, first);
    mean += (1 - share) * copy_node(copying, right, first + 1);
    copying->distinct -= --copying->on_way[column] == 0 ? 1 : 0;
    copying->depth--;
    return mean;
}

void forest_add(struct forest *forest, const struct tree_source *tree, double *ret_mean)
{
    struct kernel_tree *place = &forest->trees[forest->kernel.tree_count++];
    *place = (struct kernel_tree){.root = (uint32_t)forest->node_count++, .points = 1};
    CLEANUP(mem_free_p)
    uint16_t *on_way = mem_array(forest->kernel.column_count, sizeof *on_way);
    struct copying copying = {.forest = forest, .source = tree, .tree = place, .on_way = on_way};
    *ret_mean = copy_node(&copying, 0, place->root);
}

// Legendre's polynomial of degree n at x, and its derivative, by the recurrence of three terms.
static double legendre(size_t n, double x, double *ret_derivative)
{
    double before = 1, now = x;
    for (size_t k = 2; k <= n; k++) {
        double next = ((double)(2 * k - 1) * x * now - (double)(k - 1) * before) / (double)k;
        before = now;
        now = next;
    }
    *ret_derivative = (double)n * (x * now - before) / (x * x - 1);
    return now;
}

// Cosine for 0 <= x <= pi / 2: only a first guess.
static double cosine(double x)
{
    double square = x * x, sum = 0;
    for (int k = 16; k >= 2; k -= 2)
        sum = (1 + sum) * -square / (k * (k - 1));
    return 1 + sum;
}

void quadrature(size_t n, double *ret_places, double *ret_weights)
{
    assert(n >= 1 && n <= KERNEL_POINTS_MAX);
    for (size_t i = 0; i < (n + 1) / 2; i++) {
        double x = cosine(3.141592653589793 * ((double)i + 0.75) / ((double)n + 0.5));
        double slope = 1;
        for (int step = 0; step < 8; step++)
            x -= legendre(n, x, &slope) / slope;
        if (2 * i + 1 == n)
            x = 0;
        IGNORE(legendre(n, x, &slope)); // the derivative is what is wanted
        ret_places[i] = (1 - x) / 2;
        ret_places[n - 1 - i] = (1 + x) / 2;
        ret_weights[i] = ret_weights[n - 1 - i] = 1 / ((1 - x * x) * slope * slope);
    }
}

void forest_finish(struct forest *forest)
{
    struct kernel_forest *kernel = &forest->kernel;
    for (size_t n = 1; n <= KERNEL_POINTS_MAX; n++)
        quadrature(n, forest->places[n], forest->weights[n]);
    kernel->columns = forest->columns;
    kernel->nodes = forest->nodes;
    kernel->values = forest->values;
    kernel->shares = forest->shares;
    kernel->trees = forest->trees;
    kernel->places = (const double(*)[KERNEL_POINTS_MAX])forest->places;
    kernel->weights = (const double(*)[KERNEL_POINTS_MAX])forest->weights;
}
