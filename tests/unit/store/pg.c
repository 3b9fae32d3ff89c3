// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/pg.h"
#include "support/pg.h"

static struct pg_server *server;

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static void states_of_errors_have_their_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum err err;
    } cases[] = {
        {NULL, ERR_RETRY},     {"08006", ERR_RETRY},  {"40001", ERR_RETRY},  {"40P01", ERR_RETRY},
        {"57P01", ERR_RETRY},  {"57P02", ERR_RETRY},  {"57P03", ERR_RETRY},  {"57014", ERR_RETRY},
        {"53100", ERR_RETRY},  {"53300", ERR_RETRY},  {"55P03", ERR_RETRY},  {"25006", ERR_RETRY},
        {"25P03", ERR_RETRY},  {"58030", ERR_RETRY},  {"22021", ERR_REJECT}, {"23505", ERR_REJECT},
        {"23514", ERR_REJECT}, {"54000", ERR_REJECT}, {"42501", ERR_FATAL},  {"42601", ERR_FATAL},
        {"42P01", ERR_FATAL},  {"28P01", ERR_FATAL},  {"3D000", ERR_FATAL},  {"57P04", ERR_FATAL},
        {"XX001", ERR_FATAL},  {"25P02", ERR_FATAL},  {"0A000", ERR_FATAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(pg_verdict(cases[i].sqlstate), cases[i].err);
}

static void an_idle_connection_notices_that_its_server_is_gone(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    struct pg *pg = pg_server_connect(url, NULL), *other = pg_server_connect(url, NULL);
    assert_true(pg_is_alive(pg));
    assert_int_equal(pg_value(pg, "SELECT 1"), 1);
    assert_true(pg_is_alive(pg));
    pg_must(other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   " WHERE pid <> pg_backend_pid() AND datname = current_database()");
    int64_t end_ms = clock_mono_ms() + 10000;
    while (pg_is_alive(pg) && clock_mono_ms() < end_ms)
        usleep(1000);
    assert_false(pg_is_alive(pg));
    assert_false(pg_is_connected(pg));
    pg_server_crash(server);
    while (pg_is_alive(other) && clock_mono_ms() < end_ms)
        usleep(1000);
    assert_false(pg_is_connected(other));
    pg_server_again(server);
    pg_close(other);
    pg_close(pg);
    free(url);
}

static void a_broken_url_is_refused_and_not_quoted(void **state)
{
    (void)state;
    struct pg *pg = NULL;
    struct why why = {0};
    struct pg_options options = {
        .url = "postgresql://me:geheim@host:99999x/db", .application_name = "test", .stop_fd = -1};
    enum err err = pg_open(&options, &pg, &why);
    if (err == ERR_OK) // what libpq only finds at the connect
        err = pg_connect(pg, &why);
    assert_int_not_equal(err, ERR_OK);
    assert_null(strstr(why.text, "geheim"));
    pg_close(pg);
    options.url = "postgresql://[broken";
    assert_err(pg_open(&options, &pg, &why), ERR_FATAL, &why);
}

static void a_server_that_is_away_is_worth_a_retry_and_a_missing_database_is_not(void **state)
{
    (void)state;
    struct why why = {0};
    struct pg *pg = NULL;
    struct pg_options options = {
        .url = "host=/nowhere dbname=x", .application_name = "test", .stop_fd = -1};
    assert_ok(pg_open(&options, &pg, &why), &why);
    assert_err(pg_connect(pg, &why), ERR_RETRY, &why);
    assert_false(pg_is_connected(pg));
    assert_err(pg_exec(pg, "SELECT 1", NULL, 0, NULL, &why), ERR_RETRY, &why);
    pg_close(pg);

    char *url = pg_server_new_database(server);
    char *other = mem_printf("%s_not_there", url);
    options.url = other;
    assert_ok(pg_open(&options, &pg, &why), &why);
    assert_err(pg_connect(pg, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "3d000");
    pg_close(pg);
    free(other);
    free(url);
}

static void values_come_back_as_they_went(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p) struct pg *pg = pg_server_connect(url, NULL);
    free(url);
    static const int32_t int4s[] = {1, -2};
    static const int64_t int8s[] = {INT64_MAX, PG_NULL_INT8};
    static const int64_t times[] = {0, PG_NULL_INT8};
    const struct bytes texts[] = {bytes_from_string("a'b"), bytes_of(NULL, 0),
                                  bytes_from_string("")};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct why why = {0};
    assert_ok(
        pg_exec(pg,
                "SELECT $1::boolean, $2::integer, $3::bigint, $4::double precision, "
                "$5::text, $6::timestamptz, $7::text, ($8::integer[])[2], "
                "($9::bigint[])[2] IS NULL, ($10::text[])[1], ($10::text[])[2] IS NULL, "
                "($10::text[])[3], ($11::timestamptz[])[1], cardinality($12::bigint[]), "
                "7::smallint",
                (struct pg_param[]){PG_BOOL(true), PG_INT4(INT32_MIN), PG_INT8(INT64_MIN),
                                    PG_FLOAT8(0.1), PG_STRING("\xc3\xa9"), PG_TIME(-1), PG_NULL,
                                    PG_INT4S(int4s, 2), PG_INT8S(int8s, 2), PG_TEXTS(texts, 3),
                                    PG_TIMES(times, 2), PG_INT8S(NULL, 0)},
                12, &rows, &why),
        &why);
    assert_true(pg_get_bool(rows, 0, 0));
    assert_int_equal(pg_get_int4(rows, 0, 1), INT32_MIN);
    assert_true(pg_get_int8(rows, 0, 2) == INT64_MIN);
    assert_true(pg_get_float8(rows, 0, 3) == 0.1);
    assert_true(bytes_equal_string(pg_get_text(rows, 0, 4), "\xc3\xa9"));
    assert_int_equal(pg_get_time_ms(rows, 0, 5), -1);
    assert_true(pg_is_null(rows, 0, 6));
    assert_null(pg_get_text(rows, 0, 6).data);
    assert_int_equal(pg_get_int4(rows, 0, 7), -2);
    assert_true(pg_get_bool(rows, 0, 8));
    assert_true(bytes_equal_string(pg_get_text(rows, 0, 9), "a'b"));
    assert_true(pg_get_bool(rows, 0, 10));
    assert_int_equal(pg_get_text(rows, 0, 11).len, 0);
    assert_int_equal(pg_get_time_ms(rows, 0, 12), 0);
    assert_int_equal(pg_get_int4(rows, 0, 13), 0);
    assert_int_equal(pg_get_int2(rows, 0, 14), 7);
}

static void a_failed_statement_leaves_the_connection_usable(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p) struct pg *pg = pg_server_connect(url, NULL);
    free(url);
    struct why why = {0};
    assert_err(pg_exec(pg, "SELECT nothing_like_it", NULL, 0, NULL, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "42703");
    assert_err(
        pg_exec(pg, "SELECT $1::text", (struct pg_param[]){PG_STRING("\xff")}, 1, NULL, &why),
        ERR_REJECT, &why);
    assert_err(pg_exec(pg, "COPY pg_class TO STDOUT", NULL, 0, NULL, &why), ERR_FATAL, &why);
    assert_ok(pg_connect(pg, &why), &why);
    assert_int_equal(pg_value(pg, "SELECT 5"), 5);
    size_t rows = 0;
    assert_err(pg_copy(pg, "COPY no_table FROM STDIN", bytes_of(NULL, 0), &rows, &why), ERR_FATAL,
               &why);
    assert_err(pg_copy(pg, "SELECT 1", bytes_of(NULL, 0), &rows, &why), ERR_FATAL, &why);
    assert_int_equal(pg_value(pg, "SELECT 6"), 6);
}

static enum err insert_both(struct pg *pg, int64_t first, int64_t second, struct pg_rows **ret,
                            struct why *why)
{
    const struct pg_param params[] = {PG_INT8(first), PG_INT8(second)};
    const struct pg_statement statements[] = {
        {"INSERT INTO t VALUES ($1::bigint) RETURNING i", &params[0], 1},
        {"INSERT INTO t VALUES ($1::bigint) RETURNING i + 10", &params[1], 1}};
    return pg_exec_together(pg, statements, 2, ret, why);
}

static void statements_together_happen_all_or_none_of_them(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p) struct pg *pg = pg_server_connect(url, NULL);
    CLEANUP(pg_close_p) struct pg *killer = pg_server_connect(url, NULL);
    free(url);
    struct why why = {0};
    struct pg_rows *rows[2] = {NULL, NULL};
    pg_must(pg, "CREATE TABLE t (i bigint PRIMARY KEY)");
    assert_ok(insert_both(pg, 1, 2, rows, &why), &why);
    assert_int_equal(pg_get_int8(rows[0], 0, 0), 1);
    assert_int_equal(pg_get_int8(rows[1], 0, 0), 12);
    pg_rows_free(rows[0]);
    pg_rows_free(rows[1]);
    assert_err(insert_both(pg, 3, 1, rows, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "23505");
    assert_err(insert_both(pg, 2, 4, rows, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "23505");
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM t"), 2);
    const struct pg_statement copy[] = {{"COPY t TO STDOUT", NULL, 0}};
    assert_err(pg_exec_together(pg, copy, 1, rows, &why), ERR_FATAL, &why);
    assert_ok(pg_connect(pg, &why), &why);
    assert_int_equal(pg_value(killer, "SELECT count(pg_terminate_backend(pid)) FROM "
                                      "pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                                      "datname = current_database()"),
                     1);
    assert_err(insert_both(pg, 5, 6, rows, &why), ERR_RETRY, &why);
    assert_false(pg_is_connected(pg));
    assert_err(insert_both(pg, 5, 6, rows, &why), ERR_RETRY, &why);
    assert_ok(pg_connect(pg, &why), &why);
    assert_ok(insert_both(pg, 5, 6, rows, &why), &why);
    pg_rows_free(rows[0]);
    pg_rows_free(rows[1]);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM t"), 4);
}

static void a_transaction_that_failed_is_not_taken_for_committed(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p) struct pg *pg = pg_server_connect(url, NULL);
    free(url);
    struct why why = {0};
    pg_must(pg, "CREATE TABLE t (i integer PRIMARY KEY)");
    assert_ok(pg_begin(pg, &why), &why);
    pg_must(pg, "INSERT INTO t VALUES (1)");
    assert_err(pg_exec(pg, "INSERT INTO t VALUES (1)", NULL, 0, NULL, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "23505");
    assert_err(pg_commit(pg, &why), ERR_FATAL, &why);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM t"), 0);
    assert_ok(pg_begin(pg, &why), &why);
    pg_must(pg, "INSERT INTO t VALUES (1)");
    pg_rollback(pg);
    assert_true(pg_is_connected(pg));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM t"), 0);
}

static void a_killed_backend_is_a_retry_and_the_next_connect_works(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p)
    struct pg *pg =
        pg_server_connect(url, "SELECT set_config('application_name', 'victim', false)");
    CLEANUP(pg_close_p) struct pg *killer = pg_server_connect(url, NULL);
    free(url);
    struct why why = {0};
    uint64_t session = pg_session(pg);
    assert_ok(pg_begin(pg, &why), &why);
    assert_int_equal(pg_value(killer, "SELECT count(pg_terminate_backend(pid)) FROM "
                                      "pg_stat_activity WHERE application_name = 'victim'"),
                     1);
    assert_err(pg_exec(pg, "SELECT 1", NULL, 0, NULL, &why), ERR_RETRY, &why);
    assert_false(pg_is_connected(pg));
    // Half a transaction on a new connection must not happen by itself.
    assert_err(pg_exec(pg, "SELECT 1", NULL, 0, NULL, &why), ERR_RETRY, &why);
    assert_ok(pg_connect(pg, &why), &why);
    assert_true(pg_session(pg) > session);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM pg_stat_activity WHERE pid = "
                                  "pg_backend_pid() AND application_name = 'victim'"),
                     1);
}

