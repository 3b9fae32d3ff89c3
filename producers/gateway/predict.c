// SPDX-License-Identifier: MIT
// /predict. Attributes without an id and without a key need nothing but a number: such a call is
// sent from the server's thread. The others ask the tables first, on a connection's thread: is the
// key new, has the employee left, what is the stored state.

#include "predict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "avro/records.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "handlers.h"
#include "launch.h"
#include "metrics.h"
#include "problem.h"
#include "repeat.h"
#include "routes.h"

enum { MESSAGE_MAX = 64 * 1024, SOURCE_MAX = 80, ANSWER_USUAL = 1400 };

// ---- the record

static enum err encode(struct gateway *gateway, const struct ask *ask,
                       const struct value *attributes, enum change kind, int64_t event_time_ms,
                       struct text *out, struct why *why)
{
    char source[SOURCE_MAX];
    snprintf(source, sizeof source, "http:%s", ask->user_id);
    const struct employee_change change = {.event_id = bytes_of(ask->id, ID_LEN),
                                           .employee_id = ask->employee_id,
                                           .event_time_ms = event_time_ms,
                                           .change = kind,
                                           .source = bytes_from_string(source),
                                           .requested_by = bytes_from_string(ask->user_id),
                                           .attributes = attributes};
    return avro_employee_encode(gateway->encoder, gateway->requests_schema_id, &change, out, why);
}

static void send(struct gateway *gateway, struct ask *ask, struct http_exchange *exchange,
                 const struct launch_wishes *wishes, struct bytes message)
{
    launch(gateway, ask, exchange,
           &(struct launch){.topic = gateway->score_requests,
                            .reply_topic = gateway->prediction_replies,
                            .message = message,
                            .traceparent = wishes->traceparent});
}

// ---- somebody new: no question to the tables

static void predict_new(struct http_exchange *exchange, struct gateway *gateway,
                        const struct body_person *person, const struct launch_wishes *wishes,
                        int64_t number)
{
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, number);
    struct ask *ask = launch_ask(exchange, REQUESTS_PREDICT, bytes_from_string(id), wishes);
    CLEANUP(text_done) struct text message = TEXT_INIT(MESSAGE_MAX);
    struct why why = {0};
    enum err err =
        encode(gateway, ask, person->values, CHANGE_CREATED, ask->created_at_ms, &message, &why);
    if (err != ERR_OK) { // the body was checked, so it can only be too large
        ask_drop(ask);
        problem_answer_field(exchange, "", why.code, "%s", why.text);
        return;
    }
    http_suspend(exchange, NULL, 0);
    send(gateway, ask, exchange, wishes, text_bytes(&message));
}

// ---- the others

struct call {
    struct database_job job; // first
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct launch_wishes wishes;
    struct ask *ask;
    struct text message;
    bool has_attributes; // then the message is there, once there is a number
    bool has_id;
    struct json *body; // of somebody new: what `person` borrows from, or NULL: the exchange's body
    struct body_person *person;
    struct repeat repeat;
    enum { CALL_SENDS, CALL_REPEATS, CALL_LEFT, CALL_UNKNOWN } comes_to;
};

static void free_call(struct call *call)
{
    ask_drop(call->ask);
    text_done(&call->message);
    repeat_done(&call->repeat);
    free(call->person);
    json_free(call->body);
    free(call);
}

// Somebody new gets a number, and then there is a record.
static enum err name_employee(struct call *call, struct pg *pg, struct why *why)
{
    int64_t number = 0;
    char id[24];
    enum err err = numbers_take_now(call->gateway->numbers, pg, &number, why);
    if (err != ERR_OK)
        return err;
    snprintf(id, sizeof id, "%" PRId64, number);
    struct ask *about = ask_about(call->ask, bytes_from_string(id));
    ask_drop(call->ask);
    call->ask = about;
    text_clear(&call->message);
    return encode(call->gateway, call->ask, call->person->values, CHANGE_CREATED,
                  call->ask->created_at_ms, &call->message, why);
}

