// SPDX-License-Identifier: MIT
#include "database.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "metrics.h"
#include "store/sql.h"

// A connection that is lost is made again by the next question that needs it. Where that fails, the
// questions of the next moment fail without a try of their own: somebody waits for each of them,
// and a connect to a machine that is gone takes its time.

enum { WAIT_MS = 8000, AWAY_FIRST_MS = 50, AWAY_MOST_MS = 1000 };

struct connection {
    struct database *database;
    struct pg *pg;
    struct backoff backoff;
    int64_t away_until_ms;
};

struct database {
    struct database_options options;
    struct pool *pool;
    pthread_mutex_t lock; // of is_there and the sentence
    bool is_there;
    struct why away;
    struct metric_cell *done, *retried, *failed, *refused;
};

static void *enter(void *context)
{
    struct database *database = context;
    struct connection *connection = mem_zalloc(sizeof *connection);
    connection->database = database;
    backoff_init(&connection->backoff, AWAY_FIRST_MS, AWAY_MOST_MS);
    const struct pg_options options = {.url = database->options.url,
                                       .application_name = "retentionai-gateway",
                                       .session_sql = sql_gateway_session,
                                       .wait_ms = WAIT_MS,
                                       .stop_fd = -1};
    struct why why = {0};
    if (pg_open(&options, &connection->pg, &why) != ERR_OK) // database_open has tried the URL
        log_error("database", "why=\"%s\"", why.text);
    return connection;
}

static void leave(void *worker)
{
    struct connection *connection = worker;
    pg_close(connection->pg);
    free(connection);
}

static void tell(struct database *database, bool is_there, const struct why *why)
{
    pthread_mutex_lock(&database->lock);
    bool has_changed = database->is_there != is_there;
    database->is_there = is_there;
    if (!is_there)
        database->away = *why;
    pthread_mutex_unlock(&database->lock);
    if (!has_changed)
        return;
    if (is_there)
        log_info("postgresql-is-back", "connections=%zu", database->options.connections);
    else
        log_warn("postgresql-is-away", "why=\"%s\"", why->text);
}

static enum err connect(struct connection *connection, struct why *why)
{
    struct database *database = connection->database;
    if (pg_is_connected(connection->pg) && pg_is_alive(connection->pg))
        return ERR_OK;
    if (clock_mono_ms() < connection->away_until_ms)
        return why_say(why, ERR_RETRY, "there is no connection to PostgreSQL");
    enum err err = pg_connect(connection->pg, why);
    if (err == ERR_OK) {
        backoff_reset(&connection->backoff);
        tell(database, true, NULL);
    } else {
        connection->away_until_ms = clock_mono_ms() + backoff_next_ms(&connection->backoff);
        tell(database, false, why);
    }
    return err;
}

static void run(struct pool_job *job, void *worker)
{
    struct database_job *question = (struct database_job *)job;
    struct connection *connection = worker;
    struct database *database = connection->database;
    struct why why = {0};
    enum err err = connect(connection, &why);
    if (err == ERR_OK)
        err = question->ask(question, connection->pg, &why);
    if (err == ERR_RETRY && connection->away_until_ms < clock_mono_ms()) {
        pg_rollback(connection->pg);
        metric_add(database->retried, 1);
        err = connect(connection, &why);
        if (err == ERR_OK)
            err = question->ask(question, connection->pg, &why);
    }
    metric_add(err == ERR_OK ? database->done : database->failed, 1);
    question->then(question, err, &why);
}

enum err database_open(const struct database_options *options, struct database **ret,
                       struct why *why)
{
    struct database *database = mem_zalloc(sizeof *database);
    database->options = *options;
    database->is_there = true;
    pthread_mutex_init(&database->lock, NULL);
    struct metrics *metrics = options->metrics;
    database->done = metrics_cell(metrics, METRIC_DATABASE_JOBS, "done", NULL);
    database->retried = metrics_cell(metrics, METRIC_DATABASE_JOBS, "retried", NULL);
    database->failed = metrics_cell(metrics, METRIC_DATABASE_JOBS, "failed", NULL);
    database->refused = metrics_cell(metrics, METRIC_DATABASE_JOBS, "refused", NULL);
    const struct pool_options pool = {.threads = options->connections,
                                      .queue_max = options->queue_max,
                                      .enter = enter,
                                      .leave = leave,
                                      .context = database};
    enum err err = pool_start(&pool, &database->pool, why);
    if (err != ERR_OK) {
        database_free(database);
        return err;
    }
    *ret = database;
    return ERR_OK;
}

void database_stop(struct database *database)
{
    if (database != NULL)
        pool_stop(database->pool);
}

void database_free(struct database *database)
{
    if (database == NULL)
        return;
    pool_free(database->pool);
    pthread_mutex_destroy(&database->lock);
    free(database);
}

bool database_ask(struct database *database, struct database_job *job)
{
    job->job.run = run;
    bool is_taken = pool_put(database->pool, &job->job);
    if (!is_taken)
        metric_add(database->refused, 1);
    return is_taken;
}

void database_ask_on(struct database *database, struct database_job *job)
{
    job->job.run = run;
    if (pool_put_on(database->pool, &job->job))
        return;
    struct why why = {0};
    enum err err = why_say(&why, ERR_STOP, "the connections have ended");
    job->then(job, err, &why);
}

size_t database_waiting(struct database *database)
{
    return pool_waiting(database->pool);
}

bool database_is_there(struct database *database, struct why *why)
{
    pthread_mutex_lock(&database->lock);
    bool is_there = database->is_there;
    if (!is_there && why != NULL)
        *why = database->away;
    pthread_mutex_unlock(&database->lock);
    return is_there;
}
