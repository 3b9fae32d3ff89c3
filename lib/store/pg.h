// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// One connection to PostgreSQL. Every wait has a deadline and ends soon after a stop; what the
// server says becomes a verdict:
//   ERR_RETRY   connection lost or refused for now, time-outs, deadlock, serialization, no
//   resources:
//               the work was rolled back or its outcome is unknown; roll back, read, do it again
//   ERR_REJECT  the data break a rule of the tables (SQLSTATE classes 22 and 23)
//   ERR_STOP    the stop descriptor became readable and the grace is over; the connection is gone
//   ERR_FATAL   permission, missing table, syntax, wrong password: a person must act
// why.code is the SQLSTATE in lower case ("23505") where the server gave one. One thread at a time.

struct pg;

struct pg_options {
    const char *url;              // connection string or URL
    const char *application_name; // seen in pg_stat_activity; the URL may override it
    // A statement run right after each connect (settings of the session); may be NULL.
    const char *session_sql;
    int64_t wait_ms; // longest wait for one answer; 0: 45 s. The connection is given up after it.
    int stop_fd;     // readable: finish within two seconds; -1: none
};

// Copies the options; does not connect. ERR_FATAL: the URL is malformed (it is not quoted: it may
// hold a password).
MUST_CHECK enum err pg_open(const struct pg_options *options, struct pg **ret, struct why *why);
void pg_close(struct pg *pg);
DEFINE_CLEANUP(struct pg, pg_close)

// Connects where there is no working connection. No other call ever does, since half of a
// transaction on a new connection would be worse than none: they give ERR_RETRY without one.
MUST_CHECK enum err pg_connect(struct pg *pg, struct why *why);
bool pg_is_connected(const struct pg *pg);
// Looks, without asking the server, whether it has ended the session; the connection is closed
// then. For idle times, outside of a transaction: other calls notice by themselves.
bool pg_is_alive(struct pg *pg);
// Counts connects: temporary tables and settings made under another number are gone.
uint64_t pg_session(const struct pg *pg);

// What the first five characters of an error mean. NULL: no SQLSTATE, the server died or is away.
enum err pg_verdict(const char *sqlstate);

// Parameters of a statement, sent in binary.
enum pg_kind {
    PG_KIND_NULL, // of any type: the statement says which ($1::text)
    PG_KIND_BOOL,
    PG_KIND_INT4,
    PG_KIND_INT8,
    PG_KIND_FLOAT8,
    PG_KIND_TEXT,
    PG_KIND_BYTEA,
    PG_KIND_TIME,
    PG_KIND_INT4_ARRAY,
    PG_KIND_INT8_ARRAY,
    PG_KIND_TEXT_ARRAY,
    PG_KIND_TIME_ARRAY,
};
struct pg_param {
    enum pg_kind kind;
    union {
        bool boolean;
        int32_t int4;
        int64_t int8; // PG_KIND_TIME: milliseconds since 1970
        double float8;
        struct bytes text; // PG_KIND_BYTEA, too; data NULL: null
        const int32_t *int4s;
        const int64_t *int8s; // PG_NULL_INT8: null
        const struct bytes *texts;
    };
    size_t count; // of an array
};
#define PG_NULL_INT8     INT64_MIN
#define PG_NULL          ((struct pg_param){.kind = PG_KIND_NULL})
#define PG_BOOL(value)   ((struct pg_param){.kind = PG_KIND_BOOL, .boolean = (value)})
#define PG_INT4(value)   ((struct pg_param){.kind = PG_KIND_INT4, .int4 = (value)})
#define PG_INT8(value)   ((struct pg_param){.kind = PG_KIND_INT8, .int8 = (value)})
#define PG_FLOAT8(value) ((struct pg_param){.kind = PG_KIND_FLOAT8, .float8 = (value)})
#define PG_TEXT(value)   ((struct pg_param){.kind = PG_KIND_TEXT, .text = (value)})
#define PG_STRING(value) PG_TEXT(bytes_from_string(value))
#define PG_BYTEA(value)  ((struct pg_param){.kind = PG_KIND_BYTEA, .text = (value)})
#define PG_TIME(value)   ((struct pg_param){.kind = PG_KIND_TIME, .int8 = (value)})
#define PG_INT4S(items, length)                                                                    \
    ((struct pg_param){.kind = PG_KIND_INT4_ARRAY, .int4s = (items), .count = (length)})
