// SPDX-License-Identifier: MIT
// Rows side by side. A row that is put in becomes one small number per input (its place in the
// table of the input) or, where the input has no table, the number itself; what must be said of its
// values is counted there and then. Eight rows lie together (a strip), so that reading many of them
// is reading memory from front to back. The kernel does the arithmetic for eight rows at a time, in
// the artefact's order for each of them.
//
// A small integer that the training never saw and that is scored as it is has no place in the
// table: its contribution is computed and stands behind a copy of the table, so the kernel knows
// one case only. The copy has a spare place for every row of the block; it is made when the first
// such value comes, and forgotten when the block is cleared.

#include "model/model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "domain/risk.h"
#include "model/parts.h"

struct row_notes {
    uint16_t missing, outside;
    bool is_refused;
};

struct column_store {
    double *table; // room for a copy of the input's, with a spare place for each row
    size_t table_used;
};

// What nearly every value of an input needs, for all inputs of a kind side by side: a whole number
// that the training saw, a text that is a level.
struct short_way {
    union {
        struct {
            const struct attribute *of;
            const int *levels;
        } category;
        struct {
            uint64_t first, count;
        } number;
    };
    uint32_t attribute, at, input; // in a row of values, in a strip, among the inputs
    bool has_table;
};

struct model_block {
    const struct model *model;
    size_t capacity, rows;
    struct short_way *numbers, *categories; // one per input, together
    size_t number_count, category_count;
    struct kernel_column *columns; // one per input
    struct column_store *stores;
    char *strips; // KERNEL_LANES rows each, see kernel.h
    size_t strip_bytes;
    struct row_notes *notes;
    double *weights; // contributions for the lanes at work, [input][lane]
    // Of trees: their columns and the contributions of these, [column][lane].
    double *derived, *explained;
    struct kernel_shap *shap;
};

// Memory that vectors are loaded from.
static void *aligned(size_t count, size_t each_bytes)
{
    const size_t line = 64, bytes = (count * each_bytes + line - 1) / line * line;
    return memset(mem_must(aligned_alloc(line, bytes)), 0, bytes);
}

// Where each input's values stand in a strip: numbers, which want alignment, before places.
static void lay_out(struct model_block *block)
{
    const struct model *model = block->model;
    for (int has_table = 0; has_table <= 1; has_table++)
        for (size_t i = 0; i < model->input_count; i++) {
            if ((model->inputs[i].table != NULL) != (has_table == 1))
                continue;
            block->columns[i].at = block->strip_bytes;
            block->strip_bytes +=
                KERNEL_LANES * (has_table == 1 ? sizeof(uint16_t) : sizeof(double));
        }
    const size_t line = 64;
    block->strip_bytes = (block->strip_bytes + line - 1) / line * line;
    size_t strips = (block->capacity + KERNEL_LANES - 1) / KERNEL_LANES;
    block->strips = aligned(strips, block->strip_bytes);
}

static char *strip_of(const struct model_block *block, size_t row)
{
    return block->strips + row / KERNEL_LANES * block->strip_bytes;
}

static void find_short_ways(struct model_block *block)
{
    const struct model *model = block->model;
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        struct short_way way = {.attribute = (uint32_t)input->attribute,
                                .at = (uint32_t)block->columns[i].at,
                                .input = (uint32_t)i,
                                .has_table = input->table != NULL};
        if (input->type == ATTRIBUTE_CATEGORY) {
            way.category.of = &model->features->attributes[input->attribute];
            way.category.levels = input->levels;
            block->categories[block->category_count++] = way;
        } else {
            way.number.first = (uint64_t)input->quick_first;
            way.number.count = input->quick_count;
            block->numbers[block->number_count++] = way;
        }
    }
}

struct model_block *model_block_new(const struct model *model, size_t capacity)
{
    assert(capacity > 0 && capacity <= MODEL_BLOCK_MAX);
    struct model_block *block = mem_zalloc(sizeof *block);
    block->model = model;
    block->capacity = capacity;
    block->columns = mem_array(model->input_count, sizeof *block->columns);
    block->stores = mem_array(model->input_count, sizeof *block->stores);
    block->numbers = mem_array(model->input_count, sizeof *block->numbers);
    block->categories = mem_array(model->input_count, sizeof *block->categories);
    block->notes = mem_array(capacity, sizeof *block->notes);
    const size_t lanes = KERNEL_LANES * sizeof(double);
    block->weights = aligned(model->input_count, lanes);
    lay_out(block);
    find_short_ways(block);
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        block->columns[i].terms = input->terms;
        block->columns[i].term_count = input->term_count;
        if (input->table != NULL)
            block->stores[i].table = mem_array(input->table_count + 2 + capacity, sizeof(double));
    }
    if (model->forest != NULL) {
        const size_t columns = model->forest->kernel.column_count;
        block->derived = aligned(columns, lanes);
        block->explained = aligned(columns, lanes);
        block->shap = aligned(1, sizeof *block->shap);
        block->shap->follows = aligned(columns, lanes);
        block->shap->shares = aligned(columns, sizeof(double));
    }
    model_block_clear(block);
    return block;
}

