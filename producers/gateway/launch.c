// SPDX-License-Identifier: MIT
#include "launch.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway.h"
#include "metrics.h"
#include "problem.h"
#include "routes.h"
#include "words.h"

bool launch_read_wishes(const struct gateway *gateway, struct http_exchange *exchange,
                        struct launch_wishes *ret)
{
    const char *key = http_header(exchange, "Idempotency-Key");
    const char *traceparent = http_header(exchange, "traceparent");
    bool is_asked = false;
    *ret = (struct launch_wishes){
        .wait_ms = decide_wait_ms(http_header(exchange, "Prefer"),
                                  gateway->settings.predict_wait_ms, &is_asked),
        .language = words_language(http_header(exchange, "Accept-Language"))};
    if (key != NULL &&
        (http_header_count(exchange, "Idempotency-Key") > 1 || !decide_key_is_good(key))) {
        problem_answer(exchange, PROBLEM_BAD_HEADER,
                       "Idempotency-Key is one of 1 to 128 printable characters without blanks");
        return false;
    }
    if (key != NULL)
        strcpy(ret->key, key); // its length was checked
    if (traceparent != NULL && decide_traceparent_is_good(traceparent))
        strcpy(ret->traceparent, traceparent); // and this one's
    if (is_asked) {
        char applied[24];
        snprintf(applied, sizeof applied, "wait=%d", (int)(ret->wait_ms / 1000));
        http_add_header(exchange, "Preference-Applied", applied);
    }
    return true;
}

struct ask *launch_ask(struct http_exchange *exchange, enum requests_kind kind,
                       struct bytes employee_id, const struct launch_wishes *wishes)
{
    struct ask *ask = ask_new(kind, employee_id);
    struct bytes user = routes_user(exchange);
    ask->created_at_ms = clock_real_ms();
    ask->due_ms = clock_mono_ms() + wishes->wait_ms;
    ask->language = wishes->language;
    memcpy(ask->user_id, user.data, user.len); // a subject is no longer than that
    id_new(ask->created_at_ms, ask->id);
    return ask;
}

bool launch_can_send(struct gateway *gateway, struct http_exchange *exchange)
{
    struct why why = {0};
    if (bus_sender_is_connected(gateway->sender, &why))
        return true;
    problem_answer(exchange, PROBLEM_KAFKA_UNAVAILABLE, "try again in a moment");
    return false;
}

bool launch_is_possible(struct gateway *gateway, struct http_exchange *exchange)
{
    struct why why = {0};
    if (!launch_can_send(gateway, exchange))
        return false;
    if (replies_are_read(gateway->prediction_reader, &why) &&
        replies_are_read(gateway->plan_reader, &why))
        return true;
    problem_answer(exchange, PROBLEM_KAFKA_UNAVAILABLE, "try again in a moment");
    return false;
}

// ---- the key of a call that came to nothing

struct release {
    struct database_job job;
    char id[ID_LEN + 1];
};

static enum err ask_release(struct database_job *job, struct pg *pg, struct why *why)
{
    return requests_release(pg, bytes_from_string(((struct release *)job)->id), why);
}

static void then_release(struct database_job *job, enum err err, const struct why *why)
{
    if (err != ERR_OK)
        log_debug("key-not-released", "why=\"%s\"", why->text); // it is free a little later
    free(job);
}

void launch_release_key(struct gateway *gateway, const struct ask *ask)
{
    struct release *release = mem_zalloc(sizeof *release);
    release->job.ask = ask_release;
    release->job.then = then_release;
    memcpy(release->id, ask->id, sizeof release->id);
    database_ask_on(gateway->database, &release->job);
}

// ---- answers without a result

static void answer_accepted(const struct ask *ask, struct http_exchange *exchange)
{
    struct text body = TEXT_INIT(ANSWER_MAX);
    char location[ID_LEN + 16];
    snprintf(location, sizeof location, "/requests/%s", ask->id);
    http_add_header(exchange, "Location", location);
    http_add_header(exchange, "Retry-After", "1");
    enum err err = answer_write_accepted(bytes_of(ask->id, ID_LEN), ask->employee_id, &body);
    answer_json(exchange, 202, err, &body);
    text_done(&body);
}

