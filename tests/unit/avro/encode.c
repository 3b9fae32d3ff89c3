// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>

#include "avro/encode.h"
#include "avro/frame.h"
#include "avro/topics.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "domain/features.h"

// Every encoder against the Avro library: the same record, set field by field by name through the
// library by the schema's text, must give the same bytes; and our own decoder must give back what
// went in. Then a few records against bytes that another implementation wrote (golden/README.md).

enum { ROUNDS = 6000 };

static uint64_t seed = 0x2545f4914f6cdd1dU;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t random_below(size_t limit)
{
    return (size_t)(random_bits() % limit);
}

static int64_t random_integer(void)
{
    int64_t value = (int64_t)(random_bits() >> random_below(64));
    return random_below(2) == 0 ? -value : value;
}

static double random_double(void)
{
    uint64_t bits = random_bits();
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return isnan(value) ? 0.1 : value;
}

// Its length takes two bytes on the wire.
#define LONG_TEXT                                                                                  \
    "a text longer than sixty-three bytes, so that its length takes two bytes on the wire, surely"

static struct bytes random_text(void)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "Sales",
                                        "Research & Development",
                                        "\xc3\x84nderung",
                                        "employee-changes/3/1842001",
                                        LONG_TEXT};
    return bytes_from_string(texts[random_below(ARRAY_LEN(texts))]);
}

// Of a length that a fact may have.
static struct bytes random_word(void)
{
    struct bytes text = random_text();
    return text.len <= PLAN_FACT_BYTES_MAX ? text : bytes_from_string("2 to 5 years");
}

static struct bytes random_optional(void)
{
    return random_below(3) == 0 ? (struct bytes){0} : random_text();
}

// The library's side: one record of a schema, set by names.
struct oracle {
    avro_schema_t schema;
    avro_value_iface_t *iface;
    avro_value_t record;
};

static void oracle_open(struct oracle *oracle, const char *schema)
{
    assert_int_equal(avro_schema_from_json_length(schema, strlen(schema), &oracle->schema), 0);
    oracle->iface = avro_generic_class_from_schema(oracle->schema);
    avro_generic_value_new(oracle->iface, &oracle->record);
}

static void oracle_close(struct oracle *oracle)
{
    avro_value_decref(&oracle->record);
    avro_value_iface_decref(oracle->iface);
    avro_schema_decref(oracle->schema);
}

// The field, or its branch where it is a union of null (first) and something.
static avro_value_t field_of(struct oracle *oracle, const char *name, bool is_null)
{
    avro_value_t field = {0}, branch = {0};
    assert_int_equal(avro_value_get_by_name(&oracle->record, name, &field, NULL), 0);
    if (avro_value_get_type(&field) != AVRO_UNION)
        return field;
    assert_int_equal(avro_value_set_branch(&field, is_null ? 0 : 1, &branch), 0);
    return branch;
}

static void set_text(struct oracle *oracle, const char *name, struct bytes text)
{
    avro_value_t field = field_of(oracle, name, text.data == NULL);
    if (text.data == NULL) {
        assert_int_equal(avro_value_set_null(&field), 0);
        return;
    }
    char *copy = strndup((const char *)text.data, text.len);
    assert_int_equal(avro_value_set_string(&field, copy), 0);
    free(copy);
}

static void set_integer(struct oracle *oracle, const char *name, int64_t value)
{
    avro_value_t field = field_of(oracle, name, false);
    assert_int_equal(avro_value_get_type(&field) == AVRO_INT32
                         ? avro_value_set_int(&field, (int32_t)value)
                         : avro_value_set_long(&field, value),
                     0);
}

static void set_double(struct oracle *oracle, const char *name, bool is_there, double value)
{
    avro_value_t field = field_of(oracle, name, !is_there);
    assert_int_equal(is_there ? avro_value_set_double(&field, value) : avro_value_set_null(&field),
                     0);
}

static void set_enum(struct oracle *oracle, const char *name, const char *symbol)
{
    avro_value_t field = field_of(oracle, name, false);
    int index = avro_schema_enum_get_by_name(avro_value_get_schema(&field), symbol);
    assert_true(index >= 0);
    assert_int_equal(avro_value_set_enum(&field, index), 0);
}

static void assert_same_bytes(struct oracle *oracle, uint32_t id, const struct text *ours)
{
    static char theirs[65536];
    avro_writer_t writer = avro_writer_memory(theirs, sizeof theirs);
    assert_int_equal(avro_value_write(writer, &oracle->record), 0);
    size_t len = (size_t)avro_writer_tell(writer);
    avro_writer_free(writer);
    uint32_t ret_id = 0;
    struct bytes body = {0};
    struct why why = {0};
    assert_ok(avro_frame_read(text_bytes(ours), &ret_id, &body, &why), &why);
    assert_true(ret_id == id);
    assert_int_equal(body.len, len);
    assert_memory_equal(body.data, theirs, len);
}