static enum err look_at_employee(struct call *call, struct pg *pg, struct why *why)
{
    struct gateway *gateway = call->gateway;
    bool is_known = false, has_left = false;
    if (call->has_attributes) {
        enum err err = listings_has_left(pg, call->ask->employee_id, &is_known, &has_left, why);
        call->comes_to = has_left ? CALL_LEFT : CALL_SENDS;
        return err;
    }
    struct listings_employee employee;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = listings_employee(pg, gateway->features, call->ask->employee_id, &is_known,
                                     &employee, &rows, why);
    if (err != ERR_OK)
        return err;
    call->comes_to = !is_known ? CALL_UNKNOWN : employee.has_left ? CALL_LEFT : CALL_SENDS;
    text_clear(&call->message);
    // Under its own event time: so the score takes its place among the others, and nothing changes.
    return call->comes_to == CALL_SENDS
               ? encode(gateway, call->ask, employee.attributes, employee.change,
                        employee.event_time_ms, &call->message, why)
               : ERR_OK;
}

static enum err ask_tables(struct database_job *job, struct pg *pg, struct why *why)
{
    struct call *call = (struct call *)job;
    bool is_new = true;
    call->comes_to = CALL_SENDS;
    enum err err = call->person == NULL ? ERR_OK : name_employee(call, pg, why);
    if (err == ERR_OK && call->wishes.key[0] != '\0')
        err = repeat_claim(&call->repeat, pg, call->gateway, call->ask, call->wishes.key, &is_new,
                           why);
    if (err != ERR_OK)
        return err;
    if (!is_new) {
        call->comes_to = CALL_REPEATS;
        return ERR_OK;
    }
    if (call->has_id)
        err = look_at_employee(call, pg, why);
    if (err == ERR_OK && call->comes_to != CALL_SENDS && call->wishes.key[0] != '\0')
        err = requests_release(pg, bytes_of(call->ask->id, ID_LEN), why);
    return err;
}

static void go_on(struct database_job *job, enum err err, const struct why *why)
{
    struct call *call = (struct call *)job;
    struct http_exchange *exchange = call->exchange;
    if (err != ERR_OK)
        problem_answer_database(exchange, err, why);
    else
        switch (call->comes_to) {
        case CALL_SENDS:
            send(call->gateway, TAKE(call->ask), exchange, &call->wishes,
                 text_bytes(&call->message));
            break;
        case CALL_REPEATS:
            repeat_answer(&call->repeat, exchange);
            break;
        case CALL_LEFT:
            problem_answer(exchange, PROBLEM_EMPLOYEE_LEFT,
                           "a later change of kind created brings the employee back");
            break;
        case CALL_UNKNOWN:
            problem_answer(exchange, PROBLEM_NO_SUCH_EMPLOYEE,
                           "send attributes with the id, or wait until they are stored");
            break;
        }
    free_call(call);
}

// Takes the body where the person is somebody new.
static void predict_known(struct http_exchange *exchange, struct gateway *gateway,
                          const struct body_person *person, const struct launch_wishes *wishes,
                          struct json **body)
{
    struct call *call = mem_zalloc(sizeof *call);
    struct why why = {0};
    enum err err = ERR_OK;
    call->job.ask = ask_tables;
    call->job.then = go_on;
    call->gateway = gateway;
    call->exchange = exchange;
    call->wishes = *wishes;
    call->message = TEXT_INIT(MESSAGE_MAX);
    call->has_id = person->has_id;
    call->has_attributes = person->has_attributes;
    call->ask = launch_ask(exchange, REQUESTS_PREDICT, person->employee_id, wishes);
    if (wishes->key[0] != '\0')
        crypto_sha256_hex(http_body(exchange), call->ask->body_sha256);
    if (!person->has_id) {
        call->body = TAKE(*body);
        call->person = mem_zalloc(sizeof *call->person);
        *call->person = *person;
    } else if (person->has_attributes) {
        err = encode(gateway, call->ask, person->values, CHANGE_UPDATED, call->ask->created_at_ms,
                     &call->message, &why);
    }
    if (err != ERR_OK) {
        problem_answer_field(exchange, "", why.code, "%s", why.text);
        free_call(call);
        return;
    }
    http_suspend(exchange, NULL, 0);
    if (database_ask(gateway->database, &call->job))
        return;
    problem_answer(exchange, PROBLEM_OVERLOADED, "too many calls wait for the database");
    free_call(call);
}

