// SPDX-License-Identifier: MIT
#include "avro/records.h"

// Plans and the requests for them, which are held to their rules in lib/domain/plan.c: here they
// are only put together.

enum {
    OR_NULL = AVRO_TAKES_NULL,
    TEXT = AVRO_TAKES_TEXT,
    INTEGER = AVRO_TAKES_INTEGER,
};

const struct avro_field avro_plan_request_fields[AVRO_PLAN_REQUEST_FIELDS] = {
    {"request_id", TEXT, true},
    {"prediction_id", TEXT, true},
    {"employee_id", TEXT, true},
    {"requested_by", TEXT | OR_NULL, false},
    {"language", TEXT | OR_NULL, false},
    {"requested_at", INTEGER, true},
    {"anew", AVRO_TAKES_BOOLEAN | OR_NULL, false},
};

enum {
    PLAN_ID,
    REQUEST_ID,
    PREDICTION_ID,
    EMPLOYEE_ID,
    STATUS,
    ACTION_1,
    LANGUAGE = ACTION_1 + PLAN_ACTIONS,
    GENERATED_BY,
    MODEL_NAME,
    PROMPT_SHA256,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CREATED_AT,
    REQUESTED_BY,
    REFUSAL,
    REUSED_FROM,
};
_Static_assert(REUSED_FROM + 1 == AVRO_PLAN_FIELDS, "one place for each field");

const struct avro_field avro_plan_fields[AVRO_PLAN_FIELDS] = {
    [PLAN_ID] = {"plan_id", TEXT, true},
    [REQUEST_ID] = {"request_id", TEXT | OR_NULL, false},
    [PREDICTION_ID] = {"prediction_id", TEXT, true},
    [EMPLOYEE_ID] = {"employee_id", TEXT, true},
    [STATUS] = {"status", TEXT, true},
    [ACTION_1] = {"action_1", TEXT | OR_NULL, false},
    [ACTION_1 + 1] = {"action_2", TEXT | OR_NULL, false},
    [ACTION_1 + 2] = {"action_3", TEXT | OR_NULL, false},
    [LANGUAGE] = {"language", TEXT, true},
    [GENERATED_BY] = {"generated_by", TEXT | OR_NULL, false},
    [MODEL_NAME] = {"model_name", TEXT | OR_NULL, false},
    [PROMPT_SHA256] = {"prompt_sha256", TEXT | OR_NULL, false},
    [INPUT_TOKENS] = {"input_tokens", INTEGER | OR_NULL, false},
    [OUTPUT_TOKENS] = {"output_tokens", INTEGER | OR_NULL, false},
    [CREATED_AT] = {"created_at", INTEGER, true},
    [REQUESTED_BY] = {"requested_by", TEXT | OR_NULL, false},
    [REFUSAL] = {"refusal", TEXT | OR_NULL, false},
    [REUSED_FROM] = {"reused_from", TEXT | OR_NULL, false},
};

static int64_t tokens_of(const struct value *value)
{
    return value->kind == VALUE_INTEGER ? value->integer : PLAN_NO_TOKENS;
}

void avro_plan_request_from_values(const struct value *values, struct plan_request *ret)
{
    *ret = (struct plan_request){
        .request_id = values[0].text,
        .prediction_id = values[1].text,
        .employee_id = values[2].text,
        .requested_by = value_text(&values[3]),
        .language = value_text(&values[4]),
        .requested_at_ms = values[5].integer,
        .is_anew = values[6].kind == VALUE_BOOLEAN && values[6].boolean,
    };
}

enum err avro_plan_from_values(const struct value *values, struct plan *ret, struct why *why)
{
    enum plan_status status = PLAN_REFUSED;
    if (!plan_status_from_text(values[STATUS].text, &status))
        return why_code(why, ERR_REJECT, "bad-status",
                        "field status is none of written, fallback, refused");
    *ret = (struct plan){
        .plan_id = values[PLAN_ID].text,
        .request_id = value_text(&values[REQUEST_ID]),
        .prediction_id = values[PREDICTION_ID].text,
        .employee_id = values[EMPLOYEE_ID].text,
        .status = status,
        .language = values[LANGUAGE].text,
        .generated_by = value_text(&values[GENERATED_BY]),
        .model_name = value_text(&values[MODEL_NAME]),
        .prompt_sha256 = value_text(&values[PROMPT_SHA256]),
        .input_tokens = tokens_of(&values[INPUT_TOKENS]),
        .output_tokens = tokens_of(&values[OUTPUT_TOKENS]),
        .created_at_ms = values[CREATED_AT].integer,
        .requested_by = value_text(&values[REQUESTED_BY]),
        .refusal = value_text(&values[REFUSAL]),
        .reused_from = value_text(&values[REUSED_FROM]),
    };
    for (size_t i = 0; i < PLAN_ACTIONS; i++)
        ret->actions[i] = value_text(&values[ACTION_1 + i]);
    return ERR_OK;
}