void model_block_free(struct model_block *block)
{
    if (block == NULL)
        return;
    for (size_t i = 0; i < block->model->input_count; i++)
        free(block->stores[i].table);
    free(block->strips);
    if (block->shap != NULL) {
        free(block->shap->follows);
        free(block->shap->shares);
    }
    free(block->shap);
    free(block->derived);
    free(block->explained);
    free(block->weights);
    free(block->columns);
    free(block->stores);
    free(block->numbers);
    free(block->categories);
    free(block->notes);
    free(block);
}

void model_block_clear(struct model_block *block)
{
    block->rows = 0;
    for (size_t i = 0; i < block->model->input_count; i++) {
        block->columns[i].table = block->model->inputs[i].table;
        block->stores[i].table_used = block->model->inputs[i].table_count + 2;
    }
}

size_t model_block_rows(const struct model_block *block)
{
    return block->rows;
}

// A lane of the values of an input: a place in its table, or a number.
static void put_place(char *strip, size_t at, size_t lane, size_t place)
{
    void *values = strip + at;
    ((uint16_t *)values)[lane] = (uint16_t)place;
}

static void put_number(char *strip, size_t at, size_t lane, double number)
{
    void *values = strip + at;
    ((double *)values)[lane] = number;
}

static void put_located(struct model_block *block, size_t at, const struct located *located,
                        char *strip, size_t lane)
{
    struct kernel_column *column = &block->columns[at];
    struct column_store *store = &block->stores[at];
    const struct input *input = &block->model->inputs[at];
    if (input->table == NULL) {
        put_number(strip, column->at, lane, located->number);
        return;
    }
    size_t place = (size_t)located->place;
    if (located->place == INPUT_NO_PLACE) {
        if (column->table == input->table) {
            memcpy(store->table, input->table, (input->table_count + 2) * sizeof *store->table);
            column->table = store->table;
        }
        place = store->table_used++;
        store->table[place] = model_contribution(input, located->number);
    }
    put_place(strip, column->at, lane, place);
}

static inline void put_shortly(const struct short_way *way, char *strip, size_t lane, size_t place,
                               double number)
{
    if (way->has_table)
        put_place(strip, way->at, lane, place);
    else
        put_number(strip, way->at, lane, number);
}

// The long way, which does the same for those that could have gone a short one.
static void put_value(struct model_block *block, size_t at, const struct value *value, char *strip,
                      size_t lane, struct row_notes *notes)
{
    const struct input *input = &block->model->inputs[at];
    const struct located located = input_locate(block->model, input, value);
    notes->missing = (uint16_t)(notes->missing + (located.found == FOUND_MISSING ? 1 : 0));
    notes->outside = (uint16_t)(notes->outside + (located.found == FOUND_OUTSIDE ? 1 : 0));
    notes->is_refused = notes->is_refused || located.found == FOUND_REFUSED;
    put_located(block, at, &located, strip, lane);
}

// -1: it is not a text, or none that is a level.
static int short_level(const struct short_way *way, const struct value *value)
{
    int category =
        value->kind == VALUE_TEXT ? attribute_category(way->category.of, value->text) : -1;
    return category < 0 ? -1 : way->category.levels[category];
}

void model_block_put(struct model_block *block, const struct value *attributes)
{
    assert(block->rows < block->capacity);
    const size_t lane = block->rows % KERNEL_LANES;
    const struct short_way *const numbers_end = block->numbers + block->number_count,
                                  *const categories_end = block->categories + block->category_count;
    char *const strip = strip_of(block, block->rows);
    struct row_notes *const notes = &block->notes[block->rows++];
    *notes = (struct row_notes){0};
    for (const struct short_way *way = block->numbers; way < numbers_end; way++) {
        const struct value *value = &attributes[way->attribute];
        const bool is_whole = value->kind == VALUE_INTEGER;
        const uint64_t place = (is_whole ? (uint64_t)value->integer : 0) - way->number.first;
        if (is_whole && place < way->number.count)
            put_shortly(way, strip, lane, place, (double)value->integer);
        else
            put_value(block, way->input, value, strip, lane, notes);
    }
    for (const struct short_way *way = block->categories; way < categories_end; way++) {
        const struct value *value = &attributes[way->attribute];
        const int level = short_level(way, value);
        if (level >= 0)
            put_shortly(way, strip, lane, (size_t)level, level);
        else
            put_value(block, way->input, value, strip, lane, notes);
    }
}

static void take_reasons(const struct model *model, const struct kernel_top *top, size_t lane,
                         struct score *ret)
{
    size_t count = 0;
    while (count < PREDICTION_REASONS && top->input[count][lane] >= 0) {
        ret->reasons[count].attribute = model->inputs[top->input[count][lane]].attribute;
        ret->reasons[count].weight = top->weight[count][lane];
        count++;
    }
    ret->reason_count = count;
}

