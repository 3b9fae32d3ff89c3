// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// A retention plan as it travels on `retention-plans` and stands in retention_plan, and the request
// for one. Plain data and pure functions, any thread; text is borrowed; a text whose data is NULL
// is null.

enum plan_status {
    PLAN_WRITTEN,  // by a language model
    PLAN_FALLBACK, // by our own rules
    PLAN_REFUSED,  // there are no actions, `refusal` says why
};
enum plan_maker { PLAN_MAKER_GEMINI, PLAN_MAKER_OPENAI, PLAN_MAKER_RULES };
enum { PLAN_ACTIONS = 3 };

// Bounds in bytes. An answer of a model is held to fewer characters; this is what tables take.
enum { PLAN_ACTION_MAX = 2048, PLAN_WORD_MAX = 128 };
// The banded facts that go with a prediction of band high; bytes of each name and value.
enum { PLAN_FACTS_MAX = 64, PLAN_FACT_BYTES_MAX = 64 };
#define PLAN_NO_TOKENS INT64_C(-1)

const char *plan_status_name(enum plan_status status); // "written", "fallback", "refused"
const char *plan_maker_name(enum plan_maker maker);    // "gemini", "openai-compatible", "rules"
bool plan_status_from_text(struct bytes text, enum plan_status *ret);
bool plan_maker_from_text(struct bytes text, enum plan_maker *ret);

struct plan {
    struct bytes plan_id; // "high-risk/3/17" (domain/source.h)
    struct bytes request_id;
    struct bytes prediction_id;
    struct bytes employee_id;
    enum plan_status status;
    struct bytes actions[PLAN_ACTIONS]; // null exactly for PLAN_REFUSED
    struct bytes language;              // "en", "fr"
    struct bytes generated_by;          // name of a maker; null exactly for PLAN_REFUSED
    struct bytes model_name;
    struct bytes prompt_sha256; // 64 hexadecimal digits
    int64_t input_tokens;       // PLAN_NO_TOKENS: not known
    int64_t output_tokens;
    int64_t created_at_ms;
    struct bytes requested_by;
    struct bytes refusal;     // a code ("not-needed"); null but for PLAN_REFUSED
    struct bytes reused_from; // plan_id of the plan whose actions these are
};

struct plan_request {
    struct bytes request_id;
    struct bytes prediction_id;
    struct bytes employee_id;
    struct bytes requested_by;
    struct bytes language; // null: the one that the worker is set to
    int64_t requested_at_ms;
    bool is_anew; // do not answer with a plan that is there already
};

// ERR_REJECT with a code where the plan cannot be one: bad-plan-id, bad-prediction-id,
// bad-employee-id, bad-text (too long, no UTF-8, a zero byte), bad-time, bad-tokens, bad-maker,
// bad-plan (actions, maker and refusal do not go with the status).
MUST_CHECK enum err plan_check(const struct plan *plan, struct why *why);

// ERR_REJECT with a code: bad-request-id, bad-prediction-id, bad-employee-id, bad-text, bad-time,
// bad-language (neither null nor one we write in), key-mismatch (`key`, the record's, is not the
// employee's id).
MUST_CHECK enum err plan_request_check(const struct plan_request *request, struct bytes key,
                                       struct why *why);
