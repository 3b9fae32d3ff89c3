// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "unknowns.h"

static const char features_json[] =
    "{\"format\": \"employee-features\", \"format_version\": 1, \"attributes\": ["
    "{\"name\": \"Role\", \"type\": \"category\", \"role\": \"input\", \"categories\": ["
    "{\"name\": \"Manager\"}]},"
    "{\"name\": \"Site\", \"type\": \"category\", \"role\": \"input\", \"categories\": ["
    "{\"name\": \"North\"}]}]}";

enum { ROLE, SITE };

static int make_unknowns(void **state)
{
    static struct features *features;
    struct why why = {0};
    features_free(features);
    assert_ok(features_parse(bytes_from_string(features_json), &features, &why), &why);
    *state = unknowns_new(features);
    return 0;
}

static int free_unknowns(void **state)
{
    unknowns_free(*state);
    return 0;
}

static void note(struct unknowns *unknowns, int64_t number, size_t attribute, const char *value)
{
    unknowns_note(unknowns, number, attribute, bytes_from_string(value));
}

static void expect(const struct unknowns *unknowns, int64_t rows, size_t ceiling, const char *list)
{
    CLEANUP(text_done) struct text out = TEXT_INIT(ceiling);
    assert_int_equal(unknowns_rows(unknowns), rows);
    unknowns_write(unknowns, &out);
    assert_string_equal(text_string(&out), list);
}

static void nothing_is_said_of_nothing(void **state)
{
    expect(*state, 0, 200, "");
}

static void a_row_counts_once_whatever_it_has(void **state)
{
    note(*state, 2, SITE, "south");
    note(*state, 2, ROLE, "boss");
    note(*state, 9, ROLE, "boss");
    expect(*state, 2, 200, "Role (\"boss\"), Site (\"south\")");
    // The transaction is taken back, and its rows are read again.
    note(*state, 2, SITE, "south");
    note(*state, 9, ROLE, "boss");
    note(*state, 10, ROLE, "boss");
    expect(*state, 3, 200, "Role (\"boss\"), Site (\"south\")");
}

static void of_many_values_a_few_are_kept(void **state)
{
    for (int i = 0; i < 100; i++) {
        char value[16];
        snprintf(value, sizeof value, "v%d", i);
        note(*state, i + 1, ROLE, value);
    }
    note(*state, 101, SITE, "south");
    expect(*state, 101, 200,
           "Role (\"v0\", \"v1\", \"v2\", \"v3\", \"v4\" and others), Site (\"south\")");
    expect(*state, 101, 85, "Role (\"v0\", \"v1\", \"v2\", \"v3\", \"v4\" and others), and 1 more");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_unknowns, free_unknowns)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_said_of_nothing),
        TEST(a_row_counts_once_whatever_it_has),
        TEST(of_many_values_a_few_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
