// SPDX-License-Identifier: MIT
// model diff: two artefacts on the same people. What a person wants to know before one replaces the
// other: who changes band, who moves furthest, whether all scores shift, and how far the two
// distributions are apart (the population stability index over ten equal bins of the first model's
// scores: below 0.1 is usually called stable). Both models have the same features file.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/program.h"
#include "command.h"
#include "domain/employee.h"
#include "json/json.h"
#include "model/model.h"
#include "sheet.h"

enum { BLOCK_ROWS = 256, BINS = 10, OUT_BYTES_MAX = 256 << 20, PEOPLE_MAX = 50 << 20 };

#define SETTINGS_DEF "diff.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl model diff",
    .purpose =
        "Scores the people of a CSV file with two artefacts and tells how they differ: moved "
        "bands, largest moves, mean shift, population stability index.",
    .usage = "--csv FILE [settings] FIRST SECOND",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

// Somebody whom both models score.
struct pair {
    char *id;
    double first, second; // probabilities
};

struct diff {
    struct pair *pairs;
    size_t count, capacity, refused, unscored;
    size_t bands[BAND_UNKNOWN + 1][BAND_UNKNOWN + 1]; // [of the first][of the second]
    double mean_first, mean_second, psi;
};

static void diff_done(struct diff *diff)
{
    for (size_t i = 0; i < diff->count; i++)
        free(diff->pairs[i].id);
    free(diff->pairs);
}

static void add_pair(struct diff *diff, struct bytes id, const struct score *first,
                     const struct score *second)
{
    diff->bands[first->band][second->band]++;
    if (first->band == BAND_UNKNOWN || second->band == BAND_UNKNOWN) {
        diff->unscored++;
        return;
    }
    if (diff->count == diff->capacity) {
        diff->capacity = diff->capacity == 0 ? BLOCK_ROWS : 2 * diff->capacity;
        diff->pairs = mem_grow(diff->pairs, diff->capacity, sizeof *diff->pairs);
    }
    diff->pairs[diff->count++] = (struct pair){.id = mem_dup_bytes(id.data, id.len),
                                               .first = first->probability,
                                               .second = second->probability};
}

static void score_one(struct model_block *block, const struct value *values, struct score *ret)
{
    model_block_clear(block);
    model_block_put(block, values);
    model_block_score(block, false, ret);
}

static enum err score_both(struct sheet *sheet, const struct model *first,
                           const struct model *second, struct diff *diff, struct why *why)
{
    CLEANUP(model_block_free_p) struct model_block *a = model_block_new(first, 1);
    CLEANUP(model_block_free_p) struct model_block *b = model_block_new(second, 1);
    while (!program_is_stopping()) {
        struct sheet_row row;
        bool is_end = false;
        enum err err = sheet_next(sheet, &row, &is_end, why);
        if (is_end || (err != ERR_OK && err != ERR_REJECT))
            return err;
        if (err == ERR_REJECT) {
            fprintf(stderr, "%s: %s\n", spec.program, why->text);
            diff->refused++;
            continue;
        }
        struct score of_first, of_second;
        score_one(a, row.values, &of_first);
        score_one(b, row.values, &of_second);
        add_pair(diff, row.id, &of_first, &of_second);
        if (diff->count > PEOPLE_MAX)
            return why_say(why, ERR_REJECT, "the file has over %d people", PEOPLE_MAX);
    }
    return ERR_STOP;
}

static int by_first(const void *a, const void *b)
{
    double x = ((const struct pair *)a)->first, y = ((const struct pair *)b)->first;
    return (x > y) - (x < y);
}

// Largest first; equal ones in the order of ids, so that two runs say the same.
static int by_move(const void *a, const void *b)
{
    const struct pair *p = a, *q = b;
    double x = fabs(p->second - p->first), y = fabs(q->second - q->first);
    return x != y ? (x < y) - (x > y) : strcmp(p->id, q->id);
}