static struct bytes body_of(const struct text *message)
{
    return bytes_of(message->data + AVRO_FRAME_BYTES, message->len - AVRO_FRAME_BYTES);
}

static void assert_same_text(struct bytes a, struct bytes b)
{
    assert_true((a.data == NULL) == (b.data == NULL));
    assert_true(bytes_equal(a, b));
}

static void assert_same_bits(double a, double b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

// Predictions.

static struct prediction random_prediction(void)
{
    enum band band = (enum band)random_below(4);
    struct prediction p = {
        .prediction_id = random_text(),
        .employee_id = random_text(),
        .event_id = random_text(),
        .event_time_ms = random_integer(),
        .scored_at_ms = random_integer(),
        .has_probability = band != BAND_UNKNOWN,
        .churn_probability = (double)(random_bits() >> 11) / 9007199254740992.0,
        .band = band,
        .threshold = random_double(),
        .model_id = random_text(),
        .base_log_odds = random_double(),
        .department = random_optional(),
        .job_role = random_optional(),
        .trigger = (enum trigger)random_below(3),
        .requested_by = random_optional(),
        .source_topic = random_text(),
        .source_partition = (int32_t)(random_bits() >> 33),
        .source_offset = random_integer(),
    };
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        p.reasons[i].attribute = random_optional();
        p.reasons[i].weight = random_double();
    }
    return p;
}

static void set_prediction(struct oracle *oracle, const struct prediction *p)
{
    static const char *const reasons[] = {"reason_1", "reason_2", "reason_3"};
    static const char *const weights[] = {"weight_1", "weight_2", "weight_3"};
    avro_value_reset(&oracle->record);
    set_text(oracle, "prediction_id", p->prediction_id);
    set_text(oracle, "employee_id", p->employee_id);
    set_text(oracle, "event_id", p->event_id);
    set_integer(oracle, "event_time", p->event_time_ms);
    set_integer(oracle, "scored_at", p->scored_at_ms);
    set_double(oracle, "churn_probability", p->has_probability, p->churn_probability);
    set_enum(oracle, "band", band_name(p->band));
    set_double(oracle, "threshold", true, p->threshold);
    set_text(oracle, "model_id", p->model_id);
    set_double(oracle, "base_log_odds", p->has_probability, p->base_log_odds);
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        set_text(oracle, reasons[i], p->reasons[i].attribute);
        set_double(oracle, weights[i], p->reasons[i].attribute.data != NULL, p->reasons[i].weight);
    }
    set_text(oracle, "department", p->department);
    set_text(oracle, "job_role", p->job_role);
    set_enum(oracle, "trigger", trigger_name(p->trigger));
    set_text(oracle, "requested_by", p->requested_by);
    set_text(oracle, "source_topic", p->source_topic);
    set_integer(oracle, "source_partition", p->source_partition);
    set_integer(oracle, "source_offset", p->source_offset);
}

static void assert_same_prediction(const struct prediction *a, const struct prediction *b)
{
    assert_same_text(a->prediction_id, b->prediction_id);
    assert_same_text(a->employee_id, b->employee_id);
    assert_same_text(a->event_id, b->event_id);
    assert_true(a->event_time_ms == b->event_time_ms && a->scored_at_ms == b->scored_at_ms);
    assert_int_equal(a->has_probability, b->has_probability);
    assert_int_equal(a->band, b->band);
    if (a->has_probability) {
        assert_same_bits(a->churn_probability, b->churn_probability);
        assert_same_bits(a->base_log_odds, b->base_log_odds);
    }
    assert_same_bits(a->threshold, b->threshold);
    assert_same_text(a->model_id, b->model_id);
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        assert_same_text(a->reasons[i].attribute, b->reasons[i].attribute);
        if (a->reasons[i].attribute.data != NULL)
            assert_same_bits(a->reasons[i].weight, b->reasons[i].weight);
    }
    assert_same_text(a->department, b->department);
    assert_same_text(a->job_role, b->job_role);
    assert_int_equal(a->trigger, b->trigger);
    assert_same_text(a->requested_by, b->requested_by);
    assert_same_text(a->source_topic, b->source_topic);
    assert_true(a->source_partition == b->source_partition);
    assert_true(a->source_offset == b->source_offset);
}

static struct avro_program *compiled(const char *schema, const struct avro_field *fields,
                                     size_t count)
{
    struct why why = {0};
    struct avro_program *program = NULL;
    assert_ok(avro_program_compile(bytes_from_string(schema), fields, count, &program, &why), &why);
    return program;
}

