// SPDX-License-Identifier: MIT
#include "store/pg.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/bind.h"
#include "store/rows.h"
#include "store/verdict.h"

// libpq in its nonblocking form under waits of our own: libpq's blocking calls know neither our
// stop nor a deadline, and a peer that died without a word would hold them for minutes.
//
// Invariants. A connection that failed, timed out or was stopped is closed at once, so what is left
// is either usable or absent. Nothing reconnects by itself. Statements are sent unnamed with their
// parameters: no prepared state that a reconnect would lose, and poolers are no trouble; parsing
// costs some 50 us for each of the few statements of a batch.

enum { CONNECT_WAIT_MS = 10000, DEFAULT_WAIT_MS = 45000, STOP_GRACE_MS = 2000 };
enum { COPY_CHUNK_BYTES = 64 * 1024, TOGETHER_MAX = 4 };

struct pg {
    char *url;
    char *application_name;
    char *session_sql;
    int64_t wait_ms;
    int stop_fd;
    int64_t stop_by_ms; // monotonic; 0: no stop was asked for
    PGconn *conn;
    uint64_t session;
};

enum err pg_open(const struct pg_options *options, struct pg **ret, struct why *why)
{
    char *message = NULL;
    PQconninfoOption *parsed = PQconninfoParse(options->url, &message);
    PQfreemem(message); // quotes the URL
    if (parsed == NULL)
        return why_say(why, ERR_FATAL,
                       "DATABASE_URL is neither a libpq connection string nor a URL such as "
                       "postgresql://user@host:5432/database");
    PQconninfoFree(parsed);
    struct pg *pg = mem_zalloc(sizeof *pg);
    pg->url = mem_dup(options->url);
    pg->application_name = mem_dup(options->application_name);
    pg->session_sql = options->session_sql != NULL ? mem_dup(options->session_sql) : NULL;
    pg->wait_ms = options->wait_ms > 0 ? options->wait_ms : DEFAULT_WAIT_MS;
    pg->stop_fd = options->stop_fd;
    *ret = pg;
    return ERR_OK;
}

static void drop(struct pg *pg)
{
    PQfinish(pg->conn);
    pg->conn = NULL;
}

void pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    drop(pg);
    free(pg->url);
    free(pg->application_name);
    free(pg->session_sql);
    free(pg);
}

bool pg_is_connected(const struct pg *pg)
{
    return pg->conn != NULL;
}

bool pg_is_alive(struct pg *pg)
{
    if (pg->conn == NULL)
        return false;
    // An idle server is silent. Its last words and the end of the connection may come together, and
    // libpq takes one of them at a time.
    struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};
    for (int i = 0; i < 2 && poll(&fd, 1, 0) > 0; i++) {
        if (PQconsumeInput(pg->conn) == 0 || PQstatus(pg->conn) == CONNECTION_BAD) {
            drop(pg);
            return false;
        }
    }
    return true;
}

uint64_t pg_session(const struct pg *pg)
{
    return pg->session;
}

// ---- what went wrong

// The connection is of no more use: says so with libpq's message and closes it.
static enum err lost(struct pg *pg, struct why *why)
{
    const char *message = PQerrorMessage(pg->conn);
    enum err err =
        verdict_say(why, ERR_RETRY, NULL, message[0] != '\0' ? message : "the connection was lost");
    drop(pg);
    return err;
}

static enum err failed(struct pg *pg, const PGresult *result, struct why *why)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    enum err err = PQstatus(pg->conn) == CONNECTION_BAD ? ERR_RETRY : pg_verdict(sqlstate);
    // The primary message only: the detail quotes values of the row.
    err = verdict_say(why, err, sqlstate, message != NULL ? message : PQresultErrorMessage(result));
    // A standby stays read only: the next connect may find the primary.
    if (PQstatus(pg->conn) == CONNECTION_BAD ||
        (sqlstate != NULL && strcmp(sqlstate, "25006") == 0))
        drop(pg);
    return err;
}

