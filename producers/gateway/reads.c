// SPDX-License-Identifier: MIT
// The GETs of what the recorder has stored: one question to the tables each, written as JSON on the
// connection's thread, with an ETag of its bytes.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/mem.h"
#include "gateway.h"
#include "handlers.h"
#include "problem.h"
#include "query.h"
#include "routes.h"
#include "store/listings.h"
#include "words.h"

enum { SCOPE_MAX = 1024, LINK_MAX = 1024 };

struct read {
    struct database_job job; // first
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct answer_words words;
    struct text body;
    bool is_found;
    enum problem missing; // where it is not
    // of lists
    size_t limit;
    struct query_place after;
    bool has_band;
    enum band band;
    struct bytes department; // the exchange's; data NULL: every one
    struct bytes scope;      // in scope_text
    char scope_text[SCOPE_MAX];
    char cursor[QUERY_CURSOR_MAX]; // of the next page; empty: there is none
    char id[QUERY_ID_MAX + 1];     // what is asked for
};

static struct read *read_new(struct http_exchange *exchange, struct gateway *gateway)
{
    struct read *read = mem_zalloc(sizeof *read);
    read->gateway = gateway;
    read->exchange = exchange;
    read->words = (struct answer_words){gateway->features,
                                        words_language(http_header(exchange, "Accept-Language"))};
    read->body = TEXT_INIT(ANSWER_MAX);
    return read;
}

static void read_free(struct read *read)
{
    text_done(&read->body);
    free(read);
}

static struct read *read_of(struct database_job *job)
{
    return (struct read *)job;
}

static void then(struct database_job *job, enum err err, const struct why *why)
{
    struct read *read = read_of(job);
    if (err != ERR_OK)
        problem_answer_database(read->exchange, err, why);
    else if (!read->is_found)
        problem_answer(read->exchange, read->missing,
                       "there is none of this id, or it is not "
                       "stored yet");
    else
        answer_json_tagged(read->exchange, ERR_OK, &read->body);
    read_free(read);
}

static void ask_tables(struct read *read,
                       enum err (*ask)(struct database_job *, struct pg *, struct why *),
                       void (*after)(struct database_job *, enum err, const struct why *))
{
    read->job.ask = ask;
    read->job.then = after;
    http_suspend(read->exchange, NULL, 0);
    if (database_ask(read->gateway->database, &read->job))
        return;
    problem_answer(read->exchange, PROBLEM_OVERLOADED, "too many calls wait for the database");
    read_free(read);
}

// A text that is asked for by its id. One that is too long is none's.
static bool take_id(struct read *read, const char *name)
{
    struct bytes id = http_param(read->exchange, name);
    bool fits = id.len <= QUERY_ID_MAX;
    if (fits)
        memcpy(read->id, id.data, id.len);
    return fits;
}

static void read_one(struct http_exchange *exchange, struct gateway *gateway, const char *name,
                     enum problem missing,
                     enum err (*ask)(struct database_job *, struct pg *, struct why *))
{
    struct read *read = read_new(exchange, gateway);
    read->missing = missing;
    if (take_id(read, name)) {
        ask_tables(read, ask, then);
        return;
    }
    problem_answer(exchange, missing, "no id is so long");
    read_free(read);
}

// ---- one of each

static enum err ask_employee(struct database_job *job, struct pg *pg, struct why *why)
{
    struct read *read = read_of(job);
    struct listings_employee employee;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    text_clear(&read->body);
    enum err err = listings_employee(pg, read->gateway->features, bytes_from_string(read->id),
                                     &read->is_found, &employee, &rows, why);
    return err == ERR_OK && read->is_found
               ? answer_write_employee(read->gateway->features, &employee, &read->body)
               : err;
}

void reads_employee(struct http_exchange *exchange, struct gateway *gateway)
{
    read_one(exchange, gateway, "employee_id", PROBLEM_NO_SUCH_EMPLOYEE, ask_employee);
}

