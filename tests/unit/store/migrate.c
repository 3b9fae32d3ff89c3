// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "store/migrate.h"
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

static struct pg *new_connection(void)
{
    char *url = pg_server_new_database(server);
    struct pg *pg = pg_server_connect(url, NULL);
    free(url);
    return pg;
}

static const struct sql_migration three[] = {
    {1, "first", "CREATE TABLE a (i integer); INSERT INTO a VALUES (1)"},
    {2, "second", "CREATE TABLE b (i integer)"},
    {3, "third", "ALTER TABLE a ADD COLUMN j integer"},
};

static enum err run(struct pg *pg, const struct sql_migration *migrations, size_t count,
                    size_t *ret_applied, struct why *why)
{
    return migrate_run(pg, &(struct migrate_options){.migrations = migrations, .count = count},
                       ret_applied, why);
}

static void each_is_applied_once_in_its_order(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = new_connection();
    struct why why = {0};
    size_t applied = 9;
    assert_ok(run(pg, three, 2, &applied, &why), &why);
    assert_int_equal(applied, 2);
    assert_err(migrate_check(pg, three, 3, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "run retentionctl migrate"));
    assert_ok(run(pg, three, 3, &applied, &why), &why);
    assert_int_equal(applied, 1);
    assert_ok(run(pg, three, 3, &applied, &why), &why);
    assert_int_equal(applied, 0);
    assert_int_equal(pg_value(pg, "SELECT count(j) + count(i) FROM a"), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM schema_migrations"), 3);
    assert_ok(migrate_check(pg, three, 3, &why), &why);
}

static void a_changed_migration_is_refused_by_name(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = new_connection();
    struct why why = {0};
    size_t applied = 0;
    assert_ok(run(pg, three, 3, &applied, &why), &why);
    struct sql_migration changed[3];
    memcpy(changed, three, sizeof changed);
    changed[1].text = "CREATE TABLE b (i bigint)";
    assert_err(run(pg, changed, 3, &applied, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "migration 2 (second) was changed"));
    assert_err(migrate_check(pg, changed, 3, &why), ERR_FATAL, &why);
    changed[1] = (struct sql_migration){2, "other", three[1].text};
    assert_err(run(pg, changed, 3, &applied, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "another program or branch"));
}

static void a_database_newer_than_the_program_is_refused(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = new_connection();
    struct why why = {0};
    size_t applied = 0;
    assert_ok(run(pg, three, 3, &applied, &why), &why);
    assert_err(run(pg, three, 2, &applied, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "newer than this program"));
    assert_err(migrate_check(pg, three, 2, &why), ERR_FATAL, &why);
}

static void a_migration_that_fails_leaves_nothing_behind(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = new_connection();
    struct why why = {0};
    size_t applied = 0;
    const struct sql_migration broken[] = {
        three[0],
        {2, "broken", "CREATE TABLE c (i integer); INSERT INTO no_such_table VALUES (1)"}};
    assert_err(run(pg, broken, 2, &applied, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "migration 2 (broken)"));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM schema_migrations"), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM pg_class WHERE relname = 'c'"), 0);
    // The lock is free again, and the repaired file goes through.
    assert_ok(run(pg, three, 3, &applied, &why), &why);
    assert_int_equal(applied, 2);
}

static void a_second_runner_waits_and_gives_up_in_time(void **state)
{
    (void)state;
    char *url = pg_server_new_database(server);
    CLEANUP(pg_close_p) struct pg *first = pg_server_connect(url, NULL);
    CLEANUP(pg_close_p) struct pg *second = pg_server_connect(url, NULL);
    free(url);
    struct why why = {0};
    pg_must(first, sql_migration_lock);
    size_t applied = 0;
    struct migrate_options options = {.migrations = three, .count = 3, .lock_wait_ms = 300};
    assert_err(migrate_run(second, &options, &applied, &why), ERR_RETRY, &why);
    assert_int_equal(pg_value(second, "SELECT count(*) FROM pg_class WHERE relname = 'a'"), 0);
    pg_close(TAKE(first)); // a runner that dies gives the lock back
    options.lock_wait_ms = 10000;
    assert_ok(migrate_run(second, &options, &applied, &why), &why);
    assert_int_equal(applied, 3);
}

static void an_empty_database_is_told_from_a_migrated_one(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = new_connection();
    struct why why = {0};
    assert_err(migrate_check(pg, three, 3, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "run retentionctl migrate"));
}

static void the_shipped_migrations_count_from_one(void **state)
{
    (void)state;
    const struct sql_migration *migrations = NULL;
    size_t count = sql_migrations(&migrations);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(migrations[i].version, i + 1);
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct why why = {0};
    assert_ok(migrate_check(pg, migrations, count, &why), &why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_applied_once_in_its_order),
        cmocka_unit_test(a_changed_migration_is_refused_by_name),
        cmocka_unit_test(a_database_newer_than_the_program_is_refused),
        cmocka_unit_test(a_migration_that_fails_leaves_nothing_behind),
        cmocka_unit_test(a_second_runner_waits_and_gives_up_in_time),
        cmocka_unit_test(an_empty_database_is_told_from_a_migrated_one),
        cmocka_unit_test(the_shipped_migrations_count_from_one),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
