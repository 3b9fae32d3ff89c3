// SPDX-License-Identifier: MIT
#include "avro/records.h"

#include "base/mem.h"

// The program has already refused a value of a kind that a field does not take, so what is left to
// check here is what the kinds cannot say: words that must be known, and values that go together.

enum {
    NUMBER = AVRO_TAKES_INTEGER | AVRO_TAKES_REAL,
    OR_NULL = AVRO_TAKES_NULL,
    TEXT = AVRO_TAKES_TEXT,
    INTEGER = AVRO_TAKES_INTEGER,
    REAL = AVRO_TAKES_REAL,
};

static const struct avro_field employee_fields[AVRO_EMPLOYEE_ATTRIBUTES] = {
    [AVRO_EMPLOYEE_EVENT_ID] = {"event_id", TEXT, true},
    [AVRO_EMPLOYEE_EMPLOYEE_ID] = {"employee_id", TEXT, true},
    [AVRO_EMPLOYEE_EVENT_TIME] = {"event_time", INTEGER, true},
    [AVRO_EMPLOYEE_CHANGE] = {"change", TEXT, true},
    [AVRO_EMPLOYEE_SOURCE] = {"source", TEXT, true},
    [AVRO_EMPLOYEE_REQUESTED_BY] = {"requested_by", TEXT | OR_NULL, false},
};

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
    REQUESTED_BY,
    SOURCE_TOPIC,
    SOURCE_PARTITION,
    SOURCE_OFFSET,
};
_Static_assert(SOURCE_OFFSET + 1 == AVRO_PREDICTION_FIELDS, "one place for each field");

// Of Prediction, with which HighRisk begins.
#define PREDICTION_FIELDS                                                                          \
    {"prediction_id", TEXT, true}, {"employee_id", TEXT, true}, {"event_id", TEXT, true},          \
        {"event_time", INTEGER, true}, {"scored_at", INTEGER, true},                               \
        {"churn_probability", REAL | OR_NULL, true}, {"band", TEXT, true},                         \
        {"threshold", REAL, true}, {"model_id", TEXT, true},                                       \
        {"base_log_odds", REAL | OR_NULL, false}, {"reason_1", TEXT | OR_NULL, false},             \
        {"weight_1", REAL | OR_NULL, false}, {"reason_2", TEXT | OR_NULL, false},                  \
        {"weight_2", REAL | OR_NULL, false}, {"reason_3", TEXT | OR_NULL, false},                  \
        {"weight_3", REAL | OR_NULL, false}, {"department", TEXT | OR_NULL, false},                \
        {"job_role", TEXT | OR_NULL, false}, {"trigger", TEXT, true},                              \
        {"requested_by", TEXT | OR_NULL, false}, {"source_topic", TEXT, true},                     \
        {"source_partition", INTEGER, true},                                                       \
    {                                                                                              \
        "source_offset", INTEGER, true                                                             \
    }

const struct avro_field avro_prediction_fields[AVRO_PREDICTION_FIELDS] = {PREDICTION_FIELDS};
const struct avro_field avro_high_risk_fields[AVRO_HIGH_RISK_FIELDS] = {
    PREDICTION_FIELDS, {"facts", AVRO_TAKES_MAP | OR_NULL, false}};

const struct avro_field avro_progress_fields[AVRO_PROGRESS_FIELDS] = {
    {"source", TEXT, true},         {"content_hash", TEXT, true},
    {"bytes_done", INTEGER, true},  {"rows_done", INTEGER, true},
    {"events_done", INTEGER, true}, {"rejected", INTEGER, true},
    {"event_time", INTEGER, true},  {"finished", AVRO_TAKES_BOOLEAN, true},
    {"updated_at", INTEGER, true},
};

static double real_or_zero(const struct value *value)
{
    return value->kind == VALUE_REAL ? value->real : 0;
}

struct avro_field *avro_employee_fields(const struct features *features, size_t *ret_count)
{
    size_t count = AVRO_EMPLOYEE_ATTRIBUTES + features->count;
    struct avro_field *fields = mem_array(count, sizeof(struct avro_field));
    for (size_t i = 0; i < AVRO_EMPLOYEE_ATTRIBUTES; i++)
        fields[i] = employee_fields[i];
    for (size_t i = 0; i < features->count; i++) {
        const struct attribute *attribute = &features->attributes[i];
        unsigned takes = attribute->type == ATTRIBUTE_CATEGORY ? TEXT : NUMBER;
        fields[AVRO_EMPLOYEE_ATTRIBUTES + i] =
            (struct avro_field){attribute->name, takes | OR_NULL, false};
    }
    *ret_count = count;
    return fields;
}

enum err avro_employee_from_values(const struct value *values, struct employee_change *ret,
                                   struct why *why)
{
    enum change change = CHANGE_CREATED;
    if (!change_from_text(values[AVRO_EMPLOYEE_CHANGE].text, &change))
        return why_code(why, ERR_REJECT, "bad-change",
                        "field change is none of created, updated, left, erased");
    *ret = (struct employee_change){
        .event_id = values[AVRO_EMPLOYEE_EVENT_ID].text,
        .employee_id = values[AVRO_EMPLOYEE_EMPLOYEE_ID].text,
        .event_time_ms = values[AVRO_EMPLOYEE_EVENT_TIME].integer,
        .change = change,
        .source = values[AVRO_EMPLOYEE_SOURCE].text,
        .requested_by = value_text(&values[AVRO_EMPLOYEE_REQUESTED_BY]),
        .attributes = values + AVRO_EMPLOYEE_ATTRIBUTES,
    };
    return ERR_OK;
}

