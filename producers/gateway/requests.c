// SPDX-License-Identifier: MIT
// GET /requests/{request_id}: what became of a request, from the tables, so at any gateway and also
// after a restart. As server-sent events it is looked at again until it changes.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "gateway.h"
#include "handlers.h"
#include "problem.h"
#include "results.h"
#include "routes.h"
#include "words.h"

enum {
    REQUEST_ID_MAX = 128,
    LOOK_MS = 250,          // between two looks of a stream
    COMMENT_MS = 15000,     // what keeps proxies from closing a silent one
    STREAM_MS = 15 * 60000, // a stream ends then; its reader comes again
    STREAM_BYTES = 64 * 1024,
};

struct look {
    struct database_job job; // first
    struct keeper_later later;
    struct gateway *gateway;
    struct http_exchange *exchange;
    struct answer_words words;
    char id[REQUEST_ID_MAX + 1];
    bool is_stream, has_begun;
    bool is_found;
    enum requests_state state, told; // told: the last event's
    int64_t begun_ms, commented_ms;
    struct text body;
};

static void look_free(struct look *look)
{
    text_done(&look->body);
    free(look);
}

static enum err ask(struct database_job *job, struct pg *pg, struct why *why)
{
    struct look *look = (struct look *)job;
    struct requests_row row;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    CLEANUP(text_done) struct text result = TEXT_INIT(ANSWER_MAX);
    bool is_there = true;
    text_clear(&look->body);
    enum err err = requests_read(pg, bytes_from_string(look->id), (struct bytes){0},
                                 clock_real_ms(), &look->is_found, &row, &rows, why);
    if (err != ERR_OK || !look->is_found)
        return err;
    look->is_found = row.kind != REQUESTS_CHANGE; // whose answer came at once
    if (row.state == REQUESTS_DONE)
        err = results_write(pg, &look->words, &row, &is_there, &result, why);
    if (err != ERR_OK)
        return err;
    if (!is_there) { // the request was completed before its result was recorded: in a moment
        row.state = REQUESTS_ACCEPTED;
        row.completed_at_ms = 0;
    }
    look->state = row.state;
    return answer_write_request(&row, text_bytes(&result), &look->body);
}

// ---- once

static void then(struct database_job *job, enum err err, const struct why *why)
{
    struct look *look = (struct look *)job;
    if (err != ERR_OK) {
        problem_answer_database(look->exchange, err, why);
    } else if (!look->is_found) {
        problem_answer(look->exchange, PROBLEM_NO_SUCH_REQUEST, "there is none of this id");
    } else {
        if (look->state == REQUESTS_ACCEPTED)
            http_add_header(look->exchange, "Retry-After", "1");
        answer_json_tagged(look->exchange, ERR_OK, &look->body);
    }
    look_free(look);
}

// ---- as events

static void look_again(struct keeper_later *later)
{
    struct look *look = (struct look *)(void *)((char *)later - offsetof(struct look, later));
    database_ask_on(look->gateway->database, &look->job);
}

// ERR_STOP: there is nothing more to say, or nobody who reads it.
static enum err tell(struct look *look)
{
    int64_t now_ms = clock_mono_ms();
    if (!look->has_begun || look->state != look->told) {
        const char *name = requests_state_name(look->state);
        enum err err = http_stream_event(look->exchange, name, name, text_bytes(&look->body));
        if (err != ERR_OK)
            return err;
        look->told = look->state;
        look->has_begun = true;
        look->commented_ms = now_ms;
    } else if (now_ms - look->commented_ms >= COMMENT_MS) {
        look->commented_ms = now_ms;
        enum err err = http_stream_comment(look->exchange, "waiting");
        if (err != ERR_OK)
            return err;
    }
    bool is_over = look->state != REQUESTS_ACCEPTED || now_ms - look->begun_ms >= STREAM_MS ||
                   program_is_stopping();
    return is_over ? ERR_STOP : ERR_OK;
}

static void then_tell(struct database_job *job, enum err err, const struct why *why)
{
    struct look *look = (struct look *)job;
    if (!look->has_begun && (err != ERR_OK || !look->is_found)) {
        then(job, err, why);
        return;
    }
    if (!look->has_begun)
        http_stream(look->exchange, STREAM_BYTES, NULL, 0);
    // While the database is away the stream waits with it.
    if (err == ERR_OK)
        err = look->is_found ? tell(look) : ERR_STOP;
    if ((err == ERR_OK || err == ERR_RETRY) && !program_is_stopping()) {
        keeper_add(look->gateway->keeper, &look->later, clock_mono_ms() + LOOK_MS);
        return;
    }
    http_stream_end(look->exchange);
    look_free(look);
}

void requests_get(struct http_exchange *exchange, struct gateway *gateway)
{
    struct bytes id = http_param(exchange, "request_id");
    const char *accept = http_header(exchange, "Accept");
    if (id.len > REQUEST_ID_MAX) {
        problem_answer(exchange, PROBLEM_NO_SUCH_REQUEST, "no id is so long");
        return;
    }
    struct look *look = mem_zalloc(sizeof *look);
    look->is_stream = accept != NULL && decide_accepts(accept, "text/event-stream");
    look->job.ask = ask;
    look->job.then = look->is_stream ? then_tell : then;
    look->later.run = look_again;
    look->gateway = gateway;
    look->exchange = exchange;
    look->words = (struct answer_words){gateway->features,
                                        words_language(http_header(exchange, "Accept-Language"))};
    look->begun_ms = clock_mono_ms();
    look->body = TEXT_INIT(ANSWER_MAX);
    memcpy(look->id, id.data, id.len);
    http_suspend(exchange, NULL, 0);
    if (database_ask(gateway->database, &look->job))
        return;
    problem_answer(exchange, PROBLEM_OVERLOADED, "too many calls wait for the database");
    look_free(look);
}
