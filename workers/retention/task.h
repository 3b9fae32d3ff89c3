// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "backlog.h"
#include "base/text.h"
#include "bus/consumer.h"
#include "bus/producer.h"
#include "decide.h"
#include "domain/features.h"
#include "domain/plan.h"
#include "order.h"
#include "planner/basis.h"
#include "planner/faults.h"
#include "planner/limits.h"
#include "planner/prompt.h"
#include "planner/retry.h"

// One record of `high-risk` or `plan-requests` on its way to a plan. It is in one queue at a time,
// which says what it waits for:
//
//   looking   what the tables say of it: is a plan due, is there a result already
//   fresh     its first call: a slot, the rate
//   again     its employee's turn, the time of its next try; then a slot, the rate
//   requests  all of that, for a person's request
//   calling   an answer
//   storing   its result to be in the ledger
//
// and in none once it is finished; then it only waits for its partition's earlier records. One
// thread.

// What came of it: a plan, a refusal, or (for a score that opened no episode) nothing.
struct task_result {
    enum plan_status status;
    bool is_nothing;
    char *actions[PLAN_ACTIONS];
    char *generated_by; // name of a maker
    char *model_name;
    char prompt_sha256[CRYPTO_SHA256_HEX];
    int64_t input_tokens, output_tokens; // PLAN_NO_TOKENS: not known
    const char *refusal;                 // static
    char *reused_from;
};

// Where the answer to a request goes, in the topic plan-replies; correlation_id NULL: to nobody.
struct task_reply {
    int32_t partition;
    char *correlation_id; // any bytes
    size_t correlation_len;
};

// What the last attempt came to, for the ledger.
struct task_attempt {
    char outcome[40];                    // PLANS_ACCEPTED, or a code of what failed
    int64_t finished_ms;                 // real: when its answer came
    char *model_name;                    // as the provider says; NULL: it did not
    int64_t input_tokens, output_tokens; // PLAN_NO_TOKENS: not known
    int64_t cost_microusd;
};

struct task {
    struct backlog_item item; // first
    struct order_entry order;
    struct task *next; // in its queue
    bool is_request;

    char *plan_id, *prediction_id, *employee_id;
    char *request_id, *requested_by; // NULL: none
    enum language language;
    bool is_anew;
    struct task_reply reply;
    char *traceparent; // NULL: none
    int32_t partition; // of the employee, in every topic
    bool has_basis;    // for a request only once the tables have been looked at
    struct basis basis;

    int64_t due_ms; // monotonic: not before then
    // Of the topics that its rows come from, when such a row was missed first; -1: never.
    int64_t ends[DECIDE_MISSING_KINDS];
    unsigned looks;
    int64_t waited_ms; // for the recorder
    bool is_behind;    // an earlier task of its employee was there when it was looked up

    struct prompt prompt; // where has_prompt
    bool has_prompt;
    int32_t attempts;  // claimed in the ledger
    char *copied_from; // the plan whose answer to the same prompt is used: no call is made; or NULL
    size_t provider;   // that it is with
    unsigned given_up; // a bit for each provider that has failed it
    unsigned corrections;
    enum fault fault; // of its last answer
    bool is_regenerated;
    int64_t max_output_tokens;
    struct retry retry;
    struct limits_call call; // in flight
    struct task_attempt attempt;

    struct task_result *result; // NULL: none yet
    struct bus_record *letter;  // what is published instead: it can never work; or NULL
};

// Of a message: its place alone.
struct task *task_new(const struct bus_message *message, bool is_request);
void task_free(struct task *task);
// A copy with a NUL behind it; NULL for a null text.
char *task_text(struct bytes text);
struct task *task_of(struct backlog_item *item);

// An empty one, in place of what it had.
struct task_result *task_fresh_result(struct task *task);

// The ends of a task, which leaves its place in the order to the employee's next one; the last two
// give it a result of their own. `code` is static.
void task_finish(struct task *task, struct order *order);
void task_refuse(struct task *task, struct order *order, const char *code);
void task_pass(struct task *task, struct order *order); // nothing to publish

struct task_queue {
    struct task *first, **last;
    size_t count;
};
void task_queue_init(struct task_queue *queue);
void task_queue_add(struct task_queue *queue, struct task *task);
// The first one, taken out; NULL: there is none.
struct task *task_queue_pop(struct task_queue *queue);
// Before all others.
void task_queue_put_back(struct task_queue *queue, struct task *task);
// All of them, in their order, as a list through `next`; the queue is empty then.
struct task *task_queue_take(struct task_queue *queue);