static enum err ask_prediction(struct database_job *job, struct pg *pg, struct why *why)
{
    struct read *read = read_of(job);
    struct prediction prediction;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    text_clear(&read->body);
    enum err err = listings_prediction(pg, bytes_from_string(read->id), &read->is_found,
                                       &prediction, &rows, why);
    return err == ERR_OK && read->is_found
               ? answer_write_prediction(&read->words, &prediction, true, &read->body)
               : err;
}

void reads_prediction(struct http_exchange *exchange, struct gateway *gateway)
{
    read_one(exchange, gateway, "prediction_id", PROBLEM_NO_SUCH_PREDICTION, ask_prediction);
}

static enum err ask_plan(struct database_job *job, struct pg *pg, struct why *why)
{
    struct read *read = read_of(job);
    struct plan plan;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    text_clear(&read->body);
    enum err err =
        listings_plan(pg, bytes_from_string(read->id), &read->is_found, &plan, &rows, why);
    return err == ERR_OK && read->is_found ? answer_write_plan(&plan, &read->body) : err;
}

void reads_plan(struct http_exchange *exchange, struct gateway *gateway)
{
    read_one(exchange, gateway, "plan_id", PROBLEM_NO_SUCH_PLAN, ask_plan);
}

// ---- lists

// One more than the page was read, to know whether there is another one.
static enum err write_page(struct read *read, const struct prediction *list, size_t count,
                           bool has_requester)
{
    size_t shown = count < read->limit ? count : read->limit;
    enum err err = text_append_string(&read->body, "{\"items\":[");
    for (size_t i = 0; err == ERR_OK && i < shown; i++) {
        if (i > 0)
            err = text_append_string(&read->body, ",");
        if (err == ERR_OK)
            err = answer_write_prediction(&read->words, &list[i], has_requester, &read->body);
    }
    if (err == ERR_OK)
        err = text_append_string(&read->body, "]");
    if (err == ERR_OK)
        err = answer_member(&read->body, ',', "next_cursor",
                            read->cursor[0] == '\0' ? (struct bytes){0}
                                                    : bytes_from_string(read->cursor));
    return err == ERR_OK ? text_append_string(&read->body, "}") : err;
}

static void keep_place(struct read *read, bool has_more, uint64_t bits, struct bytes id)
{
    struct query_place place = {.bits = bits};
    read->cursor[0] = '\0';
    if (!has_more || id.len > QUERY_ID_MAX)
        return;
    memcpy(place.id, id.data, id.len);
    query_write_cursor(read->scope, &place, read->cursor);
}

static enum err ask_history(struct database_job *job, struct pg *pg, struct why *why)
{
    struct read *read = read_of(job);
    CLEANUP(mem_free_p)
    struct prediction *list = mem_array(read->limit + 1, sizeof(struct prediction));
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct listings_history_place after = {0};
    size_t count = 0;
    if (read->after.is_there)
        after = (struct listings_history_place){(int64_t)read->after.bits,
                                                bytes_from_string(read->after.id)};
    text_clear(&read->body);
    read->is_found = true;
    enum err err = listings_history(pg, bytes_from_string(read->id), &after, list, read->limit + 1,
                                    &count, &rows, why);
    if (err != ERR_OK)
        return err;
    const struct prediction *last = &list[read->limit - 1];
    bool has_more = count > read->limit;
    keep_place(read, has_more, has_more ? (uint64_t)last->scored_at_ms : 0,
               has_more ? last->prediction_id : (struct bytes){0});
    return write_page(read, list, count, true);
}

static enum err ask_current(struct database_job *job, struct pg *pg, struct why *why)
{
    struct read *read = read_of(job);
    CLEANUP(mem_free_p)
    struct prediction *list = mem_array(read->limit + 1, sizeof(struct prediction));
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    const struct listings_filter filter = {.band = read->has_band ? &read->band : NULL,
                                           .department = read->department};
    struct listings_place after = {0};
    size_t count = 0;
    if (read->after.is_there) {
        memcpy(&after.probability, &read->after.bits, sizeof after.probability);
        after.employee_id = bytes_from_string(read->after.id);
    }
    text_clear(&read->body);
    read->is_found = true;
    enum err err =
        listings_predictions(pg, &filter, &after, list, read->limit + 1, &count, &rows, why);
    if (err != ERR_OK)
        return err;
    uint64_t bits = 0;
    bool has_more = count > read->limit;
    struct listings_place place = {0};
    if (has_more)
        place = listings_place_of(&list[read->limit - 1]);
    memcpy(&bits, &place.probability, sizeof bits);
    keep_place(read, has_more, bits, place.employee_id);
    return write_page(read, list, count, false);
}