static void a_crash_of_the_server_is_a_retry(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p) struct pg *pg = pg_server_connect(url, NULL);
    free(url);
    struct why why = {0};
    pg_server_crash(server);
    assert_err(pg_exec(pg, "SELECT 1", NULL, 0, NULL, &why), ERR_RETRY, &why);
    assert_err(pg_connect(pg, &why), ERR_RETRY, &why);
    pg_server_again(server);
    assert_ok(pg_connect(pg, &why), &why);
    assert_int_equal(pg_value(pg, "SELECT 1"), 1);
}

static void an_answer_that_does_not_come_ends_by_the_deadline_or_the_stop(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    int stop_pipe[2];
    assert_int_equal(pipe(stop_pipe), 0);
    struct pg_options options = {
        .url = url, .application_name = "test", .wait_ms = 300, .stop_fd = stop_pipe[0]};
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    struct why why = {0};
    assert_ok(pg_open(&options, &pg, &why), &why);
    assert_ok(pg_connect(pg, &why), &why);
    int64_t began_ms = clock_mono_ms();
    assert_err(pg_exec(pg, "SELECT pg_sleep(30)", NULL, 0, NULL, &why), ERR_RETRY, &why);
    assert_true(clock_mono_ms() - began_ms < 5000);
    assert_false(pg_is_connected(pg));
    pg_close(TAKE(pg));

    options.wait_ms = 60000;
    assert_ok(pg_open(&options, &pg, &why), &why);
    assert_ok(pg_connect(pg, &why), &why);
    assert_int_equal(write(stop_pipe[1], "s", 1), 1);
    began_ms = clock_mono_ms();
    assert_int_equal(pg_value(pg, "SELECT 1"), 1); // what is quick still gets done
    assert_err(pg_exec(pg, "SELECT pg_sleep(30)", NULL, 0, NULL, &why), ERR_STOP, &why);
    assert_true(clock_mono_ms() - began_ms < 10000);
    close(stop_pipe[0]);
    close(stop_pipe[1]);
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_of_errors_have_their_verdicts),
        cmocka_unit_test(an_idle_connection_notices_that_its_server_is_gone),
        cmocka_unit_test(a_broken_url_is_refused_and_not_quoted),
        cmocka_unit_test(a_server_that_is_away_is_worth_a_retry_and_a_missing_database_is_not),
        cmocka_unit_test(values_come_back_as_they_went),
        cmocka_unit_test(a_failed_statement_leaves_the_connection_usable),
        cmocka_unit_test(statements_together_happen_all_or_none_of_them),
        cmocka_unit_test(a_transaction_that_failed_is_not_taken_for_committed),
        cmocka_unit_test(a_killed_backend_is_a_retry_and_the_next_connect_works),
        cmocka_unit_test(a_crash_of_the_server_is_a_retry),
        cmocka_unit_test(an_answer_that_does_not_come_ends_by_the_deadline_or_the_stop),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
