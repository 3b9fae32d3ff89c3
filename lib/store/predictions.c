// SPDX-License-Identifier: MIT
#include "store/predictions.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plant.h"
#include "domain/storable.h"
#include "store/append.h"
#include "store/copy.h"
#include "store/episodes.h"
#include "store/sql.h"

// A batch goes through three steps. History first, since it tells which records are new. Then the
// records are sorted by employee (keeping their order) and the states of these employees are read
// in one statement; risk_apply folds each employee's records over its state in memory. Last, what
// came out is written: one row of current_prediction per employee, the notes, the episodes.
//
// Reading and folding need no locks: an employee's values are all in one partition of
// `predictions`, whose row in kafka_offset the caller's transaction has locked by then.

enum { HISTORY_FIELDS = 23, CURRENT_FIELDS = 22, COPY_BYTES_MAX = 64 * 1024 * 1024 };

struct predictions_writer {
    struct risk_policy policy;
    struct copy copy;
    struct episodes episodes;
    uint64_t session; // that has the temporary table
    size_t capacity;
    const struct predictions_record **sorted; // new records by employee, then as they came
    bool *is_new;                             // by the place in the batch
};

struct predictions_writer *predictions_writer_new(const struct risk_policy *policy)
{
    struct predictions_writer *writer = mem_zalloc(sizeof *writer);
    writer->policy = *policy;
    copy_init(&writer->copy, COPY_BYTES_MAX);
    episodes_init(&writer->episodes);
    return writer;
}

void predictions_writer_free(struct predictions_writer *writer)
{
    if (writer == NULL)
        return;
    copy_done(&writer->copy);
    episodes_done(&writer->episodes);
    free(writer->sorted);
    free(writer->is_new);
    free(writer);
}

enum err predictions_prepare(struct predictions_writer *writer, struct pg *pg, struct why *why)
{
    if (writer->session == pg_session(pg))
        return ERR_OK;
    enum err err = pg_exec(pg, sql_current_incoming, NULL, 0, NULL, why);
    if (err == ERR_OK)
        writer->session = pg_session(pg);
    return err;
}

// ---- history

void predictions_put_reasons(struct copy *copy, const struct prediction *prediction)
{
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        copy_text(copy, prediction->reasons[i].attribute);
        if (prediction->reasons[i].attribute.data != NULL)
            copy_float8(copy, prediction->reasons[i].weight);
        else
            copy_null(copy);
    }
}

static void put_number_where_known(struct copy *copy, const struct prediction *prediction,
                                   double number)
{
    if (prediction->has_probability)
        copy_float8(copy, number);
    else
        copy_null(copy);
}

// The columns of history_copy.sql.
static void put_history(struct copy *copy, const struct prediction *p)
{
    copy_row(copy, HISTORY_FIELDS);
    copy_text(copy, p->prediction_id);
    copy_time_ms(copy, p->scored_at_ms);
    copy_text(copy, p->requested_by);
    copy_text(copy, p->employee_id);
    put_number_where_known(copy, p, p->churn_probability);
    copy_text(copy, p->event_id);
    copy_time_ms(copy, p->event_time_ms);
    copy_text(copy, bytes_from_string(band_name(p->band)));
    copy_float8(copy, p->threshold);
    copy_text(copy, p->model_id);
    put_number_where_known(copy, p, p->base_log_odds);
    predictions_put_reasons(copy, p);
    copy_text(copy, p->department);
    copy_text(copy, p->job_role);
    copy_text(copy, bytes_from_string(trigger_name(p->trigger)));
    copy_text(copy, p->source_topic);
    copy_int4(copy, p->source_partition);
    copy_int8(copy, p->source_offset);
}

struct id_place {
    struct bytes id;
    size_t place;
};

