// SPDX-License-Identifier: MIT
// /generate-retention-plan. The prediction is looked up first: its employee is the record's key.
// One that is not recorded yet (its score was given a moment ago) is looked for again until the
// wait is over; whatever the caller says of its probability, the recorded score decides.

#include "plans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "avro/records.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "handlers.h"
#include "launch.h"
#include "metrics.h"
#include "problem.h"
#include "repeat.h"
#include "results.h"
#include "routes.h"
#include "store/listings.h"

enum { MESSAGE_MAX = 4096, AGAIN_MS = 50, PREDICTION_ID_MAX = 300 };

struct call {
    struct database_job job; // first
    struct keeper_later later;
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct launch_wishes wishes;
    struct ask *ask; // of nobody in particular until the prediction is found
    bool is_claimed;
    char prediction_id[PREDICTION_ID_MAX]; // empty: the latest of the employee
    char employee_id[EMPLOYEE_ID_MAX + 1]; // empty: whoever the prediction is about
    char language[4];                      // empty: the worker's
    bool is_anew;
    struct text message;
    struct repeat repeat;
    enum { CALL_SENDS, CALL_REPEATS, CALL_LEFT, CALL_NOT_YET } comes_to;
};

static void free_call(struct call *call)
{
    ask_drop(call->ask);
    text_done(&call->message);
    repeat_done(&call->repeat);
    free(call);
}

// ---- the body

static bool read_id(struct call *call, const struct json *body, struct body_errors *errors)
{
    static const char *const names[] = {"employee_id", "employe_id"};
    struct bytes text = {0};
    int given = 0;
    if (!body_read_text(body, "prediction_id", PREDICTION_ID_MAX - 1, false, &text, errors))
        return false;
    if (text.data != NULL) {
        given++;
        memcpy(call->prediction_id, text.data, text.len);
        if (!decide_is_source_id(text))
            body_error_add(errors, "", "prediction_id", "bad-value",
                           "prediction_id is none like score-requests/3/17");
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char digits[BODY_ID_DIGITS];
        const struct json *node = json_member(body, names[i]);
        if (node == NULL)
            continue;
        given++;
        if (body_read_id(node, names[i], digits, &text, errors))
            memcpy(call->employee_id, text.data, text.len); // its length was checked
    }
    if (given != 1)
        body_error_add(errors, "", "", given == 0 ? "missing-field" : "conflicting-fields",
                       "give one of prediction_id, employee_id and employe_id");
    return errors->count == 0;
}

static bool read_body(struct call *call, const struct json *body, struct body_errors *errors)
{
    static const char *const names[] = {"prediction_id", "employee_id", "employe_id",
                                        "language",      "anew",        "churn_probability"};
    struct bytes language = {0};
    enum language known = LANGUAGE_EN;
    body_check_names(body, names, ARRAY_LEN(names), errors);
    if (body_read_text(body, "language", 16, false, &language, errors) && language.data != NULL) {
        if (language_from_text(language, &known))
            memcpy(call->language, language.data, language.len);
        else
            body_error_add(errors, "", "language", "bad-value",
                           "language is none that we write in: en or fr");
    }
    const struct json *anew = json_member(body, "anew");
    const struct json *probability = json_member(body, "churn_probability");
    if (anew != NULL && json_kind(anew) != JSON_KIND_BOOLEAN)
        body_error_add(errors, "", "anew", "wrong-type", "anew is neither true nor false");
    call->is_anew = anew != NULL && json_as_boolean(anew);
    if (probability != NULL && json_kind(probability) != JSON_KIND_INTEGER &&
        json_kind(probability) != JSON_KIND_REAL)
        body_error_add(errors, "", "churn_probability", "wrong-type",
                       "churn_probability is not a number");
    return read_id(call, body, errors);
}

// ---- on a connection's thread

static enum err encode(struct call *call, struct bytes prediction_id, struct why *why)
{
    const struct plan_request request = {.request_id = bytes_of(call->ask->id, ID_LEN),
                                         .prediction_id = prediction_id,
                                         .employee_id = call->ask->employee_id,
                                         .requested_by = bytes_from_string(call->ask->user_id),
                                         .language = call->language[0] == '\0'
                                                         ? (struct bytes){0}
                                                         : bytes_from_string(call->language),
                                         .requested_at_ms = call->ask->created_at_ms,
                                         .is_anew = call->is_anew};
    text_clear(&call->message);
    return avro_encode_plan_request(call->gateway->plan_requests_schema_id, &request,
                                    &call->message, why);
}

static enum err look_at_prediction(struct call *call, struct pg *pg, struct why *why)
{
    struct prediction prediction;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    bool is_there = false, has_left = false;
    enum err err = call->prediction_id[0] != '\0'
                       ? listings_prediction(pg, bytes_from_string(call->prediction_id), &is_there,
                                             &prediction, &rows, why)
                       : listings_current(pg, bytes_from_string(call->employee_id), &is_there,
                                          &has_left, &prediction, &rows, why);
    if (err != ERR_OK)
        return err;
    call->comes_to = !is_there ? CALL_NOT_YET : has_left ? CALL_LEFT : CALL_SENDS;
    if (call->comes_to != CALL_SENDS)
        return ERR_OK;
    struct ask *about = ask_about(call->ask, prediction.employee_id);
    ask_drop(call->ask);
    call->ask = about;
    return encode(call, prediction.prediction_id, why);
}

