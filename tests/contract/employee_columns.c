// SPDX-License-Identifier: MIT
// The columns that the migrations give to the table `employee` are, beside those of every row, the
// ones that the shipped features file makes: same names, same types, same order.
#include "support/check.h"

#include <glob.h>
#include <stdio.h>

#include "domain/features.h"

// Columns that every row has, and what begins a line that is no column.
static const char *const others[] = {
    "employee_id",  "event_id",   "event_time", "change",           "source",
    "requested_by", "topic_rank", "generation", "source_partition", "source_offset",
    "left_at",      "CHECK",      "CONSTRAINT", "PRIMARY",          "UNIQUE"};

static void read_whole(const char *path, struct text *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    char part[4096];
    size_t got = 0;
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        assert_int_equal(text_append(out, part, got), ERR_OK);
    assert_int_equal(fclose(file), 0);
}

static void read_migrations(struct text *out)
{
    glob_t found = {0};
    assert_int_equal(glob(SOURCE_DIR "/sql/migrations/*.sql", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        read_whole(found.gl_pathv[i], out);
    globfree(&found);
}

static bool is_other(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return false;
}

// "name type\n" of each line of CREATE TABLE employee that is a column of an attribute.
static void attribute_columns(const char *sql, struct text *out)
{
    const char *at = strstr(sql, "CREATE TABLE employee (\n");
    if (at == NULL)
        fail_msg("no CREATE TABLE employee in sql/migrations");
    while ((at = strchr(at, '\n')) != NULL && at[1] != ')') {
        char name[64] = "", first[32] = "", second[32] = "";
        at++;
        at += strspn(at, " ");
        if (sscanf(at, "%63[^ (\n] %31[a-z] %31[a-z]", name, first, second) < 1)
            continue;
        if (is_other(name) || strncmp(name, "--", 2) == 0)
            continue;
        bool is_two_words = strcmp(first, "double") == 0;
        assert_int_equal(text_printf(out, "%s %s%s%s\n", name, first, is_two_words ? " " : "",
                                     is_two_words ? second : ""),
                         ERR_OK);
    }
}

static void the_table_has_the_columns_that_the_features_make(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    CLEANUP(text_done) struct text derived = TEXT_INIT(1 << 16);
    CLEANUP(text_done) struct text migrated = TEXT_INIT(1 << 16);
    CLEANUP(text_done) struct text sql = TEXT_INIT(1 << 20);
    assert_int_equal(features_write_columns(features, &derived), ERR_OK);
    read_migrations(&sql);
    attribute_columns(text_string(&sql), &migrated);
    assert_string_equal(text_string(&migrated), text_string(&derived));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_the_columns_that_the_features_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
