// SPDX-License-Identifier: MIT
#include "rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"
#include "store/sql.h"

// While a batch is on its way the next one gathers, so a slow server gets large batches. A short
// wait before each keeps a quiet gateway from a transaction per call.

enum {
    BATCH_MAX = 500,
    QUEUE_MAX = 20000,
    GATHER_MS = 10,
    WAIT_MS = 8000,
    AWAY_FIRST_MS = 50,
    AWAY_MOST_MS = 1000,
};

struct rows {
    struct rows_options options;
    struct pg *pg;
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock;
    pthread_cond_t wakes;
    struct ask *first, **last;
    size_t count;
    bool is_closing;
    int64_t end_ms; // of the closing
    struct metric_cell *stored, *left;
};

// ---- the thread

static void wait_until(struct rows *rows, int64_t ms)
{
    struct timespec end = {ms / 1000, ms % 1000 * 1000000};
    pthread_cond_timedwait(&rows->wakes, &rows->lock, &end);
}

// The next batch, linked; NULL: the end.
static struct ask *gather(struct rows *rows, size_t *ret_count)
{
    pthread_mutex_lock(&rows->lock);
    while (rows->first == NULL && !rows->is_closing)
        pthread_cond_wait(&rows->wakes, &rows->lock);
    int64_t end_ms = clock_mono_ms() + GATHER_MS;
    while (rows->count < BATCH_MAX && !rows->is_closing && clock_mono_ms() < end_ms)
        wait_until(rows, end_ms);
    struct ask *batch = rows->first, **end = &rows->first;
    *ret_count = 0;
    for (; *end != NULL && *ret_count < BATCH_MAX; end = &(*end)->row_next)
        ++*ret_count;
    rows->first = *end;
    *end = NULL;
    if (rows->first == NULL)
        rows->last = &rows->first;
    rows->count -= *ret_count;
    pthread_mutex_unlock(&rows->lock);
    return *ret_count > 0 ? batch : NULL;
}

static enum err store(struct rows *rows, const struct ask *batch, size_t count, struct why *why)
{
    struct requests_made made[BATCH_MAX];
    for (size_t i = 0; i < count; i++, batch = batch->row_next)
        made[i] = (struct requests_made){.id = bytes_of(batch->id, ID_LEN),
                                         .user_id = bytes_from_string(batch->user_id),
                                         .kind = batch->kind,
                                         .employee_id = batch->employee_id,
                                         .body_sha256 = batch->body_sha256[0] == '\0'
                                                            ? (struct bytes){0}
                                                            : bytes_from_string(batch->body_sha256),
                                         .created_at_ms = batch->created_at_ms};
    enum err err = pg_connect(rows->pg, why);
    return err == ERR_OK ? requests_store(rows->pg, made, count, why) : err;
}

// False: the rows are to be given up.
static bool wait_for_database(struct rows *rows, struct backoff *backoff, const struct why *why)
{
    if (backoff->tries == 0)
        log_warn("rows-wait", "why=\"%s\"", why->text);
    int64_t until_ms = clock_mono_ms() + backoff_next_ms(backoff);
    pthread_mutex_lock(&rows->lock);
    while (clock_mono_ms() < until_ms && !(rows->is_closing && clock_mono_ms() >= rows->end_ms))
        wait_until(rows, rows->is_closing && rows->end_ms < until_ms ? rows->end_ms : until_ms);
    bool goes_on = !rows->is_closing || clock_mono_ms() < rows->end_ms;
    pthread_mutex_unlock(&rows->lock);
    return goes_on;
}

static void write_batch(struct rows *rows, struct ask *batch, size_t count)
{
    struct backoff backoff;
    struct why why = {0};
    backoff_init(&backoff, AWAY_FIRST_MS, AWAY_MOST_MS);
    enum err err = store(rows, batch, count, &why);
    while (err == ERR_RETRY && wait_for_database(rows, &backoff, &why))
        err = store(rows, batch, count, &why);
    if (err != ERR_OK && err != ERR_RETRY)
        log_error("rows-failed", "count=%zu code=%s why=\"%s\"", count,
                  why_code_or_verdict(&why, err), why.text);
    metric_add(err == ERR_OK ? rows->stored : rows->left, count);
    while (batch != NULL) {
        struct ask *next = batch->row_next;
        if (err == ERR_OK)
            pending_stored(rows->options.pending, batch);
        ask_drop(batch);
        batch = next;
    }
}

static void *run(void *argument)
{
    struct rows *rows = argument;
    size_t count = 0;
    for (struct ask *batch = gather(rows, &count); batch != NULL; batch = gather(rows, &count))
        write_batch(rows, batch, count);
    return NULL;
}

// ---- others

enum err rows_start(const struct rows_options *options, struct rows **ret, struct why *why)
{
    struct rows *rows = mem_zalloc(sizeof *rows);
    rows->options = *options;
    rows->last = &rows->first;
    pthread_mutex_init(&rows->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&rows->wakes, &monotonic);
    pthread_condattr_destroy(&monotonic);
    rows->stored = metrics_cell(options->metrics, METRIC_ROWS, "stored", NULL);
    rows->left = metrics_cell(options->metrics, METRIC_ROWS, "left", NULL);
    const struct pg_options pg = {.url = options->url,
                                  .application_name = "retentionai-gateway-rows",
                                  .session_sql = sql_gateway_session,
                                  .wait_ms = WAIT_MS,
                                  .stop_fd = -1};
    enum err err = pg_open(&pg, &rows->pg, why);
    if (err == ERR_OK) {
        rows->is_started = pthread_create(&rows->thread, NULL, run, rows) == 0;
        if (!rows->is_started)
            err = why_say(why, ERR_FATAL, "cannot start a thread");
    }
    if (err != ERR_OK) {
        rows_stop(rows, 0);
        return err;
    }
    *ret = rows;
    return ERR_OK;
}

void rows_stop(struct rows *rows, int64_t wait_ms)
{
    if (rows == NULL)
        return;
    pthread_mutex_lock(&rows->lock);
    rows->is_closing = true;
    rows->end_ms = clock_mono_ms() + wait_ms;
    pthread_cond_broadcast(&rows->wakes);
    pthread_mutex_unlock(&rows->lock);
    if (rows->is_started)
        pthread_join(rows->thread, NULL);
    pg_close(rows->pg);
    pthread_cond_destroy(&rows->wakes);
    pthread_mutex_destroy(&rows->lock);
    free(rows);
}

void rows_put(struct rows *rows, struct ask *ask)
{
    pthread_mutex_lock(&rows->lock);
    bool is_taken = rows->count < QUEUE_MAX && !rows->is_closing;
    if (is_taken) {
        ask_hold(ask);
        ask->row_next = NULL;
        *rows->last = ask;
        rows->last = &ask->row_next;
        if (rows->count++ == 0 || rows->count == BATCH_MAX)
            pthread_cond_signal(&rows->wakes);
    }
    pthread_mutex_unlock(&rows->lock);
    if (!is_taken)
        metric_add(rows->left, 1);
}