// ---- waiting

// Waits for the events (POLLIN, POLLOUT) on the connection's socket until `by_ms`.
static enum err wait_socket(struct pg *pg, short events, int64_t by_ms, short *ret, struct why *why)
{
    for (;;) {
        if (pg->stop_by_ms != 0 && pg->stop_by_ms < by_ms)
            by_ms = pg->stop_by_ms;
        int64_t left_ms = by_ms - clock_mono_ms();
        if (left_ms <= 0) {
            drop(pg);
            if (pg->stop_by_ms != 0)
                return why_say(why, ERR_STOP, "PostgreSQL did not answer before the stop");
            return why_say(why, ERR_RETRY, "PostgreSQL did not answer in time");
        }
        struct pollfd fds[2] = {{.fd = PQsocket(pg->conn), .events = events},
                                {.fd = pg->stop_fd, .events = POLLIN}};
        bool watches_stop = pg->stop_fd >= 0 && pg->stop_by_ms == 0;
        int ready = poll(fds, watches_stop ? 2 : 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready < 0 && errno != EINTR)
            return lost(pg, why);
        if (watches_stop && fds[1].revents != 0)
            pg->stop_by_ms = clock_mono_ms() + STOP_GRACE_MS;
        if (ready > 0 && fds[0].revents != 0) {
            *ret = fds[0].revents;
            return ERR_OK;
        }
    }
}

// Sends what is queued and reads what came, once: ERR_OK when something could have changed.
static enum err wait_server(struct pg *pg, int64_t by_ms, struct why *why)
{
    int flush = PQflush(pg->conn);
    if (flush < 0)
        return lost(pg, why);
    short events = POLLIN, ready = 0;
    if (flush > 0)
        events |= POLLOUT;
    enum err err = wait_socket(pg, events, by_ms, &ready, why);
    if (err != ERR_OK)
        return err;
    if ((ready & ~POLLOUT) != 0 && PQconsumeInput(pg->conn) == 0)
        return lost(pg, why);
    return ERR_OK;
}

// The next result, or NULL at the end of the statement's results.
static enum err next_result(struct pg *pg, int64_t by_ms, PGresult **ret, struct why *why)
{
    while (PQflush(pg->conn) > 0 || PQisBusy(pg->conn) != 0) {
        enum err err = wait_server(pg, by_ms, why);
        if (err != ERR_OK)
            return err;
    }
    *ret = PQgetResult(pg->conn);
    return ERR_OK;
}

static bool is_failure(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

// Reads to the end: the last good result, or the verdict of the first bad one.
static enum err collect(struct pg *pg, PGresult **ret, struct why *why)
{
    int64_t by_ms = clock_mono_ms() + pg->wait_ms;
    PGresult *last = NULL;
    PGresult *next = NULL;
    enum err err;
    while ((err = next_result(pg, by_ms, &next, why)) == ERR_OK && next != NULL) {
        // A COPY that nobody feeds would give the same result for ever.
        ExecStatusType status = PQresultStatus(next);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            PQclear(next);
            PQclear(last);
            drop(pg);
            return why_say(why, ERR_FATAL, "a COPY was sent as an ordinary statement");
        }
        if (last != NULL && is_failure(last)) {
            PQclear(next);
            continue;
        }
        PQclear(last);
        last = next;
    }
    if (err == ERR_OK && last == NULL)
        err = lost(pg, why);
    if (err == ERR_OK && is_failure(last))
        err = failed(pg, last, why);
    if (err != ERR_OK) {
        PQclear(last);
        return err;
    }
    *ret = last;
    return ERR_OK;
}

// ---- connecting

static void ignore_notice(void *context UNUSED, const PGresult *result UNUSED)
{
}