void launch_answer(void *context, const struct ask *ask, struct http_exchange *exchange,
                   enum decide_answer answer)
{
    (void)context;
    switch (answer) {
    case DECIDE_ACCEPTED:
        answer_accepted(ask, exchange);
        return;
    case DECIDE_UNSENT:
        problem_answer(exchange,
                       ask->unsent == ASK_NOT_TAKEN  ? PROBLEM_KAFKA_UNAVAILABLE
                       : ask->unsent == ASK_NO_PLACE ? PROBLEM_OVERLOADED
                                                     : PROBLEM_NOT_ACKNOWLEDGED,
                       ask->unsent == ASK_NO_PLACE ? "too many records wait to be sent"
                                                   : "Kafka did not acknowledge the request");
        return;
    case DECIDE_UNSTORED:
        problem_answer(exchange, PROBLEM_DATABASE_UNAVAILABLE,
                       "the request is on its way, but could not be noted for later");
        return;
    case DECIDE_WAIT:
    case DECIDE_RESULT:
        break;
    }
    problem_answer(exchange, PROBLEM_INTERNAL, "there is nothing to say");
}

// ---- the record

static void on_sent(void *context, const struct bus_sent *sent)
{
    struct ask *ask = context;
    struct gateway *gateway = ask->gateway;
    if (sent->err == ERR_OK) {
        pending_acknowledged(gateway->pending, ask);
    } else {
        log_debug("record-lost", "request=%s why=\"%s\"", ask->id, sent->because);
        if (ask->body_sha256[0] != '\0' && !sent->may_be_there)
            launch_release_key(gateway, ask);
        pending_unsent(gateway->pending, ask, ASK_GIVEN_UP);
    }
    ask_drop(ask);
}

static void send_record(struct gateway *gateway, struct ask *ask, const struct launch *launch)
{
    uint32_t partition = htobe32((uint32_t)gateway->reply_partition);
    const struct bus_header headers[] = {
        {"kafka_replyTopic", bytes_from_string(launch->reply_topic)},
        {"kafka_replyPartition", bytes_of(&partition, sizeof partition)},
        {"kafka_correlationId", bytes_of(ask->id, ID_LEN)},
        {"traceparent", bytes_from_string(launch->traceparent)}};
    const struct bus_record record = {.topic = launch->topic,
                                      .partition = -1,
                                      .key = ask->employee_id,
                                      .value = launch->message,
                                      .headers = headers,
                                      .header_count =
                                          ARRAY_LEN(headers) - (launch->traceparent[0] == '\0')};
    struct why why = {0};
    enum err err = bus_sender_send(gateway->sender, &record, on_sent, ask_hold(ask), &why);
    if (err == ERR_OK) {
        rows_put(gateway->rows, ask);
        return;
    }
    ask_drop(ask); // it will not be told
    log_debug("record-not-taken", "code=%s why=\"%s\"", why_code_or_verdict(&why, err), why.text);
    if (ask->body_sha256[0] != '\0')
        launch_release_key(gateway, ask);
    pending_unsent(gateway->pending, ask,
                   strcmp(why.code, "queue-full") == 0 ? ASK_NO_PLACE : ASK_NOT_TAKEN);
}

void launch(struct gateway *gateway, struct ask *ask, struct http_exchange *exchange,
            const struct launch *launch)
{
    ask->gateway = gateway;
    if (pending_add(gateway->pending, ask, exchange)) {
        send_record(gateway, ask, launch);
    } else {
        if (ask->body_sha256[0] != '\0')
            launch_release_key(gateway, ask);
        problem_answer(exchange, PROBLEM_OVERLOADED, "too many calls wait for their result");
    }
    ask_drop(ask);
}
