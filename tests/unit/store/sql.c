// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "domain/features.h"
#include "store/copy.h"
#include "store/sql.h"
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

static void every_file_in_sql_queries_is_built_in(void **state)
{
    (void)state;
    const struct sql_query *queries = NULL;
    size_t count = sql_queries(&queries);
    glob_t files;
    assert_int_equal(glob(SOURCE_DIR "/sql/queries/*.sql", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        size_t at = 0;
        char *path = NULL;
        for (; at < count; at++) {
            path = mem_printf(SOURCE_DIR "/sql/queries/%s.sql", queries[at].name);
            bool is_it = strcmp(path, files.gl_pathv[i]) == 0;
            free(path);
            if (is_it)
                break;
        }
        if (at == count)
            fail_msg("%s is missing in lib/store/queries.def", files.gl_pathv[i]);
    }
    assert_int_equal(files.gl_pathc, count);
    globfree(&files);
}

// The server reads a COPY's column list only when it runs one, so a COPY is run with no rows.
static void check_query(struct pg *pg, const struct sql_query *query)
{
    struct why why = {0};
    CLEANUP(copy_done) struct copy copy;
    copy_init(&copy, 64);
    copy_begin(&copy);
    struct bytes nothing;
    assert_ok(copy_finish(&copy, &nothing, &why), &why);
    size_t rows = 0;
    enum err err = strncmp(query->text, "COPY ", 5) == 0
                       ? pg_copy(pg, query->text, nothing, &rows, &why)
                       : pg_prepare_only(pg, query->text, &why);
    if (err != ERR_OK)
        fail_msg("sql/queries/%s.sql: %s", query->name, why.text);
}

static void every_query_fits_the_migrated_schema(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    pg_must(pg, "BEGIN"); // some temporary tables live as long as a transaction
    pg_must(pg, sql_employee_incoming);
    pg_must(pg, sql_current_incoming);
    pg_must(pg, sql_history_incoming);
    pg_must(pg, sql_facts_incoming);
    pg_must(pg, sql_plan_incoming);
    const struct sql_query *queries = NULL;
    size_t count = sql_queries(&queries);
    for (size_t i = 0; i < count; i++)
        check_query(pg, &queries[i]);
}

// What the table has behind left_at, as "name type" lines.
static char *columns_of_employee(struct pg *pg)
{
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct why why = {0};
    assert_ok(pg_exec(pg,
                      "SELECT string_agg(column_name || ' ' || data_type, E'\\n' "
                      "ORDER BY ordinal_position) || E'\\n' "
                      "FROM information_schema.columns "
                      "WHERE table_name = 'employee' AND ordinal_position > "
                      "(SELECT ordinal_position FROM information_schema.columns "
                      " WHERE table_name = 'employee' AND column_name = 'left_at')",
                      NULL, 0, &rows, &why),
              &why);
    struct bytes text = pg_get_text(rows, 0, 0);
    return mem_dup_bytes(text.data, text.len);
}

static void the_columns_of_employee_are_those_of_the_shipped_features(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    CLEANUP(text_done) struct text expected = TEXT_INIT(65536);
    assert_int_equal(features_write_columns(features, &expected), ERR_OK);
    char *actual = columns_of_employee(pg);
    assert_string_equal(actual, text_string(&expected));
    free(actual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_in_sql_queries_is_built_in),
        cmocka_unit_test(every_query_fits_the_migrated_schema),
        cmocka_unit_test(the_columns_of_employee_are_those_of_the_shipped_features),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