static enum err start(struct pg *pg, struct why *why)
{
    // What stands before dbname can be overridden by the URL. tcp_user_timeout is what ends a write
    // to a peer that died without a word.
    const char *const names[] = {"keepalives_idle",  "keepalives_interval",
                                 "keepalives_count", "tcp_user_timeout",
                                 "application_name", "dbname",
                                 "client_encoding",  NULL};
    const char *const values[] = {"30",    "5",    "3", "20000", pg->application_name,
                                  pg->url, "UTF8", NULL};
    pg->conn = PQconnectStartParams(names, values, 1);
    if (pg->conn == NULL)
        return why_say(why, ERR_RETRY, "no memory for a connection to PostgreSQL");
    PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(pg->conn, ignore_notice, NULL);
    int64_t by_ms = clock_mono_ms() + CONNECT_WAIT_MS;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        status = PGRES_POLLING_FAILED;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        short ready = 0;
        enum err err =
            wait_socket(pg, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, by_ms, &ready, why);
        if (err != ERR_OK)
            return err;
        status = PQconnectPoll(pg->conn);
    }
    if (status == PGRES_POLLING_OK)
        return ERR_OK;
    const char *sqlstate = verdict_sqlstate(PQerrorMessage(pg->conn));
    enum err err = verdict_say(why, pg_verdict(sqlstate), sqlstate, PQerrorMessage(pg->conn));
    drop(pg);
    return err;
}

enum err pg_connect(struct pg *pg, struct why *why)
{
    if (pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_OK)
        return ERR_OK;
    drop(pg);
    enum err err = start(pg, why);
    if (err != ERR_OK)
        return err;
    PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
    if (PQsetnonblocking(pg->conn, 1) != 0)
        return lost(pg, why);
    pg->session++;
    if (pg->session_sql == NULL)
        return ERR_OK;
    err = pg_exec(pg, pg->session_sql, NULL, 0, NULL, why);
    if (err != ERR_OK && pg->conn != NULL)
        drop(pg);
    return err;
}

// ---- statements

static enum err need_connection(const struct pg *pg, struct why *why)
{
    if (pg->conn != NULL)
        return ERR_OK;
    return why_say(why, ERR_RETRY, "PostgreSQL: not connected");
}

static enum err send(struct pg *pg, const char *sql, const struct pg_param *params, size_t count,
                     struct why *why)
{
    struct bind bind;
    enum err err = bind_params(&bind, params, count, why);
    if (err == ERR_OK && PQsendQueryParams(pg->conn, sql, (int)count, bind.types, bind.values,
                                           bind.lengths, bind.formats, 1) == 0)
        err = lost(pg, why);
    bind_done(&bind);
    return err;
}

static struct pg_rows *rows_of(PGresult *result)
{
    struct pg_rows *rows = mem_zalloc(sizeof *rows);
    rows->result = result;
    return rows;
}

enum err pg_exec(struct pg *pg, const char *sql, const struct pg_param *params, size_t count,
                 struct pg_rows **ret, struct why *why)
{
    enum err err = need_connection(pg, why);
    if (err == ERR_OK)
        err = send(pg, sql, params, count, why);
    PGresult *result = NULL;
    if (err == ERR_OK)
        err = collect(pg, &result, why);
    if (err != ERR_OK)
        return err;
    if (ret == NULL)
        PQclear(result);
    else
        *ret = rows_of(result);
    return ERR_OK;
}

// The result of the next statement of a pipeline, and the NULL behind it; or the pipeline's end,
// which has none.
static enum err next_in_pipeline(struct pg *pg, int64_t by_ms, bool is_end, PGresult **ret,
                                 struct why *why)
{
    PGresult *result = NULL, *end = NULL;
    enum err err = next_result(pg, by_ms, &result, why);
    ExecStatusType status = PQresultStatus(result);
    bool is_copy = status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
    if (err == ERR_OK && is_copy) { // nobody feeds it
        PQclear(result);
        drop(pg);
        return why_say(why, ERR_FATAL, "a COPY was sent as an ordinary statement");
    }
    if (err == ERR_OK && (status == PGRES_PIPELINE_SYNC) != is_end)
        err = lost(pg, why);
    if (err == ERR_OK && !is_end)
        err = next_result(pg, by_ms, &end, why);
    if (err == ERR_OK && end != NULL)
        err = lost(pg, why);
    PQclear(end);
    if (err == ERR_OK)
        *ret = result;
    else
        PQclear(result);
    return err;
}

