// SPDX-License-Identifier: MIT
// The trees of an artefact. A child stands behind its parent and every node but the root is the
// child of one other: with these two, six arrays are a tree, without cycles and without parts that
// nothing leads to, and the checks need one pass and no recursion. Counts are looked at before
// memory is taken, in the document's own arrays.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/parts.h"

enum {
    COLUMNS_MAX = 4096,
    TREES_MAX = 4096,
    NODES_MAX = 65535,
    ALL_NODES_MAX = 1 << 20,
    WHERE_MAX = 64
};

static enum err refuse(struct why *why, const char *where, const char *what)
{
    return why_code(why, ERR_REJECT, "bad-model", "%s: %s", where, what);
}

// Arrays of one tree, with room for the largest of them.
struct arrays {
    double *t, *v, *c;
    int32_t *f, *l, *r;
    uint8_t *depth; // edges from the root
    bool *is_child;
};

static void arrays_done(struct arrays *arrays)
{
    free(arrays->t);
    free(arrays->v);
    free(arrays->c);
    free(arrays->f);
    free(arrays->l);
    free(arrays->r);
    free(arrays->depth);
    free(arrays->is_child);
}

static struct arrays arrays_of(size_t count)
{
    return (struct arrays){
        .t = mem_array(count, sizeof(double)),
        .v = mem_array(count, sizeof(double)),
        .c = mem_array(count, sizeof(double)),
        .f = mem_array(count, sizeof(int32_t)),
        .l = mem_array(count, sizeof(int32_t)),
        .r = mem_array(count, sizeof(int32_t)),
        .depth = mem_array(count, sizeof(uint8_t)),
        .is_child = mem_array(count, sizeof(bool)),
    };
}

static enum err read_numbers(const struct json *node, const char *where, const char *name,
                             size_t count, double *ret, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(node, where, name, NODES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) != count)
        err = refuse(why, where, "its arrays are not of one length");
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        enum json_kind kind = json_kind(json_at(list, i));
        if (kind != JSON_KIND_INTEGER && kind != JSON_KIND_REAL)
            err = refuse(why, where, "an array holds what is no number");
        else
            ret[i] = json_as_number(json_at(list, i));
    }
    return err;
}

static enum err read_indices(const struct json *node, const char *where, const char *name,
                             size_t count, int32_t *ret, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(node, where, name, NODES_MAX, &list, why);
    if (err == ERR_OK && json_count(list) != count)
        err = refuse(why, where, "its arrays are not of one length");
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        const struct json *number = json_at(list, i);
        bool is_index = json_kind(number) == JSON_KIND_INTEGER && json_as_integer(number) >= -1 &&
                        json_as_integer(number) <= NODES_MAX;
        if (!is_index)
            err = refuse(why, where, "f, l or r holds what is no index");
        else
            ret[i] = (int32_t)json_as_integer(number);
    }
    return err;
}

static enum err check_leaf(const struct arrays *arrays, size_t at, enum model_kind kind,
                           const char *where, struct why *why)
{
    if (arrays->t[at] != 0 || arrays->l[at] != 0 || arrays->r[at] != 0)
        return refuse(why, where, "a leaf has a threshold or children");
    if (kind == MODEL_FOREST && !(arrays->v[at] >= 0 && arrays->v[at] <= 1))
        return refuse(why, where, "a leaf of a forest is no probability");
    return ERR_OK;
}

static enum err check_inner(const struct arrays *arrays, size_t at, size_t count, size_t columns,
                            const char *where, struct why *why)
{
    if ((size_t)arrays->f[at] >= columns)
        return refuse(why, where, "f is no column");
    if (arrays->v[at] != 0)
        return refuse(why, where, "an inner node has a value");
    const int32_t children[] = {arrays->l[at], arrays->r[at]};
    for (size_t i = 0; i < 2; i++) {
        size_t child = (size_t)children[i];
        if (children[i] < 0 || child <= at || child >= count)
            return refuse(why, where, "a child does not stand behind its parent");
        if (arrays->is_child[child])
            return refuse(why, where, "a node is the child of two");
        if (arrays->depth[at] >= KERNEL_DEPTH_MAX)
            return refuse(why, where, "more than 64 edges lie between the root and a leaf");
        arrays->is_child[child] = true;
        arrays->depth[child] = (uint8_t)(arrays->depth[at] + 1);
    }
    double sum = arrays->c[children[0]] + arrays->c[children[1]];
    if (!(fabs(sum - arrays->c[at]) <= 1e-6 * arrays->c[at]))
        return refuse(why, where, "the weight of the children is not that of their parent");
    return ERR_OK;
}

static enum err check_tree(const struct arrays *arrays, size_t count, const struct model *model,
                           const char *where, struct why *why)
{
    memset(arrays->is_child, 0, count * sizeof *arrays->is_child);
    arrays->depth[0] = 0;
    for (size_t i = 0; i < count; i++)
        if (!(arrays->c[i] > 0))
            return refuse(why, where, "c is not above 0");
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (i > 0 && !arrays->is_child[i])
            return refuse(why, where, "a node is no child of another");
        err = arrays->f[i] < 0
                  ? check_leaf(arrays, i, model->kind, where, why)
                  : check_inner(arrays, i, count, model->forest->kernel.column_count, where, why);
    }
    return err;
}

