// SPDX-License-Identifier: MIT
#include "store/listings.h"

#include <assert.h>
#include <math.h>

#include "base/mem.h"
#include "base/parse.h"
#include "store/retention_plans.h"
#include "store/sql.h"

// Keys, not OFFSET: a page goes on behind the last row of the one before, by comparing rows in the
// order of an index. Rows that come or go meanwhile are then never given twice or left out because
// of others.

// ---- one row, or none

// *ret_rows is written where something was found.
static enum err find(struct pg *pg, const char *sql, struct bytes key, bool *ret_found,
                     struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql, (struct pg_param[]){PG_TEXT(key)}, 1, &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_found = pg_count(rows) > 0;
    if (*ret_found)
        *ret_rows = TAKE(rows);
    return ERR_OK;
}

static size_t at_most(size_t max)
{
    return max < LISTINGS_MAX ? max : LISTINGS_MAX;
}

// ---- predictions

// One order of columns for all that reads predictions; where they come from current_prediction the
// last four are not there.
enum {
    PREDICTION_ID,
    EMPLOYEE_ID,
    EVENT_ID,
    EVENT_TIME,
    SCORED_AT,
    PROBABILITY,
    BAND,
    THRESHOLD,
    MODEL_ID,
    BASE_LOG_ODDS,
    REASON_1,
    DEPARTMENT = REASON_1 + 2 * PREDICTION_REASONS,
    JOB_ROLE,
    TRIGGER,
    USER_ID,
    SOURCE_TOPIC,
    SOURCE_PARTITION,
    SOURCE_OFFSET,
};

static void read_current(const struct pg_rows *rows, size_t row, struct prediction *ret)
{
    *ret = (struct prediction){
        .prediction_id = pg_get_text(rows, row, PREDICTION_ID),
        .employee_id = pg_get_text(rows, row, EMPLOYEE_ID),
        .event_id = pg_get_text(rows, row, EVENT_ID),
        .event_time_ms = pg_get_time_ms(rows, row, EVENT_TIME),
        .scored_at_ms = pg_get_time_ms(rows, row, SCORED_AT),
        .has_probability = !pg_is_null(rows, row, PROBABILITY),
        .churn_probability = pg_get_float8(rows, row, PROBABILITY),
        .band = BAND_UNKNOWN,
        .threshold = pg_get_float8(rows, row, THRESHOLD),
        .model_id = pg_get_text(rows, row, MODEL_ID),
        .base_log_odds = pg_get_float8(rows, row, BASE_LOG_ODDS),
        .department = pg_get_text(rows, row, DEPARTMENT),
        .job_role = pg_get_text(rows, row, JOB_ROLE),
        .trigger = TRIGGER_CHANGE,
    };
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        ret->reasons[i].attribute = pg_get_text(rows, row, REASON_1 + 2 * (int)i);
        ret->reasons[i].weight = pg_get_float8(rows, row, REASON_1 + 2 * (int)i + 1);
    }
    // Only our own words are written there; of a departure both are null.
    IGNORE(band_from_text(pg_get_text(rows, row, BAND), &ret->band));
    IGNORE(trigger_from_text(pg_get_text(rows, row, TRIGGER), &ret->trigger));
}

static void read_prediction(const struct pg_rows *rows, size_t row, struct prediction *ret)
{
    read_current(rows, row, ret);
    ret->requested_by = pg_get_text(rows, row, USER_ID);
    ret->source_topic = pg_get_text(rows, row, SOURCE_TOPIC);
    ret->source_partition = pg_get_int4(rows, row, SOURCE_PARTITION);
    ret->source_offset = pg_get_int8(rows, row, SOURCE_OFFSET);
}

enum err listings_prediction(struct pg *pg, struct bytes prediction_id, bool *ret_found,
                             struct prediction *ret, struct pg_rows **ret_rows, struct why *why)
{
    enum err err = find(pg, sql_listing_prediction, prediction_id, ret_found, ret_rows, why);
    if (err == ERR_OK && *ret_found)
        read_prediction(*ret_rows, 0, ret);
    return err;
}