static enum err check_prediction(const struct value *values, enum band band, struct why *why)
{
    const struct value *probability = &values[PROBABILITY];
    bool is_known = band != BAND_UNKNOWN;
    if ((probability->kind == VALUE_REAL) != is_known ||
        (is_known && !(probability->real >= 0 && probability->real <= 1)))
        return why_code(why, ERR_REJECT, "bad-probability",
                        "churn_probability is no number from 0 to 1, or does not go with the band");
    for (size_t i = 0; i < PREDICTION_REASONS; i++)
        if ((values[REASON_1 + 2 * i].kind == VALUE_NULL) !=
            (values[REASON_1 + 2 * i + 1].kind == VALUE_NULL))
            return why_code(why, ERR_REJECT, "bad-reason",
                            "reason_%zu and weight_%zu do not go together", i + 1, i + 1);
    int64_t partition = values[SOURCE_PARTITION].integer;
    if (partition < 0 || partition > INT32_MAX)
        return why_code(why, ERR_REJECT, "bad-partition", "source_partition is out of range");
    return ERR_OK;
}

enum err avro_prediction_from_values(const struct value *values, struct prediction *ret,
                                     struct why *why)
{
    enum band band = BAND_UNKNOWN;
    enum trigger trigger = TRIGGER_CHANGE;
    if (!band_from_text(values[BAND].text, &band))
        return why_code(why, ERR_REJECT, "bad-band",
                        "field band is none of low, elevated, high, unknown");
    if (!trigger_from_text(values[TRIGGER].text, &trigger))
        return why_code(why, ERR_REJECT, "bad-trigger",
                        "field trigger is none of change, request, rescore");
    enum err err = check_prediction(values, band, why);
    if (err != ERR_OK)
        return err;
    *ret = (struct prediction){
        .prediction_id = values[PREDICTION_ID].text,
        .employee_id = values[EMPLOYEE_ID].text,
        .event_id = values[EVENT_ID].text,
        .event_time_ms = values[EVENT_TIME].integer,
        .scored_at_ms = values[SCORED_AT].integer,
        .has_probability = band != BAND_UNKNOWN,
        .churn_probability = real_or_zero(&values[PROBABILITY]),
        .band = band,
        .threshold = values[THRESHOLD].real,
        .model_id = values[MODEL_ID].text,
        .base_log_odds = real_or_zero(&values[BASE_LOG_ODDS]),
        .department = value_text(&values[DEPARTMENT]),
        .job_role = value_text(&values[JOB_ROLE]),
        .trigger = trigger,
        .requested_by = value_text(&values[REQUESTED_BY]),
        .source_topic = values[SOURCE_TOPIC].text,
        .source_partition = (int32_t)values[SOURCE_PARTITION].integer,
        .source_offset = values[SOURCE_OFFSET].integer,
    };
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        ret->reasons[i].attribute = value_text(&values[REASON_1 + 2 * i]);
        ret->reasons[i].weight = real_or_zero(&values[REASON_1 + 2 * i + 1]);
    }
    return ERR_OK;
}

_Static_assert((int)PLAN_FACTS_MAX == (int)AVRO_MAP_ITEMS_MAX &&
                   (int)PLAN_FACT_BYTES_MAX == (int)AVRO_MAP_TEXT_MAX,
               "facts are what a map that is taken can hold");

enum err avro_high_risk_from_values(const struct value *values, struct prediction *ret,
                                    struct bytes facts[PLAN_FACTS_MAX][2], size_t *ret_fact_count,
                                    struct why *why)
{
    struct prediction prediction;
    enum err err = avro_prediction_from_values(values, &prediction, why);
    if (err != ERR_OK)
        return err;
    if (prediction.band != BAND_HIGH)
        return why_code(why, ERR_REJECT, "bad-band", "field band of a HighRisk is not high");
    size_t count = avro_map_items(&values[AVRO_PREDICTION_FIELDS], facts);
    for (size_t i = 0; i < count; i++) {
        bool is_bad = facts[i][0].len == 0;
        for (size_t k = 0; k < i; k++)
            is_bad = is_bad || bytes_equal(facts[i][0], facts[k][0]);
        if (is_bad)
            return why_code(why, ERR_REJECT, "bad-fact",
                            "field facts has an item without a name, or one name twice");
    }
    *ret = prediction;
    *ret_fact_count = count;
    return ERR_OK;
}

enum err avro_progress_from_values(const struct value *values, struct hris_progress *ret,
                                   struct why *why)
{
    struct hris_progress progress = {
        .source = values[0].text,
        .content_hash = values[1].text,
        .bytes_done = values[2].integer,
        .rows_done = values[3].integer,
        .events_done = values[4].integer,
        .rejected = values[5].integer,
        .event_time_ms = values[6].integer,
        .is_finished = values[7].boolean,
        .updated_at_ms = values[8].integer,
    };
    if (progress.bytes_done < 0 || progress.rows_done < 0 || progress.events_done < 0 ||
        progress.rejected < 0)
        return why_code(why, ERR_REJECT, "bad-progress", "a number of the progress is negative");
    *ret = progress;
    return ERR_OK;
}