static void predictions_are_written_as_the_library_does_and_read_back(void **state)
{
    (void)state;
    const char *schema = avro_topic_find("predictions")->schema;
    struct oracle oracle;
    oracle_open(&oracle, schema);
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(schema, avro_prediction_fields, AVRO_PREDICTION_FIELDS);
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct prediction p = random_prediction(), back;
        struct value values[AVRO_PREDICTION_FIELDS];
        struct why why = {0};
        text_clear(&out);
        assert_ok(avro_encode_prediction(i, &p, &out, &why), &why);
        set_prediction(&oracle, &p);
        assert_same_bytes(&oracle, i, &out);
        assert_ok(avro_program_run(program, body_of(&out), values, &why), &why);
        assert_ok(avro_prediction_from_values(values, &back, &why), &why);
        assert_same_prediction(&p, &back);
    }
    oracle_close(&oracle);
}

static void high_risk_is_the_prediction_with_its_facts(void **state)
{
    (void)state;
    const char *schema = avro_topic_find("high-risk")->schema;
    struct oracle oracle;
    oracle_open(&oracle, schema);
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(schema, avro_high_risk_fields, AVRO_HIGH_RISK_FIELDS);
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    static const char *const keys[] = {"tenure_band", "pay_band", "overtime", "commute"};
    for (uint32_t i = 0; i < ROUNDS / 10; i++) {
        struct prediction p = random_prediction(), back;
        p.band = BAND_HIGH;
        p.has_probability = true;
        struct bytes facts[4][2], back_facts[PLAN_FACTS_MAX][2];
        size_t count = random_below(5), back_count = 99;
        struct why why = {0};
        set_prediction(&oracle, &p);
        avro_value_t map, item;
        avro_value_get_by_name(&oracle.record, "facts", &map, NULL);
        for (size_t f = 0; f < count; f++) {
            facts[f][0] = bytes_from_string(keys[f]);
            facts[f][1] = random_word();
            avro_value_add(&map, keys[f], &item, NULL, NULL);
            avro_value_set_string(&item, (const char *)facts[f][1].data);
        }
        text_clear(&out);
        assert_ok(avro_encode_high_risk(i, &p, (const struct bytes(*)[2])facts, count, &out, &why),
                  &why);
        assert_same_bytes(&oracle, i, &out);
        struct value values[AVRO_HIGH_RISK_FIELDS];
        assert_ok(avro_program_run(program, body_of(&out), values, &why), &why);
        assert_ok(avro_high_risk_from_values(values, &back, back_facts, &back_count, &why), &why);
        assert_same_prediction(&p, &back);
        assert_int_equal(back_count, count);
        for (size_t f = 0; f < count; f++) {
            assert_true(bytes_equal(facts[f][0], back_facts[f][0]));
            assert_true(bytes_equal(facts[f][1], back_facts[f][1]));
        }
    }
    oracle_close(&oracle);
}

static struct plan random_plan(void)
{
    struct plan p = {
        .plan_id = random_text(),
        .request_id = random_optional(),
        .prediction_id = random_text(),
        .employee_id = random_text(),
        .status = (enum plan_status)random_below(3),
        .language = random_text(),
        .generated_by = random_optional(),
        .model_name = random_optional(),
        .prompt_sha256 = random_optional(),
        .input_tokens = random_below(3) == 0 ? PLAN_NO_TOKENS : (int64_t)(random_bits() >> 1),
        .output_tokens = random_below(3) == 0 ? PLAN_NO_TOKENS : (int64_t)(random_bits() >> 50),
        .created_at_ms = random_integer(),
        .requested_by = random_optional(),
        .refusal = random_optional(),
        .reused_from = random_optional(),
    };
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        p.actions[i] = random_optional();
    return p;
}

static void set_tokens(struct oracle *oracle, const char *name, int64_t tokens)
{
    avro_value_t field = field_of(oracle, name, tokens == PLAN_NO_TOKENS);
    assert_int_equal(tokens == PLAN_NO_TOKENS ? avro_value_set_null(&field)
                                              : avro_value_set_long(&field, tokens),
                     0);
}

