// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "avro/records.h"
#include "base/err.h"
#include "base/text.h"
#include "domain/employee.h"
#include "domain/plan.h"
#include "domain/prediction.h"

// Our records as framed Avro, appended to a text (one text may hold the messages of a whole block).
// All give ERR_REJECT with code "message-too-large" when the text's ceiling is reached; the bound
// that counts is up to ten bytes a field above the exact size. A refused record leaves the text as
// it was. Text is written as it is: that it is UTF-8 was checked where it came in.

// EmployeeChanged follows the features file, so its layout is made at start from the schema's text.
// Immutable; any thread may encode.
struct avro_employee_encoder;

// ERR_REJECT with code "bad-schema", "schema-too-large" or "schema-mismatch": a field of the record
// is missing, or one has a type that it cannot be written as. A field that is neither in the record
// nor in the features is written as null, where the schema allows that.
MUST_CHECK enum err avro_employee_encoder_new(const struct features *features, struct bytes schema,
                                              struct avro_employee_encoder **ret, struct why *why);
void avro_employee_encoder_free(struct avro_employee_encoder *encoder);
DEFINE_CLEANUP(struct avro_employee_encoder, avro_employee_encoder_free)

// ERR_REJECT also with code "wrong-type", "out-of-range" or "null-value", where a value does not
// fit the type of its field; the sentence names the field.
MUST_CHECK enum err avro_employee_encode(const struct avro_employee_encoder *encoder,
                                         uint32_t schema_id, const struct employee_change *change,
                                         struct text *out, struct why *why);

// schemas/prediction.avsc
MUST_CHECK enum err avro_encode_prediction(uint32_t schema_id, const struct prediction *prediction,
                                           struct text *out, struct why *why);
// schemas/high-risk.avsc; facts are names and values in turn.
MUST_CHECK enum err avro_encode_high_risk(uint32_t schema_id, const struct prediction *prediction,
                                          const struct bytes (*facts)[2], size_t fact_count,
                                          struct text *out, struct why *why);
// schemas/plan-requested.avsc
MUST_CHECK enum err avro_encode_plan_request(uint32_t schema_id, const struct plan_request *request,
                                             struct text *out, struct why *why);
// schemas/retention-plan.avsc
MUST_CHECK enum err avro_encode_plan(uint32_t schema_id, const struct plan *plan, struct text *out,
                                     struct why *why);
// schemas/hris-progress.avsc
MUST_CHECK enum err avro_encode_progress(uint32_t schema_id, const struct hris_progress *progress,
                                         struct text *out, struct why *why);
