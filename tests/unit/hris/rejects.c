// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rejects.h"

static char directory[] = "/tmp/unit-hris-rejects-XXXXXX";
static char path[64];

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/x.rejected.csv", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path) == 0 || errno == ENOENT ? 0 : -1;
}

static void put(const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void expect_file(const char *expected)
{
    char content[4096];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(content, 1, sizeof content - 1, file);
    content[len] = '\0';
    fclose(file);
    assert_string_equal(content, expected);
}

static struct csv_row row_of(const struct bytes *fields, size_t count, size_t line)
{
    return (struct csv_row){.line = line, .fields = fields, .count = count};
}

static enum err open_at(size_t next_line, struct rejects **ret, struct why *why)
{
    const struct bytes names[] = {bytes_from_string("Id"), bytes_from_string("Age")};
    const struct csv_row header = row_of(names, 2, 1);
    const struct rejects_options options = {
        .path = path, .delimiter = ',', .row_bytes_max = 4096, .next_line = next_line};
    return rejects_open(&options, &header, ret, why);
}

static struct rejects *opened(size_t next_line)
{
    struct rejects *rejects = NULL;
    struct why why = {0};
    assert_ok(open_at(next_line, &rejects, &why), &why);
    return rejects;
}

static void add(struct rejects *rejects, size_t line, const char *id)
{
    struct why refusal = {.code = "bad", .text = "it is \"bad\""}, why = {0};
    const struct bytes fields[] = {bytes_from_string(id), bytes_from_string("x,y")};
    const struct csv_row row = row_of(fields, 2, line);
    assert_ok(rejects_add(rejects, &row, &refusal, &why), &why);
}

static void commit(struct rejects *rejects)
{
    struct why why = {0};
    assert_ok(rejects_sync(rejects, &why), &why);
    rejects_keep(rejects);
}

#define HEAD            "\"rejected_line\",\"rejected_code\",\"rejected_reason\",\"Id\",\"Age\"\n"
#define ENTRY(line, id) "\"" line "\",\"bad\",\"it is \"\"bad\"\"\",\"" id "\",\"x,y\"\n"

static void there_is_no_file_while_nothing_is_rejected(void **state)
{
    (void)state;
    CLEANUP(rejects_close_p) struct rejects *rejects = opened(1);
    commit(rejects);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_rejected_row_stands_with_its_reason_under_the_inputs_header(void **state)
{
    (void)state;
    CLEANUP(rejects_close_p) struct rejects *rejects = opened(1);
    add(rejects, 7, "17");
    commit(rejects);
    expect_file(HEAD ENTRY("7", "17"));
    struct stat stat_;
    assert_int_equal(stat(path, &stat_), 0);
    assert_int_equal(stat_.st_mode & 0777, 0600);
}

static void rows_of_a_transaction_that_was_aborted_are_taken_back(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(rejects_close_p) struct rejects *rejects = opened(1);
    add(rejects, 7, "17");
    commit(rejects);
    add(rejects, 8, "18");
    assert_ok(rejects_sync(rejects, &why), &why);
    assert_ok(rejects_take_back(rejects, &why), &why);
    expect_file(HEAD ENTRY("7", "17"));
    add(rejects, 9, "19");
    commit(rejects);
    expect_file(HEAD ENTRY("7", "17") ENTRY("9", "19"));
}

static void a_run_that_goes_on_keeps_what_stands_before_its_line(void **state)
{
    (void)state;
    put(HEAD ENTRY("7", "17") ENTRY("8", "a\nb") ENTRY("12", "22") ENTRY("13", "23"));
    CLEANUP(rejects_close_p) struct rejects *rejects = opened(12);
    add(rejects, 12, "22");
    commit(rejects);
    expect_file(HEAD ENTRY("7", "17") ENTRY("8", "a\nb") ENTRY("12", "22"));
}

static void a_torn_last_entry_goes(void **state)
{
    (void)state;
    put(HEAD ENTRY("7", "17") "\"8\",\"bad\",\"it is");
    rejects_close(opened(100));
    expect_file(HEAD ENTRY("7", "17"));
}

static void a_new_import_takes_the_file_of_an_earlier_one_away(void **state)
{
    (void)state;
    put(HEAD ENTRY("7", "17"));
    CLEANUP(rejects_close_p) struct rejects *rejects = opened(1);
    assert_int_equal(access(path, F_OK), -1);
    add(rejects, 2, "12");
    commit(rejects);
    expect_file(HEAD ENTRY("2", "12"));
}

static void a_file_of_another_kind_is_left_alone(void **state)
{
    (void)state;
    struct rejects *rejects = NULL;
    struct why why = {0};
    put("dear diary\n");
    assert_err(open_at(1, &rejects, &why), ERR_REJECT, &why);
    assert_err(open_at(5, &rejects, &why), ERR_REJECT, &why);
    expect_file("dear diary\n");
}

static void two_imports_do_not_share_a_file(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(rejects_close_p) struct rejects *first = opened(1), *second = NULL;
    CLEANUP(rejects_close_p) struct rejects *early = opened(1);
    add(first, 7, "17");
    commit(first);
    assert_err(open_at(1, &second, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "reject-file-busy");
    add(early, 8, "18");
    assert_err(rejects_sync(early, &why), ERR_REJECT, &why);
    assert_ok(rejects_take_back(early, &why), &why);
    expect_file(HEAD ENTRY("7", "17"));
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
    (void)state;
    struct why refusal = {.code = "bad", .text = "no text"}, why = {0};
    CLEANUP(rejects_close_p) struct rejects *rejects = opened(1);
    const struct bytes fields[] = {bytes_of("a\0\xff", 3), bytes_from_string("\xc3\xab")};
    const struct csv_row row = row_of(fields, 2, 3);
    assert_ok(rejects_add(rejects, &row, &refusal, &why), &why);
    commit(rejects);
    expect_file(HEAD "\"3\",\"bad\",\"no text\",\"a\xef\xbf\xbd\xef\xbf\xbd\",\"\xc3\xab\"\n");
}

static void a_mended_file_of_rejected_rows_does_not_repeat_its_columns(void **state)
{
    (void)state;
    const struct bytes names[] = {bytes_from_string("rejected_line"), bytes_from_string("Id")};
    const struct bytes fields[] = {bytes_from_string("70"), bytes_from_string("17")};
    const struct csv_row header = row_of(names, 2, 1), row = row_of(fields, 2, 2);
    const struct rejects_options options = {
        .path = path, .delimiter = ';', .row_bytes_max = 4096, .next_line = 1};
    CLEANUP(rejects_close_p) struct rejects *rejects = NULL;
    struct why refusal = {.code = "bad", .text = "again"}, why = {0};
    assert_ok(rejects_open(&options, &header, &rejects, &why), &why);
    assert_ok(rejects_add(rejects, &row, &refusal, &why), &why);
    commit(rejects);
    expect_file("\"rejected_line\";\"rejected_code\";\"rejected_reason\";\"Id\"\n"
                "\"2\";\"bad\";\"again\";\"17\"\n");
}

#define TEST(function) cmocka_unit_test_teardown(function, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(there_is_no_file_while_nothing_is_rejected),
        TEST(a_rejected_row_stands_with_its_reason_under_the_inputs_header),
        TEST(rows_of_a_transaction_that_was_aborted_are_taken_back),
        TEST(a_run_that_goes_on_keeps_what_stands_before_its_line),
        TEST(a_torn_last_entry_goes),
        TEST(a_new_import_takes_the_file_of_an_earlier_one_away),
        TEST(a_file_of_another_kind_is_left_alone),
        TEST(two_imports_do_not_share_a_file),
        TEST(bytes_that_are_no_text_are_replaced),
        TEST(a_mended_file_of_rejected_rows_does_not_repeat_its_columns),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