// RFC 3986, 2.1.
static enum err append_escaped(struct text *out, struct bytes text)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < text.len; i++) {
        uint8_t c = text.data[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
        err = is_plain ? text_append(out, &c, 1) : text_printf(out, "%%%02X", c);
    }
    return err;
}

// RFC 8288: the next page. One whose address would be too long is left to the cursor.
static void add_link(struct read *read)
{
    CLEANUP(text_done) struct text link = TEXT_INIT(LINK_MAX);
    if (read->cursor[0] == '\0')
        return;
    enum err err = text_printf(&link, "<%s?limit=%zu&cursor=%s", http_path(read->exchange),
                               read->limit, read->cursor);
    if (err == ERR_OK && read->has_band)
        err = text_printf(&link, "&band=%s", band_name(read->band));
    if (err == ERR_OK && read->department.data != NULL)
        err = text_append_string(&link, "&department=");
    if (err == ERR_OK)
        err = append_escaped(&link, read->department);
    if (err == ERR_OK)
        err = text_append_string(&link, ">; rel=\"next\"");
    if (err == ERR_OK)
        http_add_header(read->exchange, "Link", text_string(&link));
}

static void then_page(struct database_job *job, enum err err, const struct why *why)
{
    if (err == ERR_OK)
        add_link(read_of(job));
    then(job, err, why);
}

// limit and cursor; the scope is what the list is of. False: the exchange has its answer.
static bool read_page(struct read *read)
{
    int len = snprintf(read->scope_text, sizeof read->scope_text, "%s\n%s\n%s\n%.*s",
                       http_path(read->exchange), read->id,
                       read->has_band ? band_name(read->band) : "", (int)read->department.len,
                       read->department.len == 0 ? "" : (const char *)read->department.data);
    size_t most = sizeof read->scope_text - 1;
    read->scope = bytes_of(read->scope_text, (size_t)len < most ? (size_t)len : most);
    return query_limit(read->exchange, &read->limit) &&
           query_cursor(read->exchange, read->scope, &read->after);
}

void reads_history(struct http_exchange *exchange, struct gateway *gateway)
{
    static const char *const names[] = {"limit", "cursor"};
    if (!query_is_known(exchange, names, ARRAY_LEN(names)))
        return;
    struct read *read = read_new(exchange, gateway);
    if (!take_id(read, "employee_id")) // nobody has it: an empty list
        read->id[0] = '\0';
    if (read_page(read))
        ask_tables(read, ask_history, then_page);
    else
        read_free(read);
}

static bool read_filter(struct read *read)
{
    enum { DEPARTMENT_MAX = 256 };
    struct bytes band = {0};
    read->has_band = http_query(read->exchange, "band", &band) > 0;
    if (read->has_band && !band_from_text(band, &read->band)) {
        problem_answer_field(read->exchange, "band", "bad-value",
                             "band is none of low, elevated, high and unknown");
        return false;
    }
    if (http_query(read->exchange, "department", &read->department) > 0 &&
        (read->department.len == 0 || read->department.len > DEPARTMENT_MAX)) {
        problem_answer_field(read->exchange, "department",
                             read->department.len == 0 ? "too-short" : "text-too-long",
                             "department has 1 to %d bytes", DEPARTMENT_MAX);
        return false;
    }
    return true;
}

void reads_predictions(struct http_exchange *exchange, struct gateway *gateway)
{
    static const char *const names[] = {"band", "department", "limit", "cursor"};
    if (!query_is_known(exchange, names, ARRAY_LEN(names)))
        return;
    struct read *read = read_new(exchange, gateway);
    if (read_filter(read) && read_page(read))
        ask_tables(read, ask_current, then_page);
    else
        read_free(read);
}
