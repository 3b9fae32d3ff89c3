// SPDX-License-Identifier: MIT
#include "answer.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "problem.h"
#include "words.h"

// Members are written one by one in the order of the document. The first verdict that is none
// sticks: over the ceiling nothing more is appended.

static enum err name_of(struct text *out, char opening, const char *name)
{
    char start[64];
    size_t len = strlen(name);
    start[0] = opening;
    start[1] = '"';
    memcpy(start + 2, name, len); // names are ours, and short
    memcpy(start + 2 + len, "\":", 2);
    return text_append(out, start, len + 4);
}

enum err answer_member(struct text *out, char opening, const char *name, struct bytes value)
{
    enum err err = name_of(out, opening, name);
    if (err != ERR_OK)
        return err;
    return value.data == NULL ? text_append_string(out, "null") : json_write_string(out, value);
}

static enum err member_string(struct text *out, const char *name, const char *value)
{
    return answer_member(out, ',', name, bytes_from_string(value));
}

enum err answer_member_time(struct text *out, char opening, const char *name, int64_t ms)
{
    char text[FORMAT_TIME_MAX];
    if (ms == PG_NULL_INT8)
        return answer_member(out, opening, name, (struct bytes){0});
    return answer_member(out, opening, name, bytes_of(text, format_time_ms(ms, text)));
}

static enum err member_number(struct text *out, char opening, const char *name, bool is_there,
                              double value)
{
    enum err err = name_of(out, opening, name);
    if (err != ERR_OK)
        return err;
    return is_there ? json_write_double(out, value) : text_append_string(out, "null");
}

enum err answer_member_employee(struct text *out, struct bytes employee_id)
{
    enum err err = name_of(out, ',', "employe_id");
    if (err == ERR_OK)
        err = decide_id_is_number(employee_id) ? text_append(out, employee_id.data, employee_id.len)
                                               : json_write_string(out, employee_id);
    return err == ERR_OK ? answer_member(out, ',', "employee_id", employee_id) : err;
}

// ---- scores

static enum err write_reasons(const struct answer_words *words, const struct prediction *prediction,
                              struct text *out)
{
    enum err err = name_of(out, ',', "reasons");
    char opening = '[';
    for (size_t i = 0; err == ERR_OK && i < PREDICTION_REASONS; i++) {
        struct bytes attribute = prediction->reasons[i].attribute;
        double weight = prediction->reasons[i].weight;
        if (attribute.data == NULL)
            continue;
        err = text_append(out, &opening, 1);
        if (err == ERR_OK)
            err = answer_member(out, '{', "attribute", attribute);
        if (err == ERR_OK)
            err = member_number(out, ',', "weight", true, weight);
        if (err == ERR_OK)
            err = name_of(out, ',', "words");
        if (err == ERR_OK)
            err = words_write_reason(words->features, words->language, attribute, weight, out);
        if (err == ERR_OK)
            err = text_append_string(out, "}");
        opening = ',';
    }
    return err == ERR_OK ? text_append_string(out, opening == '[' ? "[]" : "]") : err;
}

static enum err write_names(struct text *out, const char *name, struct bytes list)
{
    enum err err = name_of(out, ',', name);
    char opening = '[';
    while (err == ERR_OK && list.len > 0) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma == NULL ? list.len : (size_t)(comma - list.data);
        err = text_append(out, &opening, 1);
        if (err == ERR_OK)
            err = json_write_string(out, bytes_of(list.data, len));
        len += comma != NULL;
        list = bytes_of(list.data + len, list.len - len);
        opening = ',';
    }
    return err == ERR_OK ? text_append_string(out, opening == '[' ? "[]" : "]") : err;
}

// What both forms of a score have behind their ids.
static enum err write_judgement(const struct answer_words *words,
                                const struct prediction *prediction, struct text *out)
{
    enum err err = member_string(out, "band", band_name(prediction->band));
    if (err == ERR_OK)
        err = member_number(out, ',', "threshold", true, prediction->threshold);
    if (err == ERR_OK)
        err = answer_member(out, ',', "model_id", prediction->model_id);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "scored_at", prediction->scored_at_ms);
    return err == ERR_OK ? write_reasons(words, prediction, out) : err;
}

