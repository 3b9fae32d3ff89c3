// SPDX-License-Identifier: MIT
#include "avro/encode.h"

#include "avro/frame.h"
#include "avro/wire.h"

// The records that are laid out by hand, in the order of their schemas. Each message takes room for
// the most that it can need, once, and is then written without a check per field: the sum of the
// texts' lengths, and the longest number for each field and each length. Enums are written as the
// place of the value in our enum, which is the order of the schema's symbols; the tests compare
// with the Avro library by the schema's text, so an order that differs is found there.

enum { NUMBER_MAX = AVRO_LONG_BYTES_MAX + 1 }; // a union's index and a number, or a text's length

static enum err too_large(const struct text *out, size_t need, struct why *why)
{
    return why_code(why, ERR_REJECT, "message-too-large",
                    "a record of up to %zu bytes does not fit into the limit of %zu", need,
                    out->ceiling);
}

static void finish(struct text *out, const uint8_t *end)
{
    out->len = (size_t)(end - (const uint8_t *)out->data);
    out->data[out->len] = '\0';
}

static uint8_t *put_bytes(uint8_t *at, struct bytes text)
{
    return avro_put_text(at, text.data, text.len);
}

static uint8_t *put_optional_text(uint8_t *at, struct bytes text)
{
    *at++ = text.data == NULL ? 0 : 2;
    return text.data == NULL ? at : put_bytes(at, text);
}

static uint8_t *put_optional_count(uint8_t *at, int64_t count)
{
    *at++ = count < 0 ? 0 : 2;
    return count < 0 ? at : avro_put_long(at, count);
}

static uint8_t *put_optional_double(uint8_t *at, bool is_there, double value)
{
    *at++ = is_there ? 2 : 0;
    return is_there ? avro_put_double(at, value) : at;
}

static size_t prediction_room(const struct prediction *p)
{
    size_t texts = p->prediction_id.len + p->employee_id.len + p->event_id.len + p->model_id.len +
                   p->department.len + p->job_role.len + p->requested_by.len + p->source_topic.len;
    for (size_t i = 0; i < PREDICTION_REASONS; i++)
        texts += p->reasons[i].attribute.len;
    return AVRO_FRAME_BYTES + texts + (size_t)AVRO_PREDICTION_FIELDS * NUMBER_MAX;
}

static uint8_t *put_prediction(uint8_t *at, uint32_t schema_id, const struct prediction *p)
{
    avro_frame_write(schema_id, at);
    at = put_bytes(at + AVRO_FRAME_BYTES, p->prediction_id);
    at = put_bytes(at, p->employee_id);
    at = put_bytes(at, p->event_id);
    at = avro_put_long(at, p->event_time_ms);
    at = avro_put_long(at, p->scored_at_ms);
    at = put_optional_double(at, p->has_probability, p->churn_probability);
    at = avro_put_long(at, (int64_t)p->band);
    at = avro_put_double(at, p->threshold);
    at = put_bytes(at, p->model_id);
    at = put_optional_double(at, p->has_probability, p->base_log_odds);
    for (size_t i = 0; i < PREDICTION_REASONS; i++) {
        at = put_optional_text(at, p->reasons[i].attribute);
        at = put_optional_double(at, p->reasons[i].attribute.data != NULL, p->reasons[i].weight);
    }
    at = put_optional_text(at, p->department);
    at = put_optional_text(at, p->job_role);
    at = avro_put_long(at, (int64_t)p->trigger);
    at = put_optional_text(at, p->requested_by);
    at = put_bytes(at, p->source_topic);
    at = avro_put_long(at, p->source_partition);
    return avro_put_long(at, p->source_offset);
}

enum err avro_encode_prediction(uint32_t schema_id, const struct prediction *prediction,
                                struct text *out, struct why *why)
{
    size_t need = prediction_room(prediction);
    uint8_t *at = (uint8_t *)text_room(out, need);
    if (at == NULL)
        return too_large(out, need, why);
    finish(out, put_prediction(at, schema_id, prediction));
    return ERR_OK;
}

