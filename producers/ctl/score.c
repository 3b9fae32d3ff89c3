// SPDX-License-Identifier: MIT
// score: a file of people through a model, without any service, so that a model can be judged
// before it is used. Rows are read, scored and written in blocks: the file may be of any size. A
// row that is impossible is told in its place and does not end the run; what is odd about another
// (a guessed value, a broken rule) stands beside its score.

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "command.h"
#include "domain/employee.h"
#include "json/json.h"
#include "model/model.h"
#include "notes.h"
#include "sheet.h"

enum { BLOCK_ROWS = 256, LINE_BYTES_MAX = 1 << 20, PART_BYTES_MAX = 1 << 16 };

#define SETTINGS_DEF "score.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl score",
    .purpose = "Scores the people of a CSV file, offline, with exactly the code of the scoring "
               "worker: CSV or JSON lines on standard output, a summary on standard error.",
    .usage = "--csv FILE [settings]",
    .more =
        "Exit status 1: rows were refused (each is told on standard error and in its place), or "
        "the file\ncould not be scored.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

// A row of the output that waits for its block.
struct line {
    struct text id;
    struct text notes;
    struct why refusal; // why it has no score; text[0] == 0: scored
};

struct run {
    const struct settings *settings;
    const struct features *features;
    const struct model *model;
    enum language language;
    struct model_block *block;
    struct line lines[BLOCK_ROWS];
    size_t line_count;
    struct score scores[BLOCK_ROWS];
    struct text out;
    size_t scored, refused, noted;
    size_t bands[BAND_UNKNOWN + 1];
};

static enum err write_json(struct run *run, const struct line *line, const struct score *score)
{
    struct text *out = &run->out;
    enum err err = text_append_string(out, "{\"employee_id\":");
    if (err == ERR_OK)
        err = json_write_string(out, text_bytes(&line->id));
    if (score == NULL) {
        if (err == ERR_OK)
            err = text_append_string(out, ",\"error\":");
        if (err == ERR_OK)
            err = json_write_string(out, bytes_from_string(line->refusal.text));
        return err == ERR_OK ? text_append_string(out, "}\n") : err;
    }
    if (err == ERR_OK)
        err = text_append_string(out, ",\"churn_probability\":");
    if (err == ERR_OK)
        err = json_write_double(out, score->probability);
    if (err == ERR_OK)
        err = text_printf(out, ",\"band\":\"%s\"", band_name(score->band));
    for (size_t i = 0; err == ERR_OK && i < score->reason_count; i++) {
        err = text_printf(out, ",\"reason_%zu\":\"%s\",\"weight_%zu\":", i + 1,
                          run->features->attributes[score->reasons[i].attribute].name, i + 1);
        if (err == ERR_OK)
            err = json_write_double(out, score->reasons[i].weight);
    }
    if (err == ERR_OK)
        err = text_append_string(out, ",\"notes\":");
    if (err == ERR_OK)
        err = json_write_string(out, text_bytes(&line->notes));
    return err == ERR_OK ? text_append_string(out, "}\n") : err;
}

// A field of CSV, in quotes where it must be.
static enum err write_field(struct text *out, struct bytes field)
{
    bool is_plain = true;
    for (size_t i = 0; i < field.len; i++)
        is_plain = is_plain && field.data[i] != '"' && field.data[i] != ',' &&
                   field.data[i] != '\n' && field.data[i] != '\r';
    if (is_plain)
        return text_append(out, field.data, field.len);
    enum err err = text_append_string(out, "\"");
    for (size_t i = 0; err == ERR_OK && i < field.len; i++)
        err = text_printf(out, field.data[i] == '"' ? "\"\"" : "%c", field.data[i]);
    return err == ERR_OK ? text_append_string(out, "\"") : err;
}

static enum err write_csv(struct run *run, const struct line *line, const struct score *score)
{
    struct text *out = &run->out;
    char number[FORMAT_DOUBLE_MAX];
    enum err err = write_field(out, text_bytes(&line->id));
    if (err == ERR_OK && score == NULL)
        err = text_append_string(out, ",,refused");
    if (err == ERR_OK && score != NULL) {
        if (score->band != BAND_UNKNOWN)
            format_double(score->probability, number);
        err = text_printf(out, ",%s,%s", score->band == BAND_UNKNOWN ? "" : number,
                          band_name(score->band));
    }
    for (size_t i = 0; err == ERR_OK && run->settings->has_reasons && i < PREDICTION_REASONS; i++) {
        if (score == NULL || i >= score->reason_count) {
            err = text_append_string(out, ",,");
            continue;
        }
        format_double(score->reasons[i].weight, number);
        err = text_printf(out, ",%s,%s",
                          run->features->attributes[score->reasons[i].attribute].name, number);
    }
    if (err == ERR_OK)
        err = text_append_string(out, ",");
    if (err == ERR_OK)
        err = write_field(out, score == NULL ? bytes_from_string(line->refusal.text)
                                             : text_bytes(&line->notes));
    return err == ERR_OK ? text_append_string(out, "\n") : err;
}