static void set_plan(struct oracle *oracle, const struct plan *p)
{
    avro_value_reset(&oracle->record);
    set_text(oracle, "plan_id", p->plan_id);
    set_text(oracle, "request_id", p->request_id);
    set_text(oracle, "prediction_id", p->prediction_id);
    set_text(oracle, "employee_id", p->employee_id);
    set_enum(oracle, "status", plan_status_name(p->status));
    set_text(oracle, "action_1", p->actions[0]);
    set_text(oracle, "action_2", p->actions[1]);
    set_text(oracle, "action_3", p->actions[2]);
    set_text(oracle, "language", p->language);
    set_text(oracle, "generated_by", p->generated_by);
    set_text(oracle, "model_name", p->model_name);
    set_text(oracle, "prompt_sha256", p->prompt_sha256);
    set_tokens(oracle, "input_tokens", p->input_tokens);
    set_tokens(oracle, "output_tokens", p->output_tokens);
    set_integer(oracle, "created_at", p->created_at_ms);
    set_text(oracle, "requested_by", p->requested_by);
    set_text(oracle, "refusal", p->refusal);
    set_text(oracle, "reused_from", p->reused_from);
}

static void assert_same_plan(const struct plan *a, const struct plan *b)
{
    assert_same_text(a->plan_id, b->plan_id);
    assert_same_text(a->request_id, b->request_id);
    assert_same_text(a->prediction_id, b->prediction_id);
    assert_same_text(a->employee_id, b->employee_id);
    assert_int_equal(a->status, b->status);
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        assert_same_text(a->actions[i], b->actions[i]);
    assert_same_text(a->language, b->language);
    assert_same_text(a->generated_by, b->generated_by);
    assert_same_text(a->model_name, b->model_name);
    assert_same_text(a->prompt_sha256, b->prompt_sha256);
    assert_true(a->input_tokens == b->input_tokens && a->output_tokens == b->output_tokens &&
                a->created_at_ms == b->created_at_ms);
    assert_same_text(a->requested_by, b->requested_by);
    assert_same_text(a->refusal, b->refusal);
    assert_same_text(a->reused_from, b->reused_from);
}

static void plans_are_written_as_the_library_does_and_read_back(void **state)
{
    (void)state;
    const char *schema = avro_topic_find("retention-plans")->schema;
    struct oracle oracle;
    oracle_open(&oracle, schema);
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(schema, avro_plan_fields, AVRO_PLAN_FIELDS);
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    for (uint32_t i = 0; i < ROUNDS / 10; i++) {
        struct plan p = random_plan(), back;
        struct value values[AVRO_PLAN_FIELDS];
        struct why why = {0};
        text_clear(&out);
        assert_ok(avro_encode_plan(i, &p, &out, &why), &why);
        set_plan(&oracle, &p);
        assert_same_bytes(&oracle, i, &out);
        assert_ok(avro_program_run(program, body_of(&out), values, &why), &why);
        assert_ok(avro_plan_from_values(values, &back, &why), &why);
        assert_same_plan(&p, &back);
    }
    oracle_close(&oracle);
}

static void plan_requests_are_written_as_the_library_does_and_read_back(void **state)
{
    (void)state;
    const char *schema = avro_topic_find("plan-requests")->schema;
    struct oracle oracle;
    oracle_open(&oracle, schema);
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(schema, avro_plan_request_fields, AVRO_PLAN_REQUEST_FIELDS);
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    for (uint32_t i = 0; i < ROUNDS / 10; i++) {
        struct plan_request p = {random_text(),       random_text(),     random_text(),
                                 random_optional(),   random_optional(), random_integer(),
                                 random_below(2) == 0};
        struct plan_request back;
        struct value values[AVRO_PLAN_REQUEST_FIELDS];
        struct why why = {0};
        text_clear(&out);
        assert_ok(avro_encode_plan_request(i, &p, &out, &why), &why);
        avro_value_reset(&oracle.record);
        set_text(&oracle, "request_id", p.request_id);
        set_text(&oracle, "prediction_id", p.prediction_id);
        set_text(&oracle, "employee_id", p.employee_id);
        set_text(&oracle, "requested_by", p.requested_by);
        set_text(&oracle, "language", p.language);
        set_integer(&oracle, "requested_at", p.requested_at_ms);
        avro_value_t field = field_of(&oracle, "anew", false);
        avro_value_set_boolean(&field, p.is_anew);
        assert_same_bytes(&oracle, i, &out);
        assert_ok(avro_program_run(program, body_of(&out), values, &why), &why);
        avro_plan_request_from_values(values, &back);
        assert_same_text(p.request_id, back.request_id);
        assert_same_text(p.prediction_id, back.prediction_id);
        assert_same_text(p.employee_id, back.employee_id);
        assert_same_text(p.requested_by, back.requested_by);
        assert_same_text(p.language, back.language);
        assert_true(p.requested_at_ms == back.requested_at_ms && p.is_anew == back.is_anew);
    }
    oracle_close(&oracle);
}