// Of ten bins with equally many of the first model's scores; an empty bin counts as half a person.
static double stability_index(struct diff *diff)
{
    qsort(diff->pairs, diff->count, sizeof *diff->pairs, by_first);
    double edges[BINS - 1], index = 0;
    size_t first[BINS] = {0}, second[BINS] = {0};
    for (size_t i = 0; i < BINS - 1; i++)
        edges[i] = diff->pairs[(i + 1) * diff->count / BINS].first;
    for (size_t i = 0; i < diff->count; i++) {
        size_t a = 0, b = 0;
        while (a < BINS - 1 && diff->pairs[i].first >= edges[a])
            a++;
        while (b < BINS - 1 && diff->pairs[i].second >= edges[b])
            b++;
        first[a]++;
        second[b]++;
    }
    for (size_t i = 0; i < BINS; i++) {
        double p = fmax((double)first[i], 0.5) / (double)diff->count;
        double q = fmax((double)second[i], 0.5) / (double)diff->count;
        index += (q - p) * log(q / p);
    }
    return index;
}

static void summarize(struct diff *diff)
{
    double first = 0, second = 0;
    for (size_t i = 0; i < diff->count; i++) {
        first += diff->pairs[i].first;
        second += diff->pairs[i].second;
    }
    diff->mean_first = first / (double)diff->count;
    diff->mean_second = second / (double)diff->count;
    diff->psi = stability_index(diff);
    qsort(diff->pairs, diff->count, sizeof *diff->pairs, by_move);
}

static size_t moved_bands(const struct diff *diff)
{
    size_t moved = 0;
    for (size_t i = 0; i <= BAND_UNKNOWN; i++)
        for (size_t k = 0; k <= BAND_UNKNOWN; k++)
            moved += i != k ? diff->bands[i][k] : 0;
    return moved;
}

// How many of the largest to list: who did not move is no move.
static size_t count_moves(const struct diff *diff, size_t most)
{
    size_t moves = 0;
    while (moves < most && moves < diff->count &&
           diff->pairs[moves].first != diff->pairs[moves].second)
        moves++;
    return moves;
}

static void print_text(const struct diff *diff, const char *first, const char *second, size_t moves)
{
    printf("%zu people: first %s, second %s; %zu refused, %zu without a score in one or both\n",
           diff->count + diff->unscored, first, second, diff->refused, diff->unscored);
    printf("mean probability %.4f, then %.4f (%+.4f); population stability index %.4f\n",
           diff->mean_first, diff->mean_second, diff->mean_second - diff->mean_first, diff->psi);
    printf("%zu change their band\n", moved_bands(diff));
    for (size_t i = 0; i <= BAND_UNKNOWN; i++)
        for (size_t k = 0; k <= BAND_UNKNOWN; k++)
            if (i != k && diff->bands[i][k] > 0)
                printf("  %-8s to %-8s %zu\n", band_name((enum band)i), band_name((enum band)k),
                       diff->bands[i][k]);
    if (moves > 0)
        printf("largest moves\n");
    for (size_t i = 0; i < moves; i++) {
        const struct pair *pair = &diff->pairs[i];
        printf("  %-20s %.4f, then %.4f (%+.4f)\n", pair->id, pair->first, pair->second,
               pair->second - pair->first);
    }
}

static enum err write_bands(const struct diff *diff, struct text *out)
{
    enum err err = text_append_string(out, ",\"moved_bands\":[");
    const char *comma = "";
    for (size_t i = 0; err == ERR_OK && i <= BAND_UNKNOWN; i++)
        for (size_t k = 0; err == ERR_OK && k <= BAND_UNKNOWN; k++)
            if (i != k && diff->bands[i][k] > 0) {
                err = text_printf(out, "%s{\"from\":\"%s\",\"to\":\"%s\",\"people\":%zu}", comma,
                                  band_name((enum band)i), band_name((enum band)k),
                                  diff->bands[i][k]);
                comma = ",";
            }
    return err == ERR_OK ? text_append_string(out, "]") : err;
}