// Scores what was put, and writes the lines in their order.
static enum err flush(struct run *run, struct why *why)
{
    model_block_score(run->block, run->settings->has_reasons, run->scores);
    size_t at = 0;
    for (size_t i = 0; i < run->line_count; i++) {
        struct line *line = &run->lines[i];
        const struct score *score = line->refusal.text[0] == '\0' ? &run->scores[at++] : NULL;
        if (score != NULL)
            run->bands[score->band]++;
        text_clear(&run->out);
        enum err err =
            run->settings->is_json ? write_json(run, line, score) : write_csv(run, line, score);
        if (err != ERR_OK)
            return why_say(why, ERR_FATAL, "a line of the output is too long");
        fwrite(run->out.data, 1, run->out.len, stdout);
        run->noted += line->notes.len > 0 ? 1 : 0;
        text_clear(&line->id);
        text_clear(&line->notes);
        line->refusal = (struct why){0};
    }
    run->scored += at;
    run->refused += run->line_count - at;
    run->line_count = 0;
    model_block_clear(run->block);
    return program_is_stopping() ? ERR_STOP : ERR_OK;
}

static enum err take_row(struct run *run, const struct sheet_row *row, enum err verdict,
                         const struct why *refusal, struct why *why)
{
    struct line *line = &run->lines[run->line_count++];
    if (text_append(&line->id, row->id.data, row->id.len) != ERR_OK)
        return why_say(why, ERR_FATAL, "line %zu: an id of over %zu bytes", row->line,
                       line->id.ceiling);
    if (verdict == ERR_REJECT) {
        line->refusal = *refusal;
        fprintf(stderr, "%s: %s\n", spec.program, refusal->text);
    } else {
        model_block_put(run->block, row->values);
        enum err err =
            notes_write(run->model, run->features, row->values, run->language, &line->notes, why);
        if (err != ERR_OK)
            return why_prefix(why, err, "line %zu", row->line);
    }
    return run->line_count == BLOCK_ROWS ? flush(run, why) : ERR_OK;
}

static enum err score_sheet(struct run *run, struct sheet *sheet, struct why *why)
{
    if (!run->settings->is_json)
        printf("employee_id,churn_probability,band%s,notes\n",
               run->settings->has_reasons ? ",reason_1,weight_1,reason_2,weight_2,reason_3,weight_3"
                                          : "");
    while (ferror(stdout) == 0) {
        struct sheet_row row;
        struct why refusal = {0};
        bool is_end = false;
        enum err err = sheet_next(sheet, &row, &is_end, &refusal);
        if (err != ERR_OK && err != ERR_REJECT) {
            *why = refusal;
            return err;
        }
        if (is_end)
            return flush(run, why);
        err = take_row(run, &row, err, &refusal, why);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK; // main tells what is the matter with the output
}

static void summarize(const struct run *run)
{
    fprintf(stderr, "model %s: %zu scored", model_id(run->model), run->scored);
    for (size_t i = 0; i <= BAND_UNKNOWN; i++)
        fprintf(stderr, ", %zu %s", run->bands[i], band_name((enum band)i));
    fprintf(stderr, "; %zu with notes; %zu refused\n", run->noted, run->refused);
}

static struct run *run_new(const struct settings *settings, const struct features *features,
                           const struct model *model)
{
    struct run *run = mem_zalloc(sizeof *run);
    *run = (struct run){.settings = settings, .features = features, .model = model};
    run->block = model_block_new(model, BLOCK_ROWS);
    run->out = TEXT_INIT(LINE_BYTES_MAX);
    for (size_t i = 0; i < BLOCK_ROWS; i++) {
        run->lines[i].id = TEXT_INIT(PART_BYTES_MAX);
        run->lines[i].notes = TEXT_INIT(PART_BYTES_MAX);
    }
    return run;
}

static void run_free(struct run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; i < BLOCK_ROWS; i++) {
        text_done(&run->lines[i].id);
        text_done(&run->lines[i].notes);
    }
    text_done(&run->out);
    model_block_free(run->block);
    free(run);
}
DEFINE_CLEANUP(struct run, run_free)

static enum err score(const struct settings *settings, struct why *why)
{
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(model_free_p) struct model *model = NULL;
    CLEANUP(sheet_close_p) struct sheet *sheet = NULL;
    CLEANUP(run_free_p) struct run *run = NULL;
    enum language language = LANGUAGE_EN;
    enum err err = command_read_language(settings->language, &language, why);
    if (err == ERR_OK)
        err = features_load(settings->features, &features, why);
    if (err == ERR_OK)
        err = model_load(settings->model, features, &model, why);
    if (err == ERR_OK)
        err = sheet_open(settings->csv, settings->id_column, features, &sheet, why);
    if (err == ERR_OK && sheet_missing(sheet)[0] != '\0')
        fprintf(stderr, "%s: no column for %s: missing in every row\n", spec.program,
                sheet_missing(sheet));
    if (err != ERR_OK)
        return err;
    run = run_new(settings, features, model);
    run->language = language;
    err = score_sheet(run, sheet, why);
    if (err != ERR_OK || ferror(stdout) != 0)
        return err;
    summarize(run);
    return run->refused == 0 ? ERR_OK
                             : why_say(why, ERR_REJECT, "%zu rows were refused", run->refused);
}

int command_score(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, score(&settings, &why), &why);
}
