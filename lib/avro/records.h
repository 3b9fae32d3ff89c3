// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "avro/program.h"
#include "base/err.h"
#include "domain/employee.h"
#include "domain/plan.h"
#include "domain/prediction.h"

// The records of our topics as values: which fields a reader wants, and what the decoded values
// mean. Text stays borrowed from the body (an enum's from the program). Pure functions, any thread.

// Places of the fields of EmployeeChanged in its values; the attributes follow in the order of the
// features.
enum {
    AVRO_EMPLOYEE_EVENT_ID,
    AVRO_EMPLOYEE_EMPLOYEE_ID,
    AVRO_EMPLOYEE_EVENT_TIME,
    AVRO_EMPLOYEE_CHANGE,
    AVRO_EMPLOYEE_SOURCE,
    AVRO_EMPLOYEE_REQUESTED_BY,
    AVRO_EMPLOYEE_ATTRIBUTES,
};

// The wanted fields, AVRO_EMPLOYEE_ATTRIBUTES + features->count of them; freed by the caller
// (mem_free_p), names are those of the features. Number attributes take integers and reals, as a
// writer may have widened them; employee_check decides whether a value fits.
struct avro_field *avro_employee_fields(const struct features *features, size_t *ret_count);
// ERR_REJECT with code "bad-change". ret->attributes points into `values`.
MUST_CHECK enum err avro_employee_from_values(const struct value *values,
                                              struct employee_change *ret, struct why *why);

enum { AVRO_PREDICTION_FIELDS = 23 };
extern const struct avro_field avro_prediction_fields[AVRO_PREDICTION_FIELDS];
// ERR_REJECT with code "bad-band", "bad-trigger", "bad-probability" (absent although the band is
// known, present although it is not, no number from 0 to 1), "bad-reason" (a reason without its
// weight or the reverse) or "bad-partition". Also reads the values of a HighRisk record.
MUST_CHECK enum err avro_prediction_from_values(const struct value *values, struct prediction *ret,
                                                struct why *why);

// HighRisk: the fields of a prediction, then the facts.
enum { AVRO_HIGH_RISK_FIELDS = AVRO_PREDICTION_FIELDS + 1 };
extern const struct avro_field avro_high_risk_fields[AVRO_HIGH_RISK_FIELDS];
// As avro_prediction_from_values; "bad-band" also for one that is not high. `facts` receives names
// and values in turn, in the order of the record. "bad-fact": one without a name, or a name twice.
MUST_CHECK enum err avro_high_risk_from_values(const struct value *values, struct prediction *ret,
                                               struct bytes facts[PLAN_FACTS_MAX][2],
                                               size_t *ret_fact_count, struct why *why);

enum { AVRO_PLAN_REQUEST_FIELDS = 7 };
extern const struct avro_field avro_plan_request_fields[AVRO_PLAN_REQUEST_FIELDS];
// What the request says is for plan_request_check to judge.
void avro_plan_request_from_values(const struct value *values, struct plan_request *ret);

enum { AVRO_PLAN_FIELDS = 18 };
extern const struct avro_field avro_plan_fields[AVRO_PLAN_FIELDS];
// ERR_REJECT with code "bad-status"; what else the plan says is for plan_check to judge.
MUST_CHECK enum err avro_plan_from_values(const struct value *values, struct plan *ret,
                                          struct why *why);

// How far hris has read a source.
struct hris_progress {
    struct bytes source;
    struct bytes content_hash;
    int64_t bytes_done;
    int64_t rows_done;
    int64_t events_done;
    int64_t rejected;
    int64_t event_time_ms;
    bool is_finished;
    int64_t updated_at_ms;
};

enum { AVRO_PROGRESS_FIELDS = 9 };
extern const struct avro_field avro_progress_fields[AVRO_PROGRESS_FIELDS];
// ERR_REJECT with code "bad-progress": a negative number.
MUST_CHECK enum err avro_progress_from_values(const struct value *values, struct hris_progress *ret,
                                              struct why *why);
