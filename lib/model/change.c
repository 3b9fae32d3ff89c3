// SPDX-License-Identifier: MIT
// A search by trying: the steps that the features file allows are few (64 for an attribute at the
// most), so every change of one attribute, and where none is enough every pair, is put into a block
// and scored by the code that scores people. That is right for every kind of model, and what is
// found is verified by having been found.

#include "model/change.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "domain/employee.h"
#include "model/parts.h"

enum { BLOCK_ROWS = 256 };

struct candidate {
    struct model_change change;
    double size;
};

// A way that is being tried: one candidate, or two.
struct attempt {
    size_t parts[CHANGE_ATTRIBUTES]; // places in the candidates
    size_t count;
    double size;
};

struct search {
    const struct model *model;
    const struct value *attributes;
    struct value *row; // the person, changed
    struct candidate *candidates;
    size_t candidate_count, candidate_room;
    struct model_block *block;
    struct attempt waiting[BLOCK_ROWS];
    struct score scores[BLOCK_ROWS];
    struct attempt best;
    struct score best_score;
};

static void add_candidate(struct search *search, size_t attribute, struct value to, double size)
{
    if (search->candidate_count == search->candidate_room) {
        search->candidate_room = search->candidate_room == 0 ? 64 : 2 * search->candidate_room;
        search->candidates =
            mem_grow(search->candidates, search->candidate_room, sizeof *search->candidates);
    }
    search->candidates[search->candidate_count++] =
        (struct candidate){{.attribute = attribute, .to = to}, size};
}

static void list_moves(struct search *search, const struct input *input, double sign)
{
    const struct attribute *attribute = &search->model->features->attributes[input->attribute];
    const struct actionable *actionable = &attribute->actionable;
    const double from = attribute_number(&search->attributes[input->attribute]);
    const double low = fmax(attribute->min, input->train_min);
    const double high = fmin(attribute->max, input->train_max);
    // A step more than fits by rounding (0.1 three times in 0.3) is no step more.
    const double steps = floor(actionable->by / actionable->step * (1 + 1e-12));
    for (double k = 1; k <= steps; k++) {
        double to = from + sign * k * actionable->step;
        if (!(to >= low && to <= high))
            continue;
        struct value value = {.kind = VALUE_REAL, .real = to};
        if (attribute->type == ATTRIBUTE_INTEGER)
            value = (struct value){.kind = VALUE_INTEGER, .integer = (int64_t)to};
        add_candidate(search, input->attribute, value, k * actionable->step / actionable->by);
    }
}

static void list_targets(struct search *search, const struct input *input)
{
    const struct attribute *attribute = &search->model->features->attributes[input->attribute];
    int from = attribute_category(attribute, search->attributes[input->attribute].text);
    for (size_t i = 0; i < attribute->category_count; i++)
        if (attribute->actionable.to[i] && (int)i != from && input->levels[i] >= 0)
            add_candidate(search, input->attribute,
                          (struct value){.kind = VALUE_TEXT,
                                         .text = bytes_from_string(attribute->categories[i].name)},
                          1);
}

static void list_candidates(struct search *search)
{
    for (size_t i = 0; i < search->model->input_count; i++) {
        const struct input *input = &search->model->inputs[i];
        const struct actionable *actionable =
            &search->model->features->attributes[input->attribute].actionable;
        if (search->attributes[input->attribute].kind == VALUE_NULL)
            continue;
        if (actionable->to != NULL)
            list_targets(search, input);
        if (actionable->is_down)
            list_moves(search, input, -1);
        if (actionable->is_up)
            list_moves(search, input, 1);
    }
}

static bool is_better(const struct search *search, const struct attempt *attempt,
                      const struct score *score)
{
    if (score->band == BAND_UNKNOWN || !(score->probability <= search->model->threshold))
        return false;
    if (search->best.count == 0)
        return true;
    if (attempt->size != search->best.size)
        return attempt->size < search->best.size;
    return score->probability < search->best_score.probability;
}

static void score_waiting(struct search *search)
{
    size_t count = model_block_rows(search->block);
    model_block_score(search->block, true, search->scores);
    for (size_t i = 0; i < count; i++)
        if (is_better(search, &search->waiting[i], &search->scores[i])) {
            search->best = search->waiting[i];
            search->best_score = search->scores[i];
        }
    model_block_clear(search->block);
}

// A rule that held before must hold afterwards.
static bool is_plausible(const struct search *search)
{
    const struct features *features = search->model->features;
    for (size_t i = 0; i < features->rule_count; i++)
        if (!employee_keeps(&features->rules[i], search->row) &&
            employee_keeps(&features->rules[i], search->attributes))
            return false;
    return true;
}

static void try_attempt(struct search *search, const size_t *parts, size_t count)
{
    struct attempt attempt = {.count = count};
    for (size_t i = 0; i < count; i++) {
        const struct candidate *candidate = &search->candidates[parts[i]];
        attempt.parts[i] = parts[i];
        attempt.size += candidate->size;
        search->row[candidate->change.attribute] = candidate->change.to;
    }
    // A larger one than the best cannot win: most pairs end here.
    if ((search->best.count == 0 || attempt.size <= search->best.size) && is_plausible(search)) {
        search->waiting[model_block_rows(search->block)] = attempt;
        model_block_put(search->block, search->row);
    }
    for (size_t i = 0; i < count; i++) {
        size_t attribute = search->candidates[parts[i]].change.attribute;
        search->row[attribute] = search->attributes[attribute];
    }
    if (model_block_rows(search->block) == BLOCK_ROWS)
        score_waiting(search);
}

static void try_all(struct search *search)
{
    for (size_t i = 0; i < search->candidate_count; i++)
        try_attempt(search, &i, 1);
    score_waiting(search);
    if (search->best.count > 0)
        return;
    for (size_t i = 0; i < search->candidate_count; i++)
        for (size_t k = i + 1; k < search->candidate_count; k++)
            if (search->candidates[i].change.attribute != search->candidates[k].change.attribute)
                try_attempt(search, (size_t[]){i, k}, 2);
    score_waiting(search);
}

void model_find_change(const struct model *model, const struct value *attributes,
                       struct model_counterfactual *ret)
{
    *ret = (struct model_counterfactual){0};
    model_score(model, attributes, &ret->score);
    ret->is_needed = ret->score.band == BAND_HIGH;
    if (!ret->is_needed)
        return;
    CLEANUP(mem_free_p) struct search *search = mem_zalloc(sizeof *search);
    CLEANUP(mem_free_p)
    struct value *row = mem_array(model->features->count, sizeof *row);
    CLEANUP(model_block_free_p)
    struct model_block *block = model_block_new(model, BLOCK_ROWS);
    memcpy(row, attributes, model->features->count * sizeof *row);
    search->model = model;
    search->attributes = attributes;
    search->row = row;
    search->block = block;
    list_candidates(search);
    try_all(search);
    for (size_t i = 0; i < search->best.count; i++)
        ret->changes[ret->count++] = search->candidates[search->best.parts[i]].change;
    if (ret->count > 0)
        ret->score = search->best_score;
    free(search->candidates);
}