static enum err write_moves(const struct diff *diff, size_t moves, struct text *out)
{
    enum err err = text_append_string(out, ",\"moves\":[");
    for (size_t i = 0; err == ERR_OK && i < moves; i++) {
        const struct pair *pair = &diff->pairs[i];
        err = text_append_string(out, i > 0 ? ",{\"employee_id\":" : "{\"employee_id\":");
        if (err == ERR_OK)
            err = json_write_string(out, bytes_from_string(pair->id));
        if (err == ERR_OK)
            err = text_append_string(out, ",\"first\":");
        if (err == ERR_OK)
            err = json_write_double(out, pair->first);
        if (err == ERR_OK)
            err = text_append_string(out, ",\"second\":");
        if (err == ERR_OK)
            err = json_write_double(out, pair->second);
        if (err == ERR_OK)
            err = text_append_string(out, "}");
    }
    return err == ERR_OK ? text_append_string(out, "]}\n") : err;
}

static enum err print_json(const struct diff *diff, const char *first, const char *second,
                           size_t moves, struct why *why)
{
    CLEANUP(text_done) struct text out = TEXT_INIT(OUT_BYTES_MAX);
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"mean_first", diff->mean_first},
                   {"mean_second", diff->mean_second},
                   {"mean_shift", diff->mean_second - diff->mean_first},
                   {"psi", diff->psi}};
    enum err err =
        text_printf(&out,
                    "{\"first\":\"%s\",\"second\":\"%s\",\"people\":%zu,\"refused\":%zu,"
                    "\"unscored\":%zu",
                    first, second, diff->count + diff->unscored, diff->refused, diff->unscored);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(numbers); i++) {
        err = text_printf(&out, ",\"%s\":", numbers[i].name);
        if (err == ERR_OK)
            err = json_write_double(&out, numbers[i].value);
    }
    if (err == ERR_OK)
        err = write_bands(diff, &out);
    if (err == ERR_OK)
        err = write_moves(diff, moves, &out);
    if (err != ERR_OK)
        return why_say(why, ERR_FATAL, "the answer is too long: list fewer moves");
    fwrite(out.data, 1, out.len, stdout);
    return ERR_OK;
}

static enum err compare(const struct settings *settings, char **paths, struct why *why)
{
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(model_free_p) struct model *first = NULL;
    CLEANUP(model_free_p) struct model *second = NULL;
    CLEANUP(sheet_close_p) struct sheet *sheet = NULL;
    CLEANUP(diff_done) struct diff diff = {0};
    enum err err = features_load(settings->features, &features, why);
    if (err == ERR_OK)
        err = model_load(paths[0], features, &first, why);
    if (err == ERR_OK)
        err = model_load(paths[1], features, &second, why);
    if (err == ERR_OK)
        err = sheet_open(settings->csv, settings->id_column, features, &sheet, why);
    if (err == ERR_OK && sheet_missing(sheet)[0] != '\0')
        fprintf(stderr, "%s: no column for %s: missing in every row\n", spec.program,
                sheet_missing(sheet));
    if (err == ERR_OK)
        err = score_both(sheet, first, second, &diff, why);
    if (err == ERR_OK && diff.count == 0)
        err = why_say(why, ERR_REJECT, "%s: nobody whom both models score", settings->csv);
    if (err != ERR_OK)
        return err;
    summarize(&diff);
    size_t moves = count_moves(&diff, (size_t)settings->moves);
    if (settings->is_json)
        return print_json(&diff, model_id(first), model_id(second), moves, why);
    print_text(&diff, model_id(first), model_id(second), moves);
    return ERR_OK;
}

int command_model_diff(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 2, 2, &status))
        return status;
    return command_end(&spec, &settings, compare(&settings, argv + 1, &why), &why);
}
