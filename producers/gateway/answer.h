// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"
#include "decide.h"
#include "domain/features.h"
#include "domain/plan.h"
#include "domain/prediction.h"
#include "http/exchange.h"
#include "store/listings.h"
#include "store/requests.h"

// What the gateway says, as JSON (schemas/openapi.json). Each writer appends one value;
// ERR_REJECT: over the ceiling of `out`. Pure; any thread.

enum { ANSWER_MAX = 4 * 1024 * 1024 };

struct answer_words {
    const struct features *features;
    enum language language;
};

// The answer of /predict. `missing_inputs`: names with commas between.
MUST_CHECK enum err answer_write_score(const struct answer_words *words,
                                       const struct prediction *prediction,
                                       struct bytes missing_inputs, struct bytes request_id,
                                       struct text *out);
// A prediction as it is stored. `has_requester`: whether it is known who asked.
MUST_CHECK enum err answer_write_prediction(const struct answer_words *words,
                                            const struct prediction *prediction, bool has_requester,
                                            struct text *out);
// The answer of /generate-retention-plan.
MUST_CHECK enum err answer_write_plan_reply(const struct plan *plan, struct bytes request_id,
                                            struct text *out);
// A plan as it is stored.
MUST_CHECK enum err answer_write_plan(const struct plan *plan, struct text *out);
MUST_CHECK enum err answer_write_employee(const struct features *features,
                                          const struct listings_employee *employee,
                                          struct text *out);
// `result` is JSON already; len 0: null.
MUST_CHECK enum err answer_write_request(const struct requests_row *row, struct bytes result,
                                         struct text *out);
MUST_CHECK enum err answer_write_accepted(struct bytes request_id, struct bytes employee_id,
                                          struct text *out);
// {"name":"value", or ,"name":"value": the value null where its data is.
MUST_CHECK enum err answer_member(struct text *out, char opening, const char *name,
                                  struct bytes value);
MUST_CHECK enum err answer_member_time(struct text *out, char opening, const char *name,
                                       int64_t ms); // PG_NULL_INT8: null
// Both spellings of an employee's id, as further members.
MUST_CHECK enum err answer_member_employee(struct text *out, struct bytes employee_id);

// ---- ending an exchange

// With this JSON, which is taken. `err`: of the writer; a 500 where it is none.
void answer_json(struct http_exchange *exchange, unsigned status, enum err err, struct text *body);
// The same for a GET: with an ETag of its bytes, so that who has it gets a 304.
void answer_json_tagged(struct http_exchange *exchange, enum err err, struct text *body);