static void progress_is_written_as_the_library_does_and_read_back(void **state)
{
    (void)state;
    const char *schema = avro_topic_find("hris-progress")->schema;
    struct oracle oracle;
    oracle_open(&oracle, schema);
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(schema, avro_progress_fields, AVRO_PROGRESS_FIELDS);
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    for (uint32_t i = 0; i < ROUNDS / 10; i++) {
        struct hris_progress p = {random_text(),
                                  random_text(),
                                  (int64_t)(random_bits() >> 1),
                                  (int64_t)(random_bits() >> 40),
                                  (int64_t)(random_bits() >> 50),
                                  (int64_t)random_below(3),
                                  random_integer(),
                                  random_below(2) == 0,
                                  random_integer()};
        struct hris_progress back;
        struct why why = {0};
        text_clear(&out);
        assert_ok(avro_encode_progress(i, &p, &out, &why), &why);
        set_text(&oracle, "source", p.source);
        set_text(&oracle, "content_hash", p.content_hash);
        set_integer(&oracle, "bytes_done", p.bytes_done);
        set_integer(&oracle, "rows_done", p.rows_done);
        set_integer(&oracle, "events_done", p.events_done);
        set_integer(&oracle, "rejected", p.rejected);
        set_integer(&oracle, "event_time", p.event_time_ms);
        avro_value_t field = field_of(&oracle, "finished", false);
        avro_value_set_boolean(&field, p.is_finished);
        set_integer(&oracle, "updated_at", p.updated_at_ms);
        assert_same_bytes(&oracle, i, &out);
        struct value values[AVRO_PROGRESS_FIELDS];
        assert_ok(avro_program_run(program, body_of(&out), values, &why), &why);
        assert_ok(avro_progress_from_values(values, &back, &why), &why);
        assert_same_text(back.source, p.source);
        assert_same_text(back.content_hash, p.content_hash);
        assert_true(back.bytes_done == p.bytes_done && back.rows_done == p.rows_done &&
                    back.events_done == p.events_done && back.rejected == p.rejected &&
                    back.event_time_ms == p.event_time_ms && back.is_finished == p.is_finished &&
                    back.updated_at_ms == p.updated_at_ms);
    }
    oracle_close(&oracle);
}

// Employees.

struct employees {
    struct features *features;
    struct text schema;
    struct avro_employee_encoder *encoder;
};

static void employees_open(struct employees *employees)
{
    struct why why = {0};
    *employees = (struct employees){.schema = TEXT_INIT(65536)};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &employees->features, &why), &why);
    assert_int_equal(features_write_schema(employees->features, &employees->schema), ERR_OK);
    assert_ok(avro_employee_encoder_new(employees->features, text_bytes(&employees->schema),
                                        &employees->encoder, &why),
              &why);
}

static void employees_close(struct employees *employees)
{
    avro_employee_encoder_free(employees->encoder);
    features_free(employees->features);
    text_done(&employees->schema);
}

static void random_attributes(const struct features *features, struct value *values)
{
    for (size_t i = 0; i < features->count; i++) {
        values[i] = (struct value){.kind = VALUE_NULL};
        if (random_below(5) == 0)
            continue;
        switch (features->attributes[i].type) {
        case ATTRIBUTE_INTEGER:
            values[i] = (struct value){.kind = VALUE_INTEGER, .integer = (int32_t)random_integer()};
            break;
        case ATTRIBUTE_REAL:
            values[i] = (struct value){.kind = VALUE_REAL, .real = random_double()};
            break;
        case ATTRIBUTE_CATEGORY:
            values[i] = (struct value){.kind = VALUE_TEXT, .text = random_text()};
            break;
        }
    }
}

static struct employee_change random_change(const struct value *attributes)
{
    return (struct employee_change){
        .event_id = random_text(),
        .employee_id = random_text(),
        .event_time_ms = random_integer(),
        .change = (enum change)random_below(4),
        .source = random_text(),
        .requested_by = random_optional(),
        .attributes = attributes,
    };
}

static void set_change(struct oracle *oracle, const struct features *features,
                       const struct employee_change *change)
{
    avro_value_reset(&oracle->record);
    set_text(oracle, "event_id", change->event_id);
    set_text(oracle, "employee_id", change->employee_id);
    set_integer(oracle, "event_time", change->event_time_ms);
    set_enum(oracle, "change", change_name(change->change));
    set_text(oracle, "source", change->source);
    set_text(oracle, "requested_by", change->requested_by);
    for (size_t i = 0; i < features->count; i++) {
        const char *name = features->attributes[i].name;
        const struct value *value = &change->attributes[i];
        if (value->kind == VALUE_INTEGER)
            set_integer(oracle, name, value->integer);
        else if (value->kind == VALUE_REAL)
            set_double(oracle, name, true, value->real);
        else
            set_text(oracle, name, value->kind == VALUE_TEXT ? value->text : (struct bytes){0});
    }
}