// The contributions of the inputs to the log-odds, [input][lane]: those of the columns, summed.
static void explain_trees(struct model_block *block)
{
    const struct model *model = block->model;
    const struct kernel_forest *forest = &model->forest->kernel;
    const double scale = model->calibration.slope / model->forest->divisor;
    memset(block->explained, 0, forest->column_count * KERNEL_LANES * sizeof(double));
    memset(block->weights, 0, model->input_count * KERNEL_LANES * sizeof(double));
    model->kernel->shap(forest, block->derived, block->shap, block->explained);
    for (size_t k = 0; k < forest->column_count; k++) {
        double *weights = block->weights + forest->columns[k].input * KERNEL_LANES;
        for (size_t i = 0; i < KERNEL_LANES; i++)
            weights[i] += block->explained[k * KERNEL_LANES + i] * scale;
    }
}

// The raw scores of the rows from `from` on, and (top not NULL) their largest contributions.
static void score_raw(struct model_block *block, size_t from, double *raw, struct kernel_top *top)
{
    const struct model *model = block->model;
    const struct kernel *kernel = model->kernel;
    const bool has_reasons = top != NULL;
    if (model->forest == NULL) {
        kernel->linear(block->columns, model->input_count, strip_of(block, from), model->base,
                       model->calibration.slope, raw, has_reasons ? block->weights : NULL);
    } else {
        const struct kernel_forest *forest = &model->forest->kernel;
        kernel->derive(forest, block->columns, strip_of(block, from), block->derived);
        kernel->trees(forest, block->derived, model->base, raw);
        for (size_t i = 0; i < KERNEL_LANES; i++)
            raw[i] = raw[i] / model->forest->divisor;
        if (has_reasons)
            explain_trees(block);
    }
    if (has_reasons)
        kernel->rank(block->weights, model->input_count, MODEL_REASON_MIN, top);
}

static void score_lanes(struct model_block *block, size_t from, bool has_reasons, struct score *ret)
{
    const struct model *model = block->model;
    const struct calibration *calibration = &model->calibration;
    struct kernel_top top;
    double raw[KERNEL_LANES], log_odds[KERNEL_LANES], probability[KERNEL_LANES];
    score_raw(block, from, raw, has_reasons ? &top : NULL);
    for (size_t i = 0; i < KERNEL_LANES; i++)
        log_odds[i] = calibration->type == CALIBRATION_SIGMOID
                          ? calibration->slope * raw[i] + calibration->intercept
                          : raw[i];
    model->kernel->logistic(log_odds, probability);
    for (size_t i = 0; i < KERNEL_LANES && from + i < block->rows; i++) {
        const struct row_notes *notes = &block->notes[from + i];
        double calibrated = calibration_apply(calibration, raw[i], probability[i]);
        ret[i].base_log_odds = model->reference;
        ret[i].log_odds = notes->is_refused ? (double)NAN : log_odds[i];
        ret[i].probability = notes->is_refused ? (double)NAN : calibrated;
        ret[i].band = risk_band(ret[i].probability, model->elevated_from, model->threshold);
        ret[i].missing_count = notes->missing;
        ret[i].outside_count = notes->outside;
        ret[i].reason_count = 0;
        if (has_reasons && !notes->is_refused)
            take_reasons(model, &top, i, &ret[i]);
    }
}

void model_block_score(struct model_block *block, bool has_reasons, struct score *ret)
{
    for (size_t from = 0; from < block->rows; from += KERNEL_LANES)
        score_lanes(block, from, has_reasons, ret + from);
}

bool model_contributions(const struct model *model, const struct value *attributes, double *ret)
{
    CLEANUP(model_block_free_p) struct model_block *block = model_block_new(model, 1);
    model_block_put(block, attributes);
    if (block->notes[0].is_refused)
        return false;
    memset(ret, 0, model->features->count * sizeof *ret);
    if (model->forest != NULL) {
        model->kernel->derive(&model->forest->kernel, block->columns, block->strips,
                              block->derived);
        explain_trees(block);
    }
    for (size_t i = 0; i < model->input_count; i++) {
        const struct kernel_column *column = &block->columns[i];
        const void *values = block->strips + column->at;
        double *weight = &ret[model->inputs[i].attribute];
        if (model->forest != NULL)
            *weight = block->weights[i * KERNEL_LANES];
        else if (column->table != NULL)
            *weight = model->calibration.slope * column->table[*(const uint16_t *)values];
        else
            *weight = model->calibration.slope *
                      model_contribution(&model->inputs[i], *(const double *)values);
    }
    return true;
}

void model_score(const struct model *model, const struct value *attributes, struct score *ret)
{
    CLEANUP(model_block_free_p) struct model_block *block = model_block_new(model, 1);
    model_block_put(block, attributes);
    model_block_score(block, true, ret);
}