static enum err ask_tables(struct database_job *job, struct pg *pg, struct why *why)
{
    struct call *call = (struct call *)job;
    bool is_new = true;
    if (call->wishes.key[0] != '\0' && !call->is_claimed) {
        enum err err = repeat_claim(&call->repeat, pg, call->gateway, call->ask, call->wishes.key,
                                    &is_new, why);
        if (err != ERR_OK)
            return err;
    }
    call->is_claimed = is_new;
    call->comes_to = CALL_REPEATS;
    return is_new ? look_at_prediction(call, pg, why) : ERR_OK;
}

static void give_up(struct call *call, enum problem problem, const char *detail)
{
    if (call->wishes.key[0] != '\0')
        launch_release_key(call->gateway, call->ask);
    problem_answer(call->exchange, problem, "%s", detail);
    free_call(call);
}

static void look_again(struct keeper_later *later)
{
    struct call *call = (struct call *)(void *)((char *)later - offsetof(struct call, later));
    database_ask_on(call->gateway->database, &call->job);
}

static void go_on(struct database_job *job, enum err err, const struct why *why)
{
    struct call *call = (struct call *)job;
    struct gateway *gateway = call->gateway;
    if (err != ERR_OK) {
        problem_answer_database(call->exchange, err, why);
        free_call(call);
        return;
    }
    switch (call->comes_to) {
    case CALL_NOT_YET:
        if (clock_mono_ms() + AGAIN_MS >= call->ask->due_ms || program_is_stopping())
            give_up(call,
                    call->prediction_id[0] != '\0' ? PROBLEM_NO_SUCH_PREDICTION
                                                   : PROBLEM_NO_SUCH_EMPLOYEE,
                    call->prediction_id[0] != '\0'
                        ? "there is none of this id, or it is not stored yet"
                        : "there is no score of this employee, or it is not stored yet");
        else
            keeper_add(gateway->keeper, &call->later, clock_mono_ms() + AGAIN_MS);
        return;
    case CALL_LEFT:
        give_up(call, PROBLEM_EMPLOYEE_LEFT, "there is no plan for somebody who has left");
        return;
    case CALL_REPEATS:
        repeat_answer(&call->repeat, call->exchange);
        break;
    case CALL_SENDS:
        launch(gateway, TAKE(call->ask), call->exchange,
               &(struct launch){.topic = gateway->plan_requests,
                                .reply_topic = gateway->plan_replies,
                                .message = text_bytes(&call->message),
                                .traceparent = call->wishes.traceparent});
        break;
    }
    free_call(call);
}

void plans_post(struct http_exchange *exchange, struct gateway *gateway)
{
    struct launch_wishes wishes;
    struct body_errors errors;
    errors.count = 0;
    if (!launch_is_possible(gateway, exchange) || !launch_read_wishes(gateway, exchange, &wishes))
        return;
    CLEANUP(json_free_p) struct json *body = body_parse(exchange);
    if (body == NULL)
        return;
    struct call *call = mem_zalloc(sizeof *call);
    call->message = TEXT_INIT(MESSAGE_MAX);
    if (!read_body(call, body, &errors)) {
        body_answer_errors(exchange, &errors);
        free_call(call);
        return;
    }
    call->job.ask = ask_tables;
    call->job.then = go_on;
    call->later.run = look_again;
    call->gateway = gateway;
    call->exchange = exchange;
    call->wishes = wishes;
    call->ask = launch_ask(exchange, REQUESTS_PLAN, bytes_from_string(call->employee_id), &wishes);
    if (wishes.key[0] != '\0')
        crypto_sha256_hex(http_body(exchange), call->ask->body_sha256);
    http_suspend(exchange, NULL, 0);
    if (database_ask(gateway->database, &call->job))
        return;
    problem_answer(exchange, PROBLEM_OVERLOADED, "too many calls wait for the database");
    free_call(call);
}

// ---- the reply

enum err plans_take_reply(void *context, const struct bus_message *message, struct why *why)
{
    struct gateway *gateway = context;
    struct value values[AVRO_PLAN_FIELDS];
    struct plan plan = {0};
    struct bytes id = {0};
    struct ask *ask = NULL;
    enum err err = decoder_run(gateway->plan_decoder, message->value, values, why);
    if (err == ERR_OK)
        err = avro_plan_from_values(values, &plan, why);
    if (err == ERR_RETRY || err == ERR_STOP)
        return ERR_RETRY;
    if (!bus_message_header(message, "kafka_correlationId", &id))
        id = message->key; // the same
    struct http_exchange *exchange = pending_take(gateway->pending, id, &ask);
    metric_add(exchange == NULL ? gateway->replies_unknown[1] : gateway->replies_answered[1], 1);
    if (exchange == NULL)
        return err;
    if (err != ERR_OK) {
        problem_answer(exchange, PROBLEM_INTERNAL, "the plan cannot be read");
    } else if (!results_is_answer(&plan)) {
        results_answer_refusal(exchange, plan.refusal);
    } else {
        struct text body = TEXT_INIT(ANSWER_MAX);
        enum err written = answer_write_plan_reply(&plan, bytes_of(ask->id, ID_LEN), &body);
        answer_json(exchange, 200, written, &body);
        text_done(&body);
    }
    ask_drop(ask);
    return err;
}