void predict_post(struct http_exchange *exchange, struct gateway *gateway)
{
    struct launch_wishes wishes;
    struct body_person person;
    struct body_errors errors;
    errors.count = 0;
    if (!launch_is_possible(gateway, exchange) || !launch_read_wishes(gateway, exchange, &wishes))
        return;
    CLEANUP(json_free_p) struct json *body = NULL;
    bool is_good = body_read_flat_person(gateway->reader, http_body(exchange), &person);
    if (!is_good) {
        body = body_parse(exchange);
        if (body == NULL)
            return;
        is_good = body_read_person(gateway->reader, body, BODY_TAKES_ID, &person, &errors);
    }
    if (is_good && !person.has_id && !person.has_attributes) {
        body_error_add(&errors, "", "", "missing-field",
                       "give attributes, an employee_id, or both");
        is_good = false;
    }
    int64_t number = 0;
    if (!is_good)
        body_answer_errors(exchange, &errors);
    else if (!person.has_id && wishes.key[0] == '\0' && numbers_take(gateway->numbers, &number))
        predict_new(exchange, gateway, &person, &wishes, number);
    else
        predict_known(exchange, gateway, &person, &wishes, &body);
}

// ---- the reply

// Null with the reason in its headers.
static void answer_refusal(struct http_exchange *exchange, const struct bus_message *message)
{
    struct bytes code = {0}, text = {0};
    char sentence[400];
    if (!bus_message_header(message, "error", &code))
        code = bytes_from_string("refused");
    if (!bus_message_header(message, "error_text", &text) || !utf8_is_valid(text))
        text = code;
    snprintf(sentence, sizeof sentence, "%.*s", (int)(text.len < 380 ? text.len : 380),
             (const char *)text.data);
    problem_answer(exchange, problem_from_code(code), "%s", sentence);
}

static enum err decode(struct gateway *gateway, const struct bus_message *message,
                       struct value *values, struct prediction *ret, struct why *why)
{
    enum err err = decoder_run(gateway->prediction_decoder, message->value, values, why);
    return err == ERR_OK ? avro_prediction_from_values(values, ret, why) : err;
}

enum err predict_take_reply(void *context, const struct bus_message *message, struct why *why)
{
    struct gateway *gateway = context;
    struct value values[AVRO_PREDICTION_FIELDS];
    struct prediction prediction = {0};
    struct bytes id = {0}, missing = {0};
    struct ask *ask = NULL;
    enum err err = ERR_OK;
    // Decoded before it is taken: where its schema cannot be had now, the call waits on.
    if (message->value.data != NULL)
        err = decode(gateway, message, values, &prediction, why);
    if (err == ERR_RETRY || err == ERR_STOP)
        return ERR_RETRY;
    if (!bus_message_header(message, "kafka_correlationId", &id))
        id = message->key; // the same
    struct http_exchange *exchange = pending_take(gateway->pending, id, &ask);
    metric_add(exchange == NULL ? gateway->replies_unknown[0] : gateway->replies_answered[0], 1);
    if (exchange == NULL)
        return err;
    if (err != ERR_OK) {
        problem_answer(exchange, PROBLEM_INTERNAL, "the score cannot be read");
    } else if (message->value.data == NULL) {
        answer_refusal(exchange, message);
    } else {
        struct text body = TEXT_INIT(ANSWER_MAX);
        IGNORE(text_room(&body, ANSWER_USUAL)); // so that it need not grow
        const struct answer_words words = {gateway->features, ask->language};
        IGNORE(bus_message_header(message, "missing_inputs", &missing)); // none: an empty list
        enum err written =
            answer_write_score(&words, &prediction, missing, bytes_of(ask->id, ID_LEN), &body);
        answer_json(exchange, 200, written, &body);
        text_done(&body);
    }
    ask_drop(ask);
    return err;
}
