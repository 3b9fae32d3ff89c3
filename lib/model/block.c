// SPDX-License-Identifier: MIT
// Rows side by side. A row that is put in becomes one small number per input (its place in the
// table of the input) or, where the input has no table, the number itself; what must be said of its
// values is counted there and then. The kernel does the arithmetic for eight rows at a time, in the
// artefact's order for each of them.
//
// A small integer that the training never saw has no place in the table: its contribution is
// computed and stands behind the block's own copy of the table, so the kernel knows one case only.
// That copy has a spare place for every row of the block, and lives until the block is cleared.

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
    double *table; // copy of the input's, with a spare place for each row
    size_t table_used;
};

struct model_block {
    const struct model *model;
    size_t capacity, rows;
    struct kernel_column *columns; // one per input
    struct column_store *stores;
    struct row_notes *notes;
};

// Rows of arrays that kernels read: whole lanes.
static size_t padded(size_t rows)
{
    return (rows + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
}

struct model_block *model_block_new(const struct model *model, size_t capacity)
{
    assert(capacity > 0 && capacity <= MODEL_BLOCK_MAX);
    struct model_block *block = mem_zalloc(sizeof *block);
    block->model = model;
    block->capacity = capacity;
    block->columns = mem_array(model->input_count, sizeof *block->columns);
    block->stores = mem_array(model->input_count, sizeof *block->stores);
    block->notes = mem_array(capacity, sizeof *block->notes);
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        struct kernel_column *column = &block->columns[i];
        column->terms = input->terms;
        column->term_count = input->term_count;
        if (input->table == NULL) {
            column->numbers = mem_array(padded(capacity), sizeof *column->numbers);
            continue;
        }
        size_t used = input->table_count + 2;
        struct column_store *store = &block->stores[i];
        store->table = mem_array(used + capacity, sizeof *store->table);
        memcpy(store->table, input->table, used * sizeof *store->table);
        column->table = store->table;
        column->places = mem_array(padded(capacity), sizeof *column->places);
    }
    model_block_clear(block);
    return block;
}

void model_block_free(struct model_block *block)
{
    if (block == NULL)
        return;
    for (size_t i = 0; i < block->model->input_count; i++) {
        free(block->columns[i].places);
        free(block->columns[i].numbers);
        free(block->stores[i].table);
    }
    free(block->columns);
    free(block->stores);
    free(block->notes);
    free(block);
}

void model_block_clear(struct model_block *block)
{
    block->rows = 0;
    for (size_t i = 0; i < block->model->input_count; i++)
        block->stores[i].table_used = block->model->inputs[i].table_count + 2;
}

size_t model_block_rows(const struct model_block *block)
{
    return block->rows;
}

static void put_value(struct model_block *block, size_t at, const struct located *located)
{
    struct kernel_column *column = &block->columns[at];
    struct column_store *store = &block->stores[at];
    if (column->table == NULL) {
        column->numbers[block->rows] = located->number;
        return;
    }
    int place = located->place;
    if (place == INPUT_NO_PLACE) {
        place = (int)store->table_used++;
        store->table[place] = model_contribution(&block->model->inputs[at], located->number);
    }
    column->places[block->rows] = (uint16_t)place;
}

void model_block_put(struct model_block *block, const struct value *attributes)
{
    assert(block->rows < block->capacity);
    const struct model *model = block->model;
    struct row_notes notes = {0};
    for (size_t i = 0; i < model->input_count; i++) {
        const struct input *input = &model->inputs[i];
        struct located located = input_locate(model, input, &attributes[input->attribute]);
        notes.missing = (uint16_t)(notes.missing + (located.found == FOUND_MISSING ? 1 : 0));
        notes.outside = (uint16_t)(notes.outside + (located.found == FOUND_OUTSIDE ? 1 : 0));
        notes.is_refused = notes.is_refused || located.found == FOUND_REFUSED;
        put_value(block, i, &located);
    }
    block->notes[block->rows++] = notes;
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

static void score_lanes(const struct model_block *block, size_t from, bool has_reasons,
                        struct score *ret)
{
    const struct model *model = block->model;
    struct kernel_top top;
    double log_odds[KERNEL_LANES], probability[KERNEL_LANES];
    model->kernel->linear(block->columns, model->input_count, from, model->base, MODEL_REASON_MIN,
                          log_odds, has_reasons ? &top : NULL);
    model->kernel->logistic(log_odds, probability);
    for (size_t i = 0; i < KERNEL_LANES && from + i < block->rows; i++) {
        const struct row_notes *notes = &block->notes[from + i];
        ret[i].base_log_odds = model->base;
        ret[i].log_odds = notes->is_refused ? (double)NAN : log_odds[i];
        ret[i].probability = notes->is_refused ? (double)NAN : probability[i];
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

void model_score(const struct model *model, const struct value *attributes, struct score *ret)
{
    CLEANUP(model_block_free_p) struct model_block *block = model_block_new(model, 1);
    model_block_put(block, attributes);
    model_block_score(block, true, ret);
}