enum err avro_encode_high_risk(uint32_t schema_id, const struct prediction *prediction,
                               const struct bytes (*facts)[2], size_t fact_count, struct text *out,
                               struct why *why)
{
    size_t need = prediction_room(prediction) + NUMBER_MAX + 1;
    for (size_t i = 0; i < fact_count; i++)
        need += facts[i][0].len + facts[i][1].len + 2 * (size_t)AVRO_LONG_BYTES_MAX;
    uint8_t *at = (uint8_t *)text_room(out, need);
    if (at == NULL)
        return too_large(out, need, why);
    at = put_prediction(at, schema_id, prediction);
    if (fact_count > 0)
        at = avro_put_long(at, (int64_t)fact_count);
    for (size_t i = 0; i < fact_count; i++) {
        at = put_bytes(at, facts[i][0]);
        at = put_bytes(at, facts[i][1]);
    }
    *at++ = 0; // the end of the map's blocks
    finish(out, at);
    return ERR_OK;
}

enum err avro_encode_plan_request(uint32_t schema_id, const struct plan_request *request,
                                  struct text *out, struct why *why)
{
    size_t need = AVRO_FRAME_BYTES + request->request_id.len + request->prediction_id.len +
                  request->employee_id.len + request->requested_by.len + request->language.len +
                  (size_t)AVRO_PLAN_REQUEST_FIELDS * NUMBER_MAX;
    uint8_t *at = (uint8_t *)text_room(out, need);
    if (at == NULL)
        return too_large(out, need, why);
    avro_frame_write(schema_id, at);
    at = put_bytes(at + AVRO_FRAME_BYTES, request->request_id);
    at = put_bytes(at, request->prediction_id);
    at = put_bytes(at, request->employee_id);
    at = put_optional_text(at, request->requested_by);
    at = put_optional_text(at, request->language);
    at = avro_put_long(at, request->requested_at_ms);
    *at++ = request->is_anew ? 1 : 0;
    finish(out, at);
    return ERR_OK;
}

static size_t plan_room(const struct plan *p)
{
    size_t texts = p->plan_id.len + p->request_id.len + p->prediction_id.len + p->employee_id.len +
                   p->language.len + p->generated_by.len + p->model_name.len +
                   p->prompt_sha256.len + p->requested_by.len + p->refusal.len + p->reused_from.len;
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        texts += p->actions[i].len;
    return AVRO_FRAME_BYTES + texts + (size_t)AVRO_PLAN_FIELDS * NUMBER_MAX;
}

enum err avro_encode_plan(uint32_t schema_id, const struct plan *plan, struct text *out,
                          struct why *why)
{
    size_t need = plan_room(plan);
    uint8_t *at = (uint8_t *)text_room(out, need);
    if (at == NULL)
        return too_large(out, need, why);
    avro_frame_write(schema_id, at);
    at = put_bytes(at + AVRO_FRAME_BYTES, plan->plan_id);
    at = put_optional_text(at, plan->request_id);
    at = put_bytes(at, plan->prediction_id);
    at = put_bytes(at, plan->employee_id);
    at = avro_put_long(at, (int64_t)plan->status);
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        at = put_optional_text(at, plan->actions[i]);
    at = put_bytes(at, plan->language);
    at = put_optional_text(at, plan->generated_by);
    at = put_optional_text(at, plan->model_name);
    at = put_optional_text(at, plan->prompt_sha256);
    at = put_optional_count(at, plan->input_tokens);
    at = put_optional_count(at, plan->output_tokens);
    at = avro_put_long(at, plan->created_at_ms);
    at = put_optional_text(at, plan->requested_by);
    at = put_optional_text(at, plan->refusal);
    at = put_optional_text(at, plan->reused_from);
    finish(out, at);
    return ERR_OK;
}

enum err avro_encode_progress(uint32_t schema_id, const struct hris_progress *progress,
                              struct text *out, struct why *why)
{
    size_t need = AVRO_FRAME_BYTES + progress->source.len + progress->content_hash.len +
                  (size_t)AVRO_PROGRESS_FIELDS * NUMBER_MAX;
    uint8_t *at = (uint8_t *)text_room(out, need);
    if (at == NULL)
        return too_large(out, need, why);
    avro_frame_write(schema_id, at);
    at = put_bytes(at + AVRO_FRAME_BYTES, progress->source);
    at = put_bytes(at, progress->content_hash);
    at = avro_put_long(at, progress->bytes_done);
    at = avro_put_long(at, progress->rows_done);
    at = avro_put_long(at, progress->events_done);
    at = avro_put_long(at, progress->rejected);
    at = avro_put_long(at, progress->event_time_ms);
    *at++ = progress->is_finished ? 1 : 0;
    at = avro_put_long(at, progress->updated_at_ms);
    finish(out, at);
    return ERR_OK;
}
