// SPDX-License-Identifier: MIT
// The ingest: states of employees that are said over HTTP become events on `employee-changes`. The
// answer comes once Kafka has acknowledged all of them, so who gets one need not ask again. Reading
// thousands of rows takes its time, so it is done on a thread of its own.

#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "handlers.h"
#include "ingest.h"
#include "launch.h"
#include "problem.h"
#include "routes.h"
#include "upload.h"

enum { PLACE_WAIT_MS = 5000 }; // for places in the queue of records, all in all

static struct upload *upload_of_reading(struct pool_job *job)
{
    return (struct upload *)(void *)((char *)job - offsetof(struct upload, reading));
}

static struct upload *upload_of_job(struct database_job *job)
{
    return (struct upload *)(void *)((char *)job - offsetof(struct upload, job));
}

// ---- rows

static void keep_error(struct upload *upload, size_t row, const struct body_error *error)
{
    CLEANUP(mem_free_p)
    char *field =
        mem_printf("rows[%zu]%s%s", row, error->field[0] == '\0' ? "" : ".", error->field);
    upload_add_error(upload, field, error->code, error->detail);
}

static enum err write_refused(struct upload *upload, size_t row, const struct body_person *person,
                              const struct body_error *error)
{
    struct text *out = &upload->results;
    bool has_id = person->has_id && utf8_is_valid(person->employee_id);
    enum err err = text_printf(out, "%s{\"row\":%zu", out->len == 0 ? "" : ",", row);
    if (err == ERR_OK)
        err = answer_member(out, ',', "employee_id",
                            has_id ? person->employee_id : (struct bytes){0});
    if (err == ERR_OK)
        err = answer_member(out, ',', "field",
                            error->field[0] == '\0' ? (struct bytes){0}
                                                    : bytes_from_string(error->field));
    if (err == ERR_OK)
        err = answer_member(out, ',', "code", bytes_from_string(error->code));
    if (err == ERR_OK)
        err = answer_member(out, ',', "detail", bytes_from_string(error->detail));
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static enum err write_accepted(struct upload *upload, size_t row, struct bytes employee_id,
                               const char *event_id)
{
    struct text *out = &upload->results;
    enum err err = text_printf(out, "%s{\"row\":%zu", out->len == 0 ? "" : ",", row);
    if (err == ERR_OK)
        err = answer_member(out, ',', "employee_id", employee_id);
    if (err == ERR_OK)
        err = answer_member(out, ',', "event_id", bytes_from_string(event_id));
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static void take_row(void *context, size_t row, const struct body_person *person,
                     const struct body_errors *errors)
{
    struct upload *upload = context;
    struct why why = {0};
    char event_id[ID_LEN + 1];
    enum err err = ERR_OK;
    if (atomic_load(&upload->is_lost))
        return; // the call is lost, whatever comes
    upload_name_event(upload, row, event_id);
    if (errors->count == 0)
        err = upload_encode(upload, person, person->employee_id, event_id, &why);
    if (errors->count == 0 && err == ERR_OK)
        err = upload_send(upload, person->employee_id, &why);
    if (errors->count > 0 || err == ERR_REJECT) {
        struct body_errors rejected;
        rejected.count = 0;
        if (errors->count == 0)
            body_error_add(&rejected, "", "", why.code, "%s", why.text);
        const struct body_error *error = errors->count > 0 ? &errors->list[0] : &rejected.list[0];
        upload->refused++;
        keep_error(upload, row, error);
        err = write_refused(upload, row, person, error);
    } else if (err == ERR_OK) {
        upload->accepted++;
        err = write_accepted(upload, row, person->employee_id, event_id);
    } else {
        log_debug("record-not-taken", "code=%s why=\"%s\"", why.code, why.text);
    }
    if (err != ERR_OK)
        atomic_store(&upload->is_lost, true);
}

static enum err write_answer(struct upload *upload)
{
    struct text *out = &upload->answer;
    enum err err =
        text_printf(out, "{\"rows\":%zu,\"accepted\":%zu,\"refused\":%zu",
                    upload->accepted + upload->refused, upload->accepted, upload->refused);
    if (err == ERR_OK)
        err = text_append_string(out, ",\"ignored_columns\":[");
    if (err == ERR_OK)
        err = text_append(out, upload->ignored.data, upload->ignored.len);
    if (err == ERR_OK)
        err = text_append_string(out, "],\"results\":[");
    if (err == ERR_OK)
        err = text_append(out, upload->results.data, upload->results.len);
    return err == ERR_OK ? text_append_string(out, "]}") : err;
}

static void refuse(struct upload *upload, enum problem problem)
{
    upload->status = 0;
    upload->problem = problem;
}

static void read_rows(struct pool_job *job, void *worker)
{
    (void)worker;
    struct upload *upload = upload_of_reading(job);
    struct gateway *gateway = upload->gateway;
    struct bytes body = http_body(upload->exchange);
    enum err err = ingest_count(upload->format, body, &upload->rows, &upload->why);
    if (err != ERR_OK) {
        refuse(upload, PROBLEM_TOO_MANY_ROWS);
        upload_told(upload);
        return;
    }
    upload->give_up_ms = clock_mono_ms() + PLACE_WAIT_MS;
    err = ingest_read(gateway->reader, gateway->features, upload->format, body, upload->now_ms,
                      &upload->ignored, take_row, upload, &upload->why);
    if (err == ERR_OK && upload->rows == 0)
        err = why_code(&upload->why, ERR_REJECT, "missing-field", "there are no rows");
    if (err != ERR_OK) {
        refuse(upload, PROBLEM_INVALID);
        upload_add_error(upload, "", upload->why.code, upload->why.text);
    } else if (upload->accepted == 0) {
        refuse(upload, PROBLEM_ROWS_REFUSED);
        IGNORE(why_say(&upload->why, ERR_REJECT, "%zu of %zu rows", upload->refused,
                       upload->rows)); // its words are what counts
    } else {
        upload->status = upload->refused == 0 ? 200 : 207;
        if (write_answer(upload) != ERR_OK)
            atomic_store(&upload->is_lost, true);
    }
    upload_told(upload);
}

// ---- one employee

static void send_single(struct upload *upload)
{
    struct why why = {0};
    if (upload_send(upload, upload->ask->employee_id, &why) != ERR_OK) {
        log_debug("record-not-taken", "code=%s why=\"%s\"", why.code, why.text);
        atomic_store(&upload->is_lost, true);
    }
    upload_told(upload); // the reader's
}

// ---- the key

static enum err ask_claim(struct database_job *job, struct pg *pg, struct why *why)
{
    struct upload *upload = upload_of_job(job);
    return repeat_claim(&upload->repeat, pg, upload->gateway, upload->ask, upload->wishes.key,
                        &upload->is_new, why);
}

static void begin(struct upload *upload)
{
    if (upload->is_single) {
        send_single(upload);
    } else if (!pool_put_on(upload->gateway->reading, &upload->reading)) {
        refuse(upload, PROBLEM_SHUTTING_DOWN);
        upload_told(upload); // the reader's
    }
}

static void then_claim(struct database_job *job, enum err err, const struct why *why)
{
    struct upload *upload = upload_of_job(job);
    if (err == ERR_OK && upload->is_new) {
        begin(upload);
        return;
    }
    if (err != ERR_OK)
        problem_answer_database(upload->exchange, err, why);
    else
        repeat_answer(&upload->repeat, upload->exchange);
    upload_free(upload);
}

// Takes the upload; its exchange is suspended.
static void start(struct upload *upload)
{
    struct gateway *gateway = upload->gateway;
    if (upload->wishes.key[0] == '\0') {
        if (upload->is_single) {
            send_single(upload);
            return;
        }
        if (pool_put(gateway->reading, &upload->reading))
            return;
    } else {
        crypto_sha256_hex(http_body(upload->exchange), upload->ask->body_sha256);
        upload->job.ask = ask_claim;
        upload->job.then = then_claim;
        if (database_ask(gateway->database, &upload->job))
            return;
    }
    problem_answer(upload->exchange, PROBLEM_OVERLOADED, "too many calls of this kind wait");
    upload_free(upload);
}

// ---- handlers

void employees_post_rows(struct http_exchange *exchange, struct gateway *gateway)
{
    struct launch_wishes wishes;
    if (!launch_can_send(gateway, exchange) || !launch_read_wishes(gateway, exchange, &wishes))
        return;
    struct upload *upload = upload_new(exchange, gateway, (struct bytes){0}, &wishes);
    upload->reading.run = read_rows;
    const char *type = http_header(exchange, "Content-Type");
    upload->format = decide_type_is(type, "text/csv") ? INGEST_CSV : INGEST_JSON_LINES;
    http_suspend(exchange, NULL, 0);
    start(upload);
}

static enum err write_single(struct upload *upload, const struct body_person *person,
                             const char *event_id)
{
    struct text *out = &upload->answer;
    enum err err = answer_member(out, '{', "event_id", bytes_from_string(event_id));
    if (err == ERR_OK)
        err = answer_member_employee(out, upload->ask->employee_id);
    if (err == ERR_OK)
        err = answer_member_time(out, ',', "event_time",
                                 person->has_event_time ? person->event_time_ms : upload->now_ms);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static enum err encode_single(struct upload *upload, const struct body_person *person,
                              struct why *why)
{
    char event_id[ID_LEN + 1];
    upload_name_event(upload, 1, event_id);
    enum err err = upload_encode(upload, person, upload->ask->employee_id, event_id, why);
    if (err == ERR_OK && write_single(upload, person, event_id) != ERR_OK)
        err = why_code(why, ERR_REJECT, "text-too-long", "the answer would be too long");
    upload->status = 200;
    return err;
}

void employees_post_one(struct http_exchange *exchange, struct gateway *gateway)
{
    struct launch_wishes wishes;
    struct body_person person;
    struct body_errors errors;
    struct why why = {0};
    struct bytes id = http_param(exchange, "employee_id");
    errors.count = 0;
    if (!launch_can_send(gateway, exchange) || !launch_read_wishes(gateway, exchange, &wishes))
        return;
    if (employee_check_id(id, &why) != ERR_OK) {
        problem_answer_field(exchange, "employee_id", why.code, "%s", why.text);
        return;
    }
    CLEANUP(json_free_p) struct json *body = body_parse(exchange);
    if (body == NULL)
        return;
    if (body_read_person(gateway->reader, body, BODY_TAKES_CHANGE, &person, &errors))
        ingest_check(&person, false, clock_real_ms(), &errors);
    if (errors.count > 0) {
        body_answer_errors(exchange, &errors);
        return;
    }
    struct upload *upload = upload_new(exchange, gateway, id, &wishes);
    upload->is_single = true;
    if (encode_single(upload, &person, &why) != ERR_OK) {
        problem_answer_field(exchange, "", why.code, "%s", why.text);
        upload_free(upload);
        return;
    }
    http_suspend(exchange, NULL, 0);
    start(upload);
}