static void assert_same_value(const struct value *a, const struct value *b)
{
    assert_int_equal(a->kind, b->kind);
    if (a->kind == VALUE_TEXT)
        assert_true(bytes_equal(a->text, b->text));
    else if (a->kind == VALUE_INTEGER)
        assert_true(a->integer == b->integer);
    else if (a->kind == VALUE_REAL)
        assert_same_bits(a->real, b->real);
}

static void employee_changes_are_written_as_the_library_does_and_read_back(void **state)
{
    (void)state;
    struct employees employees;
    employees_open(&employees);
    const struct features *features = employees.features;
    struct oracle oracle;
    oracle_open(&oracle, text_string(&employees.schema));
    size_t count = 0;
    struct avro_field *fields CLEANUP(mem_free_p) = avro_employee_fields(features, &count);
    struct avro_program *program CLEANUP(avro_program_free_p) =
        compiled(text_string(&employees.schema), fields, count);
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    struct value attributes[FEATURES_MAX], values[FEATURES_MAX + AVRO_EMPLOYEE_ATTRIBUTES];
    for (uint32_t i = 0; i < ROUNDS; i++) {
        random_attributes(features, attributes);
        struct employee_change change = random_change(attributes), back;
        struct why why = {0};
        text_clear(&out);
        assert_ok(avro_employee_encode(employees.encoder, i, &change, &out, &why), &why);
        set_change(&oracle, features, &change);
        assert_same_bytes(&oracle, i, &out);
        assert_ok(avro_program_run(program, body_of(&out), values, &why), &why);
        assert_ok(avro_employee_from_values(values, &back, &why), &why);
        assert_same_text(change.event_id, back.event_id);
        assert_same_text(change.employee_id, back.employee_id);
        assert_same_text(change.source, back.source);
        assert_same_text(change.requested_by, back.requested_by);
        assert_true(change.event_time_ms == back.event_time_ms && change.change == back.change);
        for (size_t a = 0; a < features->count; a++)
            assert_same_value(&attributes[a], &back.attributes[a]);
    }
    oracle_close(&oracle);
    employees_close(&employees);
}

static void messages_of_a_block_follow_each_other_in_one_text(void **state)
{
    (void)state;
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    struct why why = {0};
    struct prediction p = random_prediction();
    assert_ok(avro_encode_prediction(1, &p, &out, &why), &why);
    size_t first = out.len;
    assert_ok(avro_encode_prediction(1, &p, &out, &why), &why);
    assert_int_equal(out.len, 2 * first);
    assert_memory_equal(out.data, out.data + first, first);
}