// Reads to the pipeline's end; *ret_verdict: of the first statement that failed. What is returned
// otherwise comes with the loss of the connection.
static enum err collect_all(struct pg *pg, size_t count, PGresult **ret, enum err *ret_verdict,
                            struct why *why)
{
    int64_t by_ms = clock_mono_ms() + pg->wait_ms;
    PGresult *sync = NULL;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        err = next_in_pipeline(pg, by_ms, false, &ret[i], why);
        // Those behind it are "aborted", which says nothing.
        if (err == ERR_OK && *ret_verdict == ERR_OK && is_failure(ret[i]))
            *ret_verdict = failed(pg, ret[i], why);
        if (err == ERR_OK && pg->conn == NULL)
            return *ret_verdict;
    }
    if (err == ERR_OK)
        err = next_in_pipeline(pg, by_ms, true, &sync, why);
    PQclear(sync);
    if (err == ERR_OK && PQexitPipelineMode(pg->conn) == 0)
        err = lost(pg, why);
    return err;
}

enum err pg_exec_together(struct pg *pg, const struct pg_statement *statements, size_t count,
                          struct pg_rows **ret, struct why *why)
{
    PGresult *results[TOGETHER_MAX] = {NULL};
    enum err err = need_connection(pg, why), verdict = ERR_OK;
    assert(count <= TOGETHER_MAX);
    if (err == ERR_OK && PQenterPipelineMode(pg->conn) == 0)
        err = lost(pg, why);
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        err = send(pg, statements[i].sql, statements[i].params, statements[i].count, why);
    if (err == ERR_OK && PQpipelineSync(pg->conn) == 0)
        err = lost(pg, why);
    else if (err == ERR_REJECT) // a parameter: what was sent before it has no end
        drop(pg);
    if (err == ERR_OK)
        err = collect_all(pg, count, results, &verdict, why);
    err = err == ERR_OK ? verdict : err;
    for (size_t i = 0; i < count; i++) {
        if (err == ERR_OK)
            ret[i] = rows_of(results[i]);
        else
            PQclear(results[i]);
    }
    return err;
}

enum err pg_change(struct pg *pg, const char *sql, const struct pg_param *params, size_t count,
                   size_t *ret_affected, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql, params, count, &rows, why);
    if (err == ERR_OK)
        *ret_affected = pg_affected(rows);
    return err;
}

// For statements without parameters whose results nobody wants.
static enum err run_plain(struct pg *pg, int was_sent, struct why *why)
{
    if (was_sent == 0)
        return lost(pg, why);
    PGresult *result = NULL;
    enum err err = collect(pg, &result, why);
    if (err == ERR_OK)
        PQclear(result);
    return err;
}

enum err pg_prepare_only(struct pg *pg, const char *sql, struct why *why)
{
    enum err err = need_connection(pg, why);
    return err != ERR_OK ? err : run_plain(pg, PQsendPrepare(pg->conn, "", sql, 0, NULL), why);
}

enum err pg_script(struct pg *pg, const char *script, struct why *why)
{
    enum err err = need_connection(pg, why);
    return err != ERR_OK ? err : run_plain(pg, PQsendQuery(pg->conn, script), why);
}

// ---- COPY