static enum err read_tree(const struct json *node, const char *where, struct model *model,
                          struct arrays *arrays, double *ret_mean, struct why *why)
{
    static const char *const members[] = {"f", "t", "l", "r", "v", "c"};
    size_t count = json_count(json_member(node, "f")); // was looked at by count_nodes
    enum err err = json_only_members(node, where, members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = read_indices(node, where, "f", count, arrays->f, why);
    if (err == ERR_OK)
        err = read_indices(node, where, "l", count, arrays->l, why);
    if (err == ERR_OK)
        err = read_indices(node, where, "r", count, arrays->r, why);
    if (err == ERR_OK)
        err = read_numbers(node, where, "t", count, arrays->t, why);
    if (err == ERR_OK)
        err = read_numbers(node, where, "v", count, arrays->v, why);
    if (err == ERR_OK)
        err = read_numbers(node, where, "c", count, arrays->c, why);
    if (err == ERR_OK)
        err = check_tree(arrays, count, model, where, why);
    if (err != ERR_OK)
        return err;
    const struct tree_source source = {.t = arrays->t,
                                       .v = arrays->v,
                                       .c = arrays->c,
                                       .f = arrays->f,
                                       .l = arrays->l,
                                       .r = arrays->r,
                                       .count = count};
    forest_add(model->forest, &source, ret_mean);
    return ERR_OK;
}

// Nodes of all trees and of the largest.
static enum err count_nodes(const struct json *list, size_t *ret_all, size_t *ret_largest,
                            struct why *why)
{
    *ret_all = *ret_largest = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "trees.list[%zu]", i);
        const struct json *f = NULL;
        if (json_kind(json_at(list, i)) != JSON_KIND_OBJECT)
            return refuse(why, where, "is not an object");
        enum err err = json_get_array(json_at(list, i), where, "f", NODES_MAX, &f, why);
        if (err != ERR_OK)
            return err;
        if (json_count(f) == 0)
            return refuse(why, where, "has no nodes");
        *ret_all += json_count(f);
        *ret_largest = json_count(f) > *ret_largest ? json_count(f) : *ret_largest;
    }
    return *ret_all <= ALL_NODES_MAX ? ERR_OK : refuse(why, "trees.list", "has over 1048576 nodes");
}

static enum err read_columns(const struct json *list, struct model *model, struct why *why)
{
    static const char *const members[] = {"op", "f", "v"};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "trees.columns[%zu]", i);
        struct term term = {0};
        struct input *input = NULL;
        err = model_read_column(json_at(list, i), where, model, &input, &term, why);
        if (err == ERR_OK)
            err = json_only_members(json_at(list, i), where, members, term.op == TERM_ID ? 2 : 3,
                                    why);
        if (err == ERR_OK)
            model->forest->columns[i] = (struct kernel_derived){
                .op = term.op, .input = (size_t)(input - model->inputs), .v = term.v};
    }
    return err;
}

static enum err read_list(const struct json *list, size_t largest, struct model *model,
                          struct why *why)
{
    CLEANUP(arrays_done) struct arrays arrays = arrays_of(largest);
    double means = 0;
    for (size_t i = 0; i < json_count(list); i++) {
        char where[WHERE_MAX];
        snprintf(where, sizeof where, "trees.list[%zu]", i);
        double mean = 0;
        enum err err = read_tree(json_at(list, i), where, model, &arrays, &mean, why);
        if (err != ERR_OK)
            return err;
        means += mean;
    }
    model->forest->divisor = model->kind == MODEL_FOREST ? (double)json_count(list) : 1;
    model->reference = model->base + means / model->forest->divisor;
    forest_finish(model->forest);
    return isfinite(model->reference) ? ERR_OK
                                      : refuse(why, "trees", "the leaves' mean is not finite");
}

enum err model_read_trees(const struct json *root, struct model *model, struct why *why)
{
    static const char *const members[] = {"base", "columns", "list"};
    const struct json *trees = NULL, *columns = NULL, *list = NULL;
    size_t all = 0, largest = 0;
    enum err err = json_get_object(root, "", "trees", &trees, why);
    if (err == ERR_OK)
        err = json_only_members(trees, "trees", members, ARRAY_LEN(members), why);
    if (err == ERR_OK)
        err = json_get_number(trees, "trees", "base", &model->base, why);
    if (err == ERR_OK && model->kind == MODEL_FOREST && model->base != 0)
        err = refuse(why, "trees", "base of a random forest is 0");
    if (err == ERR_OK)
        err = json_get_array(trees, "trees", "columns", COLUMNS_MAX, &columns, why);
    if (err == ERR_OK)
        err = json_get_array(trees, "trees", "list", TREES_MAX, &list, why);
    if (err == ERR_OK && (json_count(columns) == 0 || json_count(list) == 0))
        err = refuse(why, "trees", "has no columns or no list");
    if (err == ERR_OK)
        err = count_nodes(list, &all, &largest, why);
    if (err != ERR_OK)
        return err;
    model->forest = forest_new(json_count(columns), json_count(list), all);
    err = read_columns(columns, model, why);
    return err == ERR_OK ? read_list(list, largest, model, why) : err;
}