enum err answer_write_score(const struct answer_words *words, const struct prediction *prediction,
                            struct bytes missing_inputs, struct bytes request_id, struct text *out)
{
    enum err err = member_number(out, '{', "churn_probability", prediction->has_probability,
                                 prediction->churn_probability);
    if (err == ERR_OK)
        err = answer_member_employee(out, prediction->employee_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "prediction_id", prediction->prediction_id);
    if (err == ERR_OK)
        err = write_judgement(words, prediction, out);
    if (err == ERR_OK)
        err = write_names(out, "missing_inputs", missing_inputs);
    if (err == ERR_OK)
        err = answer_member(out, ',', "request_id", request_id);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

enum err answer_write_prediction(const struct answer_words *words,
                                 const struct prediction *prediction, bool has_requester,
                                 struct text *out)
{
    enum err err = answer_member(out, '{', "prediction_id", prediction->prediction_id);
    if (err == ERR_OK)
        err = answer_member_employee(out, prediction->employee_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "event_id", prediction->event_id);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "event_time", prediction->event_time_ms);
    if (err == ERR_OK)
        err = member_number(out, ',', "churn_probability", prediction->has_probability,
                            prediction->churn_probability);
    if (err == ERR_OK)
        err = write_judgement(words, prediction, out);
    if (err == ERR_OK)
        err = member_number(out, ',', "base_log_odds", prediction->has_probability,
                            prediction->base_log_odds);
    if (err == ERR_OK)
        err = answer_member(out, ',', "department", prediction->department);
    if (err == ERR_OK)
        err = answer_member(out, ',', "job_role", prediction->job_role);
    if (err == ERR_OK)
        err = member_string(out, "trigger", trigger_name(prediction->trigger));
    if (err == ERR_OK && has_requester)
        err = answer_member(out, ',', "requested_by", prediction->requested_by);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

// ---- plans

static enum err write_actions(const struct plan *plan, char opening, struct text *out)
{
    enum err err = name_of(out, opening, "retention_plan");
    if (err != ERR_OK || plan->actions[0].data == NULL)
        return err == ERR_OK ? text_append_string(out, "[]") : err;
    for (size_t i = 0; err == ERR_OK && i < PLAN_ACTIONS; i++) {
        err = text_append_string(out, i == 0 ? "[" : ",");
        if (err == ERR_OK)
            err = json_write_string(out, plan->actions[i]);
    }
    return err == ERR_OK ? text_append_string(out, "]") : err;
}

enum err answer_write_plan_reply(const struct plan *plan, struct bytes request_id, struct text *out)
{
    enum err err = write_actions(plan, '{', out);
    if (err == ERR_OK)
        err = member_string(out, "status",
                            plan->status == PLAN_REFUSED ? "not-needed"
                                                         : plan_status_name(plan->status));
    if (err == ERR_OK)
        err = answer_member(out, ',', "plan_id", plan->plan_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "prediction_id", plan->prediction_id);
    if (err == ERR_OK)
        err = answer_member_employee(out, plan->employee_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "generated_by", plan->generated_by);
    if (err == ERR_OK)
        err = answer_member(out, ',', "language", plan->language);
    if (err == ERR_OK)
        err = answer_member(out, ',', "request_id", request_id);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

enum err answer_write_plan(const struct plan *plan, struct text *out)
{
    enum err err = answer_member(out, '{', "plan_id", plan->plan_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "request_id", plan->request_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "prediction_id", plan->prediction_id);
    if (err == ERR_OK)
        err = answer_member_employee(out, plan->employee_id);
    if (err == ERR_OK)
        err = member_string(out, "status", plan_status_name(plan->status));
    if (err == ERR_OK)
        err = write_actions(plan, ',', out);
    if (err == ERR_OK)
        err = answer_member(out, ',', "language", plan->language);
    if (err == ERR_OK)
        err = answer_member(out, ',', "generated_by", plan->generated_by);
    if (err == ERR_OK)
        err = answer_member(out, ',', "model_name", plan->model_name);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "created_at", plan->created_at_ms);
    if (err == ERR_OK)
        err = answer_member(out, ',', "requested_by", plan->requested_by);
    if (err == ERR_OK)
        err = answer_member(out, ',', "refusal", plan->refusal);
    if (err == ERR_OK)
        err = answer_member(out, ',', "reused_from", plan->reused_from);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

// ---- employees

static enum err write_value(struct text *out, char opening, const char *name,
                            const struct value *value)
{
    switch (value->kind) {
    case VALUE_INTEGER: {
        enum err err = name_of(out, opening, name);
        return err == ERR_OK ? text_printf(out, "%" PRId64, value->integer) : err;
    }
    case VALUE_REAL:
        return member_number(out, opening, name, true, value->real);
    case VALUE_TEXT:
        return answer_member(out, opening, name, value->text);
    case VALUE_NULL:
    case VALUE_BOOLEAN: // no attribute has these two
    case VALUE_MAP:
        break;
    }
    return answer_member(out, opening, name, (struct bytes){0});
}

enum err answer_write_employee(const struct features *features,
                               const struct listings_employee *employee, struct text *out)
{
    enum err err =
        answer_member(out, '{', "change", bytes_from_string(change_name(employee->change)));
    if (err == ERR_OK)
        err = answer_member_employee(out, employee->employee_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "event_id", employee->event_id);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "event_time", employee->event_time_ms);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "left_at",
                                 employee->has_left ? employee->left_at_ms : PG_NULL_INT8);
    if (err == ERR_OK)
        err = answer_member(out, ',', "source", employee->source);
    if (err == ERR_OK)
        err = answer_member(out, ',', "requested_by", employee->requested_by);
    if (err == ERR_OK)
        err = name_of(out, ',', "attributes");
    for (size_t i = 0; err == ERR_OK && i < features->count; i++)
        err = write_value(out, i == 0 ? '{' : ',', features->attributes[i].name,
                          &employee->attributes[i]);
    return err == ERR_OK ? text_append_string(out, "}}") : err;
}