// Waits for the server's "send now".
static enum err copy_start(struct pg *pg, const char *sql, struct why *why)
{
    if (PQsendQuery(pg->conn, sql) == 0)
        return lost(pg, why);
    PGresult *result = NULL;
    enum err err = next_result(pg, clock_mono_ms() + pg->wait_ms, &result, why);
    if (err != ERR_OK)
        return err;
    if (result != NULL && PQresultStatus(result) == PGRES_COPY_IN) {
        PQclear(result);
        return ERR_OK;
    }
    if (result == NULL)
        return lost(pg, why);
    err = is_failure(result) ? failed(pg, result, why)
                             : why_say(why, ERR_FATAL, "a statement for COPY is none: %.60s", sql);
    PQclear(result);
    // What is left of the statement's results must be read before the connection is used again.
    while (pg->conn != NULL &&
           next_result(pg, clock_mono_ms() + pg->wait_ms, &result, NULL) == ERR_OK &&
           result != NULL)
        PQclear(result);
    return err;
}

static enum err copy_put(struct pg *pg, struct bytes chunk, struct why *why)
{
    int64_t by_ms = clock_mono_ms() + pg->wait_ms;
    int queued;
    while ((queued = PQputCopyData(pg->conn, (const char *)chunk.data, (int)chunk.len)) == 0) {
        enum err err = wait_server(pg, by_ms, why);
        if (err != ERR_OK)
            return err;
    }
    if (queued < 0)
        return lost(pg, why);
    int flush;
    while ((flush = PQflush(pg->conn)) > 0) {
        enum err err = wait_server(pg, by_ms, why);
        if (err != ERR_OK)
            return err;
    }
    return flush < 0 ? lost(pg, why) : ERR_OK;
}

static enum err copy_end(struct pg *pg, struct why *why)
{
    int64_t by_ms = clock_mono_ms() + pg->wait_ms;
    int queued;
    while ((queued = PQputCopyEnd(pg->conn, NULL)) == 0) {
        enum err err = wait_server(pg, by_ms, why);
        if (err != ERR_OK)
            return err;
    }
    return queued < 0 ? lost(pg, why) : ERR_OK;
}

enum err pg_copy(struct pg *pg, const char *sql, struct bytes data, size_t *ret_rows,
                 struct why *why)
{
    enum err err = need_connection(pg, why);
    if (err == ERR_OK)
        err = copy_start(pg, sql, why);
    while (err == ERR_OK && data.len > 0) {
        struct bytes chunk = bytes_of(data.data, data.len);
        if (chunk.len > COPY_CHUNK_BYTES)
            chunk.len = COPY_CHUNK_BYTES;
        err = copy_put(pg, chunk, why);
        data = bytes_of(data.data + chunk.len, data.len - chunk.len);
    }
    if (err == ERR_OK)
        err = copy_end(pg, why);
    PGresult *result = NULL;
    if (err == ERR_OK)
        err = collect(pg, &result, why);
    if (err != ERR_OK)
        return err;
    *ret_rows = (size_t)strtoull(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return ERR_OK;
}

// ---- transactions

enum err pg_begin(struct pg *pg, struct why *why)
{
    return pg_exec(pg, "BEGIN", NULL, 0, NULL, why);
}

enum err pg_commit(struct pg *pg, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, "COMMIT", NULL, 0, &rows, why);
    // COMMIT of a failed transaction is answered with success and the word ROLLBACK.
    if (err == ERR_OK && strcmp(PQcmdStatus(rows->result), "COMMIT") != 0)
        return why_say(why, ERR_FATAL,
                       "a transaction was committed after one of its statements "
                       "had failed; it was rolled back");
    return err;
}

void pg_rollback(struct pg *pg)
{
    if (pg->conn == NULL || PQtransactionStatus(pg->conn) == PQTRANS_IDLE)
        return;
    // Within a statement or a COPY there is no way back but closing.
    bool can_ask = PQtransactionStatus(pg->conn) == PQTRANS_INTRANS ||
                   PQtransactionStatus(pg->conn) == PQTRANS_INERROR;
    if (!can_ask || pg_exec(pg, "ROLLBACK", NULL, 0, NULL, NULL) != ERR_OK)
        drop(pg);
}
