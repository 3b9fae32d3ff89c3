// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source.h"

static char path[] = "/tmp/unit-hris-source-XXXXXX";

static void put(const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int make_path(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void the_content_hash_is_that_of_the_whole_file(void **state)
{
    (void)state;
    struct source source;
    struct why why = {0};
    put("abc");
    assert_ok(source_open(path, &source, &why), &why);
    assert_string_equal(source.content_hash,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(source.size_bytes, 3);
    char bytes[8];
    size_t len = 0;
    assert_ok(source_read(&source, bytes, sizeof bytes, &len, &why), &why);
    assert_int_equal(len, 3);
    assert_ok(source_check(&source, &why), &why);
    source_close(&source);
}

static void a_file_that_changes_while_it_is_read_is_noticed(void **state)
{
    (void)state;
    struct source source;
    struct why why = {0};
    put("a,b\n1,2\n");
    assert_ok(source_open(path, &source, &why), &why);
    put("a,b\n1,2\n3,4\n");
    assert_err(source_check(&source, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "file-changed");
    source_close(&source);
}

static void lines_are_counted_up_to_an_offset(void **state)
{
    (void)state;
    struct source source;
    struct why why = {0};
    size_t line = 0;
    put("a,b\n\"x\ny\",2\n\n3,4\n");
    assert_ok(source_open(path, &source, &why), &why);
    static const struct {
        int64_t offset;
        size_t line;
    } places[] = {{0, 1}, {4, 2}, {12, 4}, {13, 5}, {17, 6}};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        assert_ok(source_line(&source, places[i].offset, '\n', &line, &why), &why);
        assert_int_equal(line, places[i].line);
    }
    source_close(&source);
    put("a,b\r1,2\r\"x\ny\",4\r5,6\r");
    assert_ok(source_open(path, &source, &why), &why);
    assert_ok(source_line(&source, 16, '\r', &line, &why), &why);
    assert_int_equal(line, 4);
    source_close(&source);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    (void)state;
    struct source source;
    struct why why = {0};
    assert_err(source_open("/nowhere/employees.csv", &source, &why), ERR_REJECT, &why);
    assert_err(source_open("/tmp", &source, &why), ERR_REJECT, &why);
    assert_err(source_open("/dev/null", &source, &why), ERR_REJECT, &why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_content_hash_is_that_of_the_whole_file),
        cmocka_unit_test(a_file_that_changes_while_it_is_read_is_noticed),
        cmocka_unit_test(lines_are_counted_up_to_an_offset),
        cmocka_unit_test(what_is_no_regular_file_is_refused),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