// ---- requests

enum err answer_write_request(const struct requests_row *row, struct bytes result, struct text *out)
{
    enum err err = answer_member(out, '{', "request_id", row->id);
    if (err == ERR_OK)
        err = member_string(out, "kind", requests_kind_name(row->kind));
    if (err == ERR_OK)
        err = member_string(out, "state", requests_state_name(row->state));
    if (err == ERR_OK)
        err = answer_member(out, ',', "employee_id", row->employee_id);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "created_at", row->created_at_ms);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "completed_at",
                                 row->completed_at_ms == 0 ? PG_NULL_INT8 : row->completed_at_ms);
    if (err == ERR_OK)
        err = name_of(out, ',', "result");
    if (err == ERR_OK)
        err = result.len == 0 ? text_append_string(out, "null")
                              : text_append(out, result.data, result.len);
    if (err == ERR_OK)
        err = name_of(out, ',', "error");
    if (err == ERR_OK && row->error_code.data == NULL)
        return text_append_string(out, "null}");
    if (err == ERR_OK)
        err = answer_member(out, '{', "code", row->error_code);
    if (err == ERR_OK)
        err = answer_member(out, ',', "detail",
                            row->error_text.data == NULL ? row->error_code : row->error_text);
    return err == ERR_OK ? text_append_string(out, "}}") : err;
}

enum err answer_write_accepted(struct bytes request_id, struct bytes employee_id, struct text *out)
{
    enum err err = answer_member(out, '{', "request_id", request_id);
    if (err == ERR_OK)
        err = member_string(out, "state", requests_state_name(REQUESTS_ACCEPTED));
    if (err == ERR_OK)
        err = answer_member_employee(out, employee_id);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

// ---- ending an exchange

static bool is_written(struct http_exchange *exchange, enum err err)
{
    if (err == ERR_OK)
        return true;
    log_error("answer-failed", "why=\"an answer is larger than %d bytes\"", ANSWER_MAX);
    problem_answer(exchange, PROBLEM_INTERNAL, "the answer would be too large");
    return false;
}

void answer_json(struct http_exchange *exchange, unsigned status, enum err err, struct text *body)
{
    if (is_written(exchange, err))
        http_answer(exchange, &(struct http_answer){.status = status,
                                                    .content_type = "application/json",
                                                    .body = body});
}

void answer_json_tagged(struct http_exchange *exchange, enum err err, struct text *body)
{
    char etag[20], hash[CRYPTO_SHA256_HEX];
    if (!is_written(exchange, err))
        return;
    crypto_sha256_hex(text_bytes(body), hash);
    etag[0] = etag[17] = '"';
    memcpy(etag + 1, hash, 16);
    etag[18] = '\0';
    http_answer(exchange,
                &(struct http_answer){
                    .status = 200, .content_type = "application/json", .body = body, .etag = etag});
}