enum err listings_current(struct pg *pg, struct bytes employee_id, bool *ret_found,
                          bool *ret_departed, struct prediction *ret, struct pg_rows **ret_rows,
                          struct why *why)
{
    enum { DEPARTED = TRIGGER + 1 };
    enum err err = find(pg, sql_listing_current, employee_id, ret_found, ret_rows, why);
    if (err != ERR_OK || !*ret_found)
        return err;
    *ret_departed = pg_get_bool(*ret_rows, 0, DEPARTED);
    read_current(*ret_rows, 0, ret);
    return ERR_OK;
}

// A place may come from outside: no time of the table is beyond these.
static int64_t clamp_time(int64_t ms)
{
    static const int64_t last_ms = INT64_C(253402300799999); // of the year 9999
    return ms < 0 ? 0 : ms > last_ms ? last_ms : ms;
}

enum err listings_history(struct pg *pg, struct bytes employee_id,
                          const struct listings_history_place *after, struct prediction *ret,
                          size_t max, size_t *ret_count, struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    bool is_first = after->prediction_id.data == NULL;
    const struct pg_param params[] = {
        PG_TEXT(employee_id), is_first ? PG_NULL : PG_TIME(clamp_time(after->scored_at_ms)),
        PG_TEXT(after->prediction_id), PG_INT8((int64_t)at_most(max))};
    enum err err = pg_exec(pg, sql_listing_history, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_count = pg_count(rows);
    for (size_t i = 0; i < *ret_count; i++)
        read_prediction(rows, i, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

struct listings_place listings_place_of(const struct prediction *prediction)
{
    return (struct listings_place){
        .probability = prediction->has_probability ? prediction->churn_probability : -1,
        .employee_id = prediction->employee_id};
}

enum err listings_predictions(struct pg *pg, const struct listings_filter *filter,
                              const struct listings_place *after, struct prediction *ret,
                              size_t max, size_t *ret_count, struct pg_rows **ret_rows,
                              struct why *why)
{
    static const enum band every[] = {BAND_LOW, BAND_ELEVATED, BAND_HIGH, BAND_UNKNOWN};
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const enum band *bands = filter->band != NULL ? filter->band : every;
    size_t band_count = filter->band != NULL ? 1 : ARRAY_LEN(every);
    struct bytes names[ARRAY_LEN(every)];
    for (size_t i = 0; i < band_count; i++)
        names[i] = bytes_from_string(band_name(bands[i]));
    bool is_first = after->employee_id.data == NULL;
    // The index holds the probability with its sign turned, so that both columns rise.
    const struct pg_param params[] = {PG_TEXTS(names, band_count), PG_TEXT(filter->department),
                                      PG_FLOAT8(is_first ? -HUGE_VAL : -after->probability),
                                      is_first ? PG_STRING("") : PG_TEXT(after->employee_id),
                                      PG_INT8((int64_t)at_most(max))};
    enum err err = pg_exec(pg, sql_listing_predictions, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_count = pg_count(rows);
    for (size_t i = 0; i < *ret_count; i++)
        read_current(rows, i, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// ---- plans

static enum err find_plan(struct pg *pg, const char *sql, struct bytes key, bool *ret_found,
                          struct plan *ret, struct pg_rows **ret_rows, struct why *why)
{
    enum err err = find(pg, sql, key, ret_found, ret_rows, why);
    if (err == ERR_OK && *ret_found)
        retention_plans_read(*ret_rows, 0, ret);
    return err;
}

enum err listings_plan(struct pg *pg, struct bytes plan_id, bool *ret_found, struct plan *ret,
                       struct pg_rows **ret_rows, struct why *why)
{
    return find_plan(pg, sql_listing_plan, plan_id, ret_found, ret, ret_rows, why);
}

enum err listings_plan_of_request(struct pg *pg, struct bytes request_id, bool *ret_found,
                                  struct plan *ret, struct pg_rows **ret_rows, struct why *why)
{
    return find_plan(pg, sql_listing_plan_of_request, request_id, ret_found, ret, ret_rows, why);
}

enum err listings_plans(struct pg *pg, struct bytes prediction_id, struct plan *ret, size_t max,
                        size_t *ret_count, struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXT(prediction_id), PG_INT8((int64_t)at_most(max))};
    enum err err = pg_exec(pg, sql_listing_plans, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_count = pg_count(rows);
    for (size_t i = 0; i < *ret_count; i++)
        retention_plans_read(rows, i, &ret[i]);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

// ---- people

enum err listings_has_left(struct pg *pg, struct bytes employee_id, bool *ret_known, bool *ret_left,
                           struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    bool is_known = false;
    enum err err = find(pg, sql_listing_has_left, employee_id, &is_known, &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_known = is_known;
    *ret_left = is_known && pg_get_bool(rows, 0, 0);
    return ERR_OK;
}

static enum err read_attribute(const struct attribute *attribute, struct bytes text,
                               struct value *ret, struct why *why)
{
    *ret = (struct value){.kind = VALUE_NULL};
    if (text.data == NULL)
        return ERR_OK;
    switch (attribute->type) {
    case ATTRIBUTE_INTEGER:
        ret->kind = VALUE_INTEGER;
        return parse_i64(text, INT32_MIN, INT32_MAX, &ret->integer, why);
    case ATTRIBUTE_REAL:
        ret->kind = VALUE_REAL;
        return parse_double(text, &ret->real, why);
    case ATTRIBUTE_CATEGORY:
        ret->kind = VALUE_TEXT;
        ret->text = text;
        return ERR_OK;
    }
    assert(false); // every type has its case
    return ERR_FATAL;
}

enum {
    STATE_EMPLOYEE_ID,
    STATE_EVENT_ID,
    STATE_EVENT_TIME,
    STATE_CHANGE,
    STATE_SOURCE,
    STATE_REQUESTED_BY,
    STATE_LEFT_AT,
    STATE_ATTRIBUTES,
    STATE_ABSENT,
};

static enum err read_attributes(const struct pg_rows *rows, const struct features *features,
                                struct value *ret, struct why *why)
{
    struct bytes texts[FEATURES_MAX];
    if (pg_get_int8(rows, 0, STATE_ABSENT) > 0)
        return why_say(why, ERR_FATAL,
                       "the table employee lacks columns of the features file: run retentionctl "
                       "migrate with this features file");
    size_t count = pg_get_texts(rows, 0, STATE_ATTRIBUTES, texts, FEATURES_MAX, 1);
    assert(count == features->count);
    for (size_t i = 0; i < count; i++) {
        // The column was made by another features file, with another type. The value is a person's:
        // it is not quoted.
        if (read_attribute(&features->attributes[i], texts[i], &ret[i], NULL) != ERR_OK)
            return why_say(why, ERR_FATAL,
                           "the column %s of the table employee does not hold what the features "
                           "file says",
                           features->attributes[i].column);
    }
    return ERR_OK;
}

enum err listings_employee(struct pg *pg, const struct features *features, struct bytes employee_id,
                           bool *ret_found, struct listings_employee *ret,
                           struct pg_rows **ret_rows, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    struct bytes columns[FEATURES_MAX];
    for (size_t i = 0; i < features->count; i++)
        columns[i] = bytes_from_string(features->attributes[i].column);
    const struct pg_param params[] = {PG_TEXT(employee_id), PG_TEXTS(columns, features->count)};
    enum err err = pg_exec(pg, sql_listing_employee, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_found = pg_count(rows) > 0;
    if (!*ret_found)
        return ERR_OK;
    err = read_attributes(rows, features, ret->attributes, why);
    if (err != ERR_OK)
        return err;
    ret->employee_id = pg_get_text(rows, 0, STATE_EMPLOYEE_ID);
    ret->event_id = pg_get_text(rows, 0, STATE_EVENT_ID);
    ret->event_time_ms = pg_get_time_ms(rows, 0, STATE_EVENT_TIME);
    // The table's own check allows no other word.
    IGNORE(change_from_text(pg_get_text(rows, 0, STATE_CHANGE), &ret->change));
    ret->source = pg_get_text(rows, 0, STATE_SOURCE);
    ret->requested_by = pg_get_text(rows, 0, STATE_REQUESTED_BY);
    ret->has_left = !pg_is_null(rows, 0, STATE_LEFT_AT);
    ret->left_at_ms = pg_get_time_ms(rows, 0, STATE_LEFT_AT);
    *ret_rows = TAKE(rows);
    return ERR_OK;
}