static int compare_ids(const void *left, const void *right)
{
    const struct id_place *a = left, *b = right;
    int order = bytes_compare(a->id, b->id);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

// Marks the first record of each id that the server says it inserted (NULL: there was none).
static void mark_new(bool *is_new, const struct predictions_record *records, size_t count,
                     const struct pg_rows *inserted)
{
    memset(is_new, 0, count * sizeof *is_new);
    struct id_place *ids CLEANUP(mem_free_p) = mem_array(count, sizeof *ids);
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        is_new[i] = records[i].is_departure;
        if (!records[i].is_departure)
            ids[known++] = (struct id_place){records[i].prediction.prediction_id, i};
    }
    qsort(ids, known, sizeof *ids, compare_ids);
    for (size_t row = 0; inserted != NULL && row < pg_count(inserted); row++) {
        struct bytes id = pg_get_text(inserted, row, 0);
        size_t low = 0, high = known;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (bytes_compare(ids[middle].id, id) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        assert(low < known);
        is_new[ids[low].place] = true;
    }
}

static enum err store_history(struct predictions_writer *writer, struct pg *pg,
                              const struct predictions_record *records, size_t count,
                              bool is_careful, struct predictions_result *result, struct why *why)
{
    const struct append_table history = {
        sql_history_copy, sql_history_incoming, sql_history_incoming_copy,
        PLANT_OR("overwriting-zombie", sql_plant_overwrite, sql_history_insert_new),
        sql_history_conflicts};
    struct pg_rows *inserted CLEANUP(pg_rows_free_p) = NULL;
    struct append_result appended = {0};
    copy_begin(&writer->copy);
    for (size_t i = 0; i < count; i++)
        if (!records[i].is_departure)
            put_history(&writer->copy, &records[i].prediction);
    enum err err = append_rows(&history, pg, &writer->copy, is_careful, &appended, &inserted, why);
    if (err != ERR_OK)
        return err;
    if (is_careful)
        mark_new(writer->is_new, records, count, inserted);
    for (size_t i = 0; !is_careful && i < count; i++)
        writer->is_new[i] = true;
    result->stored = appended.stored;
    result->duplicates = appended.duplicates;
    result->conflicts = appended.conflicts;
    return ERR_OK;
}

// ---- the employees

static int compare_records(const void *left, const void *right)
{
    const struct predictions_record *a = *(const struct predictions_record *const *)left;
    const struct predictions_record *b = *(const struct predictions_record *const *)right;
    int order = bytes_compare(a->prediction.employee_id, b->prediction.employee_id);
    // Both are in one array: their places tell which came first.
    return order != 0 ? order : (a > b) - (a < b);
}

static size_t sort_new(struct predictions_writer *writer, const struct predictions_record *records,
                       size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (writer->is_new[i])
            writer->sorted[kept++] = &records[i];
    qsort(writer->sorted, kept, sizeof(const struct predictions_record *), compare_records);
    return kept;
}

// The columns of current_incoming_copy.sql.
static void put_current(struct copy *copy, const struct predictions_record *record)
{
    const struct prediction *p = &record->prediction;
    copy_row(copy, CURRENT_FIELDS);
    copy_text(copy, p->employee_id);
    copy_time_ms(copy, p->event_time_ms);
    copy_time_ms(copy, p->scored_at_ms);
    copy_int4(copy, record->partition);
    copy_int8(copy, record->offset);
    copy_bool(copy, record->is_departure);
    if (record->is_departure) {
        for (unsigned i = 6; i < CURRENT_FIELDS; i++)
            copy_null(copy);
        return;
    }
    copy_text(copy, p->prediction_id);
    copy_text(copy, p->event_id);
    put_number_where_known(copy, p, p->churn_probability);
    copy_text(copy, bytes_from_string(band_name(p->band)));
    copy_float8(copy, p->threshold);
    copy_text(copy, p->model_id);
    put_number_where_known(copy, p, p->base_log_odds);
    predictions_put_reasons(copy, p);
    copy_text(copy, p->department);
    copy_text(copy, p->job_role);
    copy_text(copy, bytes_from_string(trigger_name(p->trigger)));
}

static enum err upsert_current(struct predictions_writer *writer, struct pg *pg, struct why *why)
{
    if (writer->copy.rows == 0)
        return ERR_OK;
    struct bytes bytes;
    size_t rows = 0;
    enum err err = copy_finish(&writer->copy, &bytes, why);
    if (err == ERR_OK)
        err = pg_copy(pg, sql_current_incoming_copy, bytes, &rows, why);
    return err != ERR_OK ? err : pg_exec(pg, sql_current_upsert, NULL, 0, NULL, why);
}

static enum err store_employees(struct predictions_writer *writer, struct pg *pg, size_t kept,
                                struct predictions_result *result, struct why *why)
{
    struct episodes *episodes = &writer->episodes;
    enum err err = episodes_read(episodes, pg, writer->sorted, kept, why);
    if (err != ERR_OK)
        return err;
    copy_begin(&writer->copy);
    for (size_t i = 0; i < episodes->count; i++) {
        const struct predictions_record *latest =
            episodes_fold(episodes, i, &writer->policy, writer->sorted);
        if (latest != NULL)
            put_current(&writer->copy, latest);
    }
    result->stale = episodes->stale_records;
    result->opened = episodes->opened;
    result->closed = episodes->closed;
    err = upsert_current(writer, pg, why);
    return err != ERR_OK ? err : episodes_write(episodes, pg, why);
}

enum err predictions_store(struct predictions_writer *writer, struct pg *pg,
                           const struct predictions_record *records, size_t count, bool is_careful,
                           struct predictions_result *ret, struct why *why)
{
    if (count > writer->capacity) {
        writer->sorted = mem_grow(writer->sorted, count, sizeof(const struct predictions_record *));
        writer->is_new = mem_grow(writer->is_new, count, sizeof *writer->is_new);
        writer->capacity = count;
    }
    struct predictions_result result = {0};
    enum err err = store_history(writer, pg, records, count, is_careful, &result, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        result.departures += records[i].is_departure;
    err = store_employees(writer, pg, sort_new(writer, records, count), &result, why);
    if (err == ERR_OK)
        *ret = result;
    return err;
}

// ---- the check

static enum err check_numbers(const struct prediction *p, struct why *why)
{
    if (p->has_probability != (p->band != BAND_UNKNOWN))
        return why_code(why, ERR_REJECT, "bad-band",
                        "a probability is given exactly where the band is not unknown");
    bool is_good = isfinite(p->threshold);
    if (p->has_probability)
        is_good = is_good && p->churn_probability >= 0 && p->churn_probability <= 1 &&
                  isfinite(p->base_log_odds);
    for (size_t i = 0; i < PREDICTION_REASONS; i++)
        if (p->reasons[i].attribute.data != NULL)
            is_good = is_good && isfinite(p->reasons[i].weight);
    return is_good ? ERR_OK
                   : why_code(why, ERR_REJECT, "bad-number",
                              "a number is not finite or no probability");
}

static enum err check_texts(const struct prediction *p, struct why *why)
{
    if (!storable_id(p->prediction_id, 2 * EVENT_TEXT_MAX))
        return why_code(why, ERR_REJECT, "bad-prediction-id", "prediction_id is not usable");
    const struct bytes texts[] = {p->event_id,
                                  p->model_id,
                                  p->department,
                                  p->job_role,
                                  p->requested_by,
                                  p->source_topic,
                                  p->reasons[0].attribute,
                                  p->reasons[1].attribute,
                                  p->reasons[2].attribute};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!storable_text(texts[i], 2 * EVENT_TEXT_MAX))
            return why_code(why, ERR_REJECT, "bad-text",
                            "a text is too long, no UTF-8 or has a zero byte");
    return ERR_OK;
}

enum err predictions_check(const struct predictions_record *record, struct why *why)
{
    const struct prediction *p = &record->prediction;
    if (!storable_id(p->employee_id, EMPLOYEE_ID_MAX))
        return why_code(why, ERR_REJECT, "bad-employee-id", "employee_id is not usable");
    if (!storable_time(p->event_time_ms) || !storable_time(p->scored_at_ms))
        return why_code(why, ERR_REJECT, "bad-time",
                        "event_time or scored_at is not between the years 1970 and 9999");
    if (record->is_departure)
        return ERR_OK;
    enum err err = check_texts(p, why);
    return err != ERR_OK ? err : check_numbers(p, why);
}