#define PG_INT8S(items, length)                                                                    \
    ((struct pg_param){.kind = PG_KIND_INT8_ARRAY, .int8s = (items), .count = (length)})
#define PG_TEXTS(items, length)                                                                    \
    ((struct pg_param){.kind = PG_KIND_TEXT_ARRAY, .texts = (items), .count = (length)})
#define PG_TIMES(items, length)                                                                    \
    ((struct pg_param){.kind = PG_KIND_TIME_ARRAY, .int8s = (items), .count = (length)})

// An answer: rows in binary. Text is borrowed from it. The getters' types are the statement's to
// match (asserted); a null reads as 0, false, or bytes without data.
struct pg_rows;
void pg_rows_free(struct pg_rows *rows);
DEFINE_CLEANUP(struct pg_rows, pg_rows_free)
size_t pg_count(const struct pg_rows *rows);
size_t pg_affected(const struct pg_rows *rows); // rows changed by INSERT, UPDATE, DELETE, COPY
bool pg_is_null(const struct pg_rows *rows, size_t row, int column);
bool pg_get_bool(const struct pg_rows *rows, size_t row, int column);
int16_t pg_get_int2(const struct pg_rows *rows, size_t row, int column);
int32_t pg_get_int4(const struct pg_rows *rows, size_t row, int column);
int64_t pg_get_int8(const struct pg_rows *rows, size_t row, int column);
double pg_get_float8(const struct pg_rows *rows, size_t row, int column);
struct bytes pg_get_text(const struct pg_rows *rows, size_t row, int column); // or bytea
// Of a text[]: fills every `step`-th of `out`, `max` of them at most, and gives their number.
size_t pg_get_texts(const struct pg_rows *rows, size_t row, int column, struct bytes *out,
                    size_t max, size_t step);
int64_t pg_get_time_ms(const struct pg_rows *rows, size_t row, int column); // since 1970

// Runs one statement. `ret` may be NULL. The text is one of sql/queries, never put together from
// values.
MUST_CHECK enum err pg_exec(struct pg *pg, const char *sql, const struct pg_param *params,
                            size_t count, struct pg_rows **ret, struct why *why);
struct pg_statement {
    const char *sql;
    const struct pg_param *params;
    size_t count;
};
// Runs statements in one round trip and one transaction of their own: all of them or, where one
// fails, none; the verdict is that one's. Their rows are in `ret`, all of which the caller frees.
MUST_CHECK enum err pg_exec_together(struct pg *pg, const struct pg_statement *statements,
                                     size_t count, struct pg_rows **ret, struct why *why);
// As pg_exec, for how many rows it changed.
MUST_CHECK enum err pg_change(struct pg *pg, const char *sql, const struct pg_param *params,
                              size_t count, size_t *ret_affected, struct why *why);
// Parses and plans a statement without running it: for the test that every query fits the schema.
MUST_CHECK enum err pg_prepare_only(struct pg *pg, const char *sql, struct why *why);
// Runs a script of many statements (a migration); stops at the first that fails.
MUST_CHECK enum err pg_script(struct pg *pg, const char *script, struct why *why);

// Sends `data` (made by store/copy.h) to a COPY ... FROM STDIN (FORMAT binary).
MUST_CHECK enum err pg_copy(struct pg *pg, const char *sql, struct bytes data, size_t *ret_rows,
                            struct why *why);

MUST_CHECK enum err pg_begin(struct pg *pg, struct why *why);
// ERR_RETRY: the outcome is unknown; only the tables can tell it. A transaction that had failed is
// rolled back by the server and gives ERR_FATAL: the caller went on after an error.
MUST_CHECK enum err pg_commit(struct pg *pg, struct why *why);
// Ends a transaction where one is open; a connection that cannot is given up.
void pg_rollback(struct pg *pg);
