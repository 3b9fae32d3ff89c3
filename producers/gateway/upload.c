// SPDX-License-Identifier: MIT
#include "upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "gateway.h"

enum { MESSAGE_MAX = 64 * 1024, SOURCE_MAX = 80, IGNORED_MAX = 64 * 1024 };

struct upload *upload_new(struct http_exchange *exchange, struct gateway *gateway,
                          struct bytes employee_id, const struct launch_wishes *wishes)
{
    struct upload *upload = mem_zalloc(sizeof *upload);
    upload->gateway = gateway;
    upload->exchange = exchange;
    upload->wishes = *wishes;
    upload->ask = launch_ask(exchange, REQUESTS_CHANGE, employee_id, wishes);
    upload->now_ms = upload->ask->created_at_ms;
    upload->message = TEXT_INIT(MESSAGE_MAX);
    upload->results = TEXT_INIT(ANSWER_MAX);
    upload->ignored = TEXT_INIT(IGNORED_MAX);
    upload->answer = TEXT_INIT(ANSWER_MAX);
    atomic_init(&upload->open, 1);
    return upload;
}

static struct upload *upload_of_job(struct database_job *job)
{
    return (struct upload *)(void *)((char *)job - offsetof(struct upload, job));
}

void upload_free(struct upload *upload)
{
    for (size_t i = 0; i < upload->error_count; i++) {
        // They are copies of ours, const to their reader.
        free((void *)(uintptr_t)upload->errors[i].field);
        free((void *)(uintptr_t)upload->errors[i].code);
        free((void *)(uintptr_t)upload->errors[i].detail);
    }
    ask_drop(upload->ask);
    repeat_done(&upload->repeat);
    text_done(&upload->message);
    text_done(&upload->results);
    text_done(&upload->ignored);
    text_done(&upload->answer);
    free(upload);
}

void upload_add_error(struct upload *upload, const char *field, const char *code,
                      const char *detail)
{
    if (upload->error_count < UPLOAD_ERRORS_TOLD)
        upload->errors[upload->error_count++] =
            (struct http_field_error){mem_dup(field), mem_dup(code), mem_dup(detail)};
}

// ---- the end

static void answer_problem(struct upload *upload)
{
    struct http_problem problem = problem_of(upload->problem);
    problem.detail = upload->why.text;
    problem.errors = upload->errors;
    problem.error_count = upload->error_count;
    problem.retry_after_s = problem.status == 503 ? 1 : 0;
    http_answer_problem(upload->exchange, &problem);
}

static void answer(struct upload *upload)
{
    if (upload->status == 0)
        answer_problem(upload);
    else
        answer_json(upload->exchange, upload->status, ERR_OK, &upload->answer);
    upload_free(upload);
}

// What is stored under the key, so that the same call has the same answer.
static enum err ask_finish(struct database_job *job, struct pg *pg, struct why *why)
{
    struct upload *upload = upload_of_job(job);
    return requests_finish(pg, bytes_of(upload->ask->id, ID_LEN), text_bytes(&upload->answer),
                           (struct bytes){0}, (struct bytes){0}, clock_real_ms(), why);
}

static void then_finish(struct database_job *job, enum err err, const struct why *why)
{
    if (err != ERR_OK) // the events are there all the same, under the same ids when it comes again
        log_warn("answer-not-stored", "why=\"%s\"", why->text);
    answer(upload_of_job(job));
}

static void finish(struct upload *upload)
{
    bool has_key = upload->wishes.key[0] != '\0';
    if (atomic_load(&upload->is_lost)) {
        upload->status = 0;
        upload->problem = PROBLEM_NOT_ACKNOWLEDGED;
        IGNORE(why_say(&upload->why, ERR_RETRY,
                       "Kafka did not acknowledge every record: send the call again")); // words
    }
    if (has_key && upload->status != 0) {
        upload->job.ask = ask_finish;
        upload->job.then = then_finish;
        database_ask_on(upload->gateway->database, &upload->job);
        return;
    }
    if (has_key)
        launch_release_key(upload->gateway, upload->ask);
    answer(upload);
}

void upload_told(struct upload *upload)
{
    if (atomic_fetch_sub(&upload->open, 1) == 1)
        finish(upload);
}

// ---- the records

static void on_sent(void *context, const struct bus_sent *sent)
{
    struct upload *upload = context;
    if (sent->err != ERR_OK)
        atomic_store(&upload->is_lost, true);
    upload_told(upload);
}

// Event ids follow from the key and the row's number, so that a call that is made again says the
// same again.
void upload_name_event(const struct upload *upload, size_t row, char ret[ID_LEN + 1])
{
    if (upload->wishes.key[0] == '\0') {
        id_new(upload->now_ms, ret);
        return;
    }
    char text[LAUNCH_KEY_MAX + ASK_USER_MAX + 32], hash[CRYPTO_SHA256_HEX];
    int len =
        snprintf(text, sizeof text, "%s\n%s\n%zu", upload->ask->user_id, upload->wishes.key, row);
    crypto_sha256_hex(bytes_of(text, (size_t)len), hash);
    memcpy(ret, hash, ID_LEN);
    ret[ID_LEN] = '\0';
}

enum err upload_encode(struct upload *upload, const struct body_person *person,
                       struct bytes employee_id, const char *event_id, struct why *why)
{
    char source[SOURCE_MAX];
    snprintf(source, sizeof source, "http:%s", upload->ask->user_id);
    const struct employee_change event = {
        .event_id = bytes_of(event_id, ID_LEN),
        .employee_id = employee_id,
        .event_time_ms = person->has_event_time ? person->event_time_ms : upload->now_ms,
        .change = person->change,
        .source = bytes_from_string(source),
        .requested_by = bytes_from_string(upload->ask->user_id),
        .attributes = person->values};
    text_clear(&upload->message);
    return avro_employee_encode(upload->gateway->encoder, upload->gateway->changes_schema_id,
                                &event, &upload->message, why);
}

enum err upload_send(struct upload *upload, struct bytes employee_id, struct why *why)
{
    static const struct timespec step = {.tv_nsec = 2 * 1000 * 1000};
    struct bus_sender *sender = upload->gateway->sender;
    const struct bus_header header = {"traceparent", bytes_from_string(upload->wishes.traceparent)};
    const struct bus_record record = {.topic = upload->gateway->employee_changes,
                                      .partition = -1,
                                      .key = employee_id,
                                      .value = text_bytes(&upload->message),
                                      .headers = &header,
                                      .header_count = upload->wishes.traceparent[0] != '\0'};
    atomic_fetch_add(&upload->open, 1);
    enum err err = bus_sender_send(sender, &record, on_sent, upload, why);
    while (err == ERR_RETRY && strcmp(why->code, "queue-full") == 0 &&
           clock_mono_ms() < upload->give_up_ms) {
        nanosleep(&step, NULL);
        err = bus_sender_send(sender, &record, on_sent, upload, why);
    }
    if (err != ERR_OK)
        atomic_fetch_sub(&upload->open, 1); // it will not be told of; the reader's 1 is left
    return err;
}