static void what_does_not_fit_leaves_the_text_as_it_was(void **state)
{
    (void)state;
    struct employees employees;
    employees_open(&employees);
    struct value attributes[FEATURES_MAX] = {0};
    struct employee_change change = random_change(attributes);
    struct prediction p = random_prediction();
    struct hris_progress progress = {0};
    struct why why = {0};
    struct text out CLEANUP(text_done) = TEXT_INIT(20);
    assert_int_equal(text_append_string(&out, "before"), ERR_OK);
    assert_err(avro_employee_encode(employees.encoder, 1, &change, &out, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "message-too-large");
    assert_err(avro_encode_prediction(1, &p, &out, &why), ERR_REJECT, &why);
    assert_err(avro_encode_high_risk(1, &p, NULL, 0, &out, &why), ERR_REJECT, &why);
    assert_err(avro_encode_progress(1, &progress, &out, &why), ERR_REJECT, &why);
    struct plan plan = random_plan();
    assert_err(avro_encode_plan(1, &plan, &out, &why), ERR_REJECT, &why);
    assert_err(avro_encode_plan_request(1, &(struct plan_request){0}, &out, &why), ERR_REJECT,
               &why);
    assert_string_equal(text_string(&out), "before");
    employees_close(&employees);
}

static void a_value_that_its_type_cannot_hold_is_refused(void **state)
{
    (void)state;
    struct employees employees;
    employees_open(&employees);
    int age = features_find(employees.features, bytes_from_string("Age"));
    int role = features_find(employees.features, bytes_from_string("JobRole"));
    assert_true(age >= 0 && role >= 0);
    const struct {
        int attribute;
        struct value value;
        const char *code;
    } cases[] = {
        {age, {.kind = VALUE_TEXT, .text = bytes_from_string("41")}, "wrong-type"},
        {age, {.kind = VALUE_REAL, .real = 41.5}, "wrong-type"},
        {age, {.kind = VALUE_REAL, .real = (double)NAN}, "wrong-type"},
        {age, {.kind = VALUE_BOOLEAN, .boolean = true}, "wrong-type"},
        {age, {.kind = VALUE_INTEGER, .integer = 2147483648}, "out-of-range"},
        {role, {.kind = VALUE_INTEGER, .integer = 1}, "wrong-type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct value attributes[FEATURES_MAX] = {0};
        attributes[cases[i].attribute] = cases[i].value;
        struct employee_change change = random_change(attributes);
        struct text out CLEANUP(text_done) = TEXT_INIT(65536);
        struct why why = {0};
        assert_err(avro_employee_encode(employees.encoder, 1, &change, &out, &why), ERR_REJECT,
                   &why);
        assert_string_equal(why.code, cases[i].code);
        assert_int_equal(out.len, 0);
    }
    employees_close(&employees);
}

static void a_required_text_that_is_missing_is_refused(void **state)
{
    (void)state;
    struct employees employees;
    employees_open(&employees);
    struct value attributes[FEATURES_MAX] = {0};
    struct employee_change change = random_change(attributes);
    change.employee_id = (struct bytes){0};
    struct text out CLEANUP(text_done) = TEXT_INIT(65536);
    struct why why = {0};
    assert_err(avro_employee_encode(employees.encoder, 1, &change, &out, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "null-value");
    employees_close(&employees);
}

static void a_schema_that_lacks_or_bends_a_field_makes_no_encoder(void **state)
{
    (void)state;
    struct employees employees;
    employees_open(&employees);
    static const char head[] = "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"event_"
                               "id\",\"type\":\"int\"}]}";
    static const char lacks[] = "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":"
                                "\"event_id\",\"type\":\"string\"}]}";
    static const char more[] = "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":"
                               "\"surprise\",\"type\":\"string\"}]}";
    const char *const schemas[] = {head, lacks, more, "\"string\""};
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct avro_employee_encoder *encoder = NULL;
        struct why why = {0};
        assert_err(avro_employee_encoder_new(employees.features, bytes_from_string(schemas[i]),
                                             &encoder, &why),
                   ERR_REJECT, &why);
        assert_string_equal(why.code, "schema-mismatch");
        assert_null(encoder);
    }
    employees_close(&employees);
}

// Bytes of another implementation.

static void assert_golden(const char *name, const struct text *ours)
{
    char path[256], hex[8192] = "", line[8192] = "";
    snprintf(path, sizeof path, SOURCE_DIR "/tests/unit/avro/golden/%s.hex", name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    for (size_t i = 0; i < ours->len && 2 * i + 2 < sizeof hex; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)ours->data[i]);
    assert_string_equal(hex, line);
}

static struct prediction golden_prediction(void)
{
    struct prediction p = {
        .prediction_id = bytes_from_string("employee-changes/3/1842001"),
        .employee_id = bytes_from_string("1001"),
        .event_id = bytes_from_string("ibm:41:1"),
        .event_time_ms = 1772353800000,
        .scored_at_ms = 1772353800123,
        .has_probability = true,
        .churn_probability = 0.7312058712345678,
        .band = BAND_HIGH,
        .threshold = 0.5,
        .model_id = bytes_from_string("0123456789abcdef"),
        .base_log_odds = -1.6487,
        .department = bytes_from_string("Research & Development"),
        .trigger = TRIGGER_CHANGE,
        .source_topic = bytes_from_string("employee-changes"),
        .source_partition = 3,
        .source_offset = 1842001,
    };
    p.reasons[0].attribute = bytes_from_string("OverTime");
    p.reasons[0].weight = 1.25;
    p.reasons[1].attribute = bytes_from_string("JobLevel");
    p.reasons[1].weight = -0.75;
    return p;
}

static struct plan golden_plan(void)
{
    return (struct plan){
        .plan_id = bytes_from_string("high-risk/3/17"),
        .prediction_id = bytes_from_string("employee-changes/3/1842001"),
        .employee_id = bytes_from_string("1001"),
        .status = PLAN_WRITTEN,
        .actions = {bytes_from_string("Agree a limit on overtime for the next quarter."),
                    bytes_from_string("Plan the next step of the career together."),
                    bytes_from_string("Offer a day of work from home each week.")},
        .language = bytes_from_string("en"),
        .generated_by = bytes_from_string("gemini"),
        .model_name = bytes_from_string("gemini-3.8-flash"),
        .prompt_sha256 = bytes_from_string("9f86d081884c7d65"),
        .input_tokens = 512,
        .output_tokens = 90,
        .created_at_ms = 1772353802000,
    };
}

static void golden_bytes_of_another_implementation_are_met(void **state)
{
    (void)state;
    struct employees employees;
    employees_open(&employees);
    struct value attributes[FEATURES_MAX] = {0};
    attributes[features_find(employees.features, bytes_from_string("Age"))] =
        (struct value){.kind = VALUE_INTEGER, .integer = 41};
    attributes[features_find(employees.features, bytes_from_string("JobRole"))] =
        (struct value){.kind = VALUE_TEXT, .text = bytes_from_string("Sales Executive")};
    struct employee_change change = {bytes_from_string("ibm:41:1"),
                                     bytes_from_string("1001"),
                                     1772353800000,
                                     CHANGE_UPDATED,
                                     bytes_from_string("ibm"),
                                     {0},
                                     attributes};
    struct prediction p = golden_prediction();
    struct prediction unknown = p;
    unknown.band = BAND_UNKNOWN;
    unknown.has_probability = false;
    unknown.requested_by = bytes_from_string("hr");
    unknown.trigger = TRIGGER_REQUEST;
    const struct bytes facts[2][2] = {
        {bytes_from_string("tenure"), bytes_from_string("2 to 5 years")},
        {bytes_from_string("overtime"), bytes_from_string("yes")}};
    struct hris_progress progress = {bytes_from_string("people.csv"),
                                     bytes_from_string("9f86d081884c7d65"),
                                     227977,
                                     1470,
                                     1468,
                                     2,
                                     1772353800000,
                                     true,
                                     1772353801000};
    struct text out CLEANUP(text_done) = TEXT_INIT(4096);
    struct why why = {0};
    assert_ok(avro_employee_encode(employees.encoder, 1, &change, &out, &why), &why);
    assert_golden("employee-changed", &out);
    text_clear(&out);
    assert_ok(avro_encode_prediction(2, &p, &out, &why), &why);
    assert_golden("prediction", &out);
    text_clear(&out);
    assert_ok(avro_encode_prediction(2, &unknown, &out, &why), &why);
    assert_golden("prediction-unknown", &out);
    text_clear(&out);
    assert_ok(avro_encode_high_risk(3, &p, facts, 2, &out, &why), &why);
    assert_golden("high-risk", &out);
    text_clear(&out);
    assert_ok(avro_encode_progress(66051, &progress, &out, &why), &why);
    assert_golden("hris-progress", &out);
    text_clear(&out);
    const struct plan plan = golden_plan();
    assert_ok(avro_encode_plan(4, &plan, &out, &why), &why);
    assert_golden("retention-plan", &out);
    text_clear(&out);
    const struct plan refused = {.plan_id = bytes_from_string("plan-requests/0/4"),
                                 .request_id = bytes_from_string("r-1"),
                                 .prediction_id = plan.prediction_id,
                                 .employee_id = plan.employee_id,
                                 .status = PLAN_REFUSED,
                                 .language = bytes_from_string("fr"),
                                 .input_tokens = PLAN_NO_TOKENS,
                                 .output_tokens = PLAN_NO_TOKENS,
                                 .created_at_ms = 1772353802000,
                                 .requested_by = bytes_from_string("hr"),
                                 .refusal = bytes_from_string("not-needed")};
    assert_ok(avro_encode_plan(4, &refused, &out, &why), &why);
    assert_golden("retention-plan-refused", &out);
    text_clear(&out);
    const struct plan_request request = {.request_id = bytes_from_string("r-1"),
                                         .prediction_id = plan.prediction_id,
                                         .employee_id = plan.employee_id,
                                         .language = bytes_from_string("fr"),
                                         .requested_at_ms = 1772353801000,
                                         .is_anew = true};
    assert_ok(avro_encode_plan_request(5, &request, &out, &why), &why);
    assert_golden("plan-requested", &out);
    employees_close(&employees);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_are_written_as_the_library_does_and_read_back),
        cmocka_unit_test(high_risk_is_the_prediction_with_its_facts),
        cmocka_unit_test(plans_are_written_as_the_library_does_and_read_back),
        cmocka_unit_test(plan_requests_are_written_as_the_library_does_and_read_back),
        cmocka_unit_test(progress_is_written_as_the_library_does_and_read_back),
        cmocka_unit_test(employee_changes_are_written_as_the_library_does_and_read_back),
        cmocka_unit_test(messages_of_a_block_follow_each_other_in_one_text),
        cmocka_unit_test(what_does_not_fit_leaves_the_text_as_it_was),
        cmocka_unit_test(a_value_that_its_type_cannot_hold_is_refused),
        cmocka_unit_test(a_required_text_that_is_missing_is_refused),
        cmocka_unit_test(a_schema_that_lacks_or_bends_a_field_makes_no_encoder),
        cmocka_unit_test(golden_bytes_of_another_implementation_are_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
