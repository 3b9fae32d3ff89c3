// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "json/json.h"

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    struct why why = {0};
    assert_ok(json_parse(bytes_from_string(text), 4096, 8, &root, &why), &why);
    return root;
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "{\"a\":1,\"a\":2}",
                                      "[1] x",
                                      "\"\xff\"",
                                      "[1e999]",
                                      "[[[[[[[[[1]]]]]]]]]",
                                      "{\"a\\u0000b\":1}",
                                      "\"a\\u0000\"",
                                      "nan"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct json *root = NULL;
        struct why why = {0};
        assert_err(json_parse(bytes_from_string(bad[i]), 4096, 8, &root, &why), ERR_REJECT, &why);
        assert_null(root);
    }
    struct json *root = NULL;
    assert_int_equal(json_parse(bytes_from_string("[1,2,3]"), 3, 8, &root, NULL), ERR_REJECT);
}

static void getters_name_the_member_that_is_wrong(void **state)
{
    (void)state;
    CLEANUP(json_free_p)
    struct json *root = parse("{\"name\":\"x\",\"count\":3,\"share\":0.5,\"on\":true,\"no\":null}");
    struct why why = {0};
    const char *string = NULL;
    int64_t count = 0;
    double share = 0;
    bool on = false;
    assert_ok(json_get_string(root, "top", "name", 10, &string, &why), &why);
    assert_string_equal(string, "x");
    assert_ok(json_get_integer(root, "top", "count", 0, 5, &count, &why), &why);
    assert_ok(json_get_number(root, "top", "count", &share, &why), &why);
    assert_true(count == 3 && share == 3.0);
    assert_ok(json_get_boolean_or(root, "top", "on", false, &on, &why), &why);
    assert_true(on);
    assert_ok(json_get_string_or(root, "top", "no", 10, "fallback", &string, &why), &why);
    assert_string_equal(string, "fallback");
    assert_err(json_get_integer(root, "top", "count", 0, 2, &count, &why), ERR_REJECT, &why);
    assert_err(json_get_integer(root, "top", "share", 0, 2, &count, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "top.share"));
    assert_err(json_get_string(root, "top", "absent", 10, &string, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "top.absent is missing"));
    static const char *const known[] = {"name", "count", "share", "on"};
    assert_err(json_only_members(root, "top", known, 4, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "\"no\""));
}

static void strings_are_escaped_and_broken_utf8_is_replaced(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text out = TEXT_INIT(1000);
    assert_int_equal(json_write_string(&out, bytes_from_string("a\"\\\n\x01Zo\xc3\xab\xff.")),
                     ERR_OK);
    assert_string_equal(text_string(&out), "\"a\\\"\\\\\\n\\u0001Zo\xc3\xab\xef\xbf\xbd.\"");
    text_clear(&out);
    assert_int_equal(json_write_double(&out, 0.1), ERR_OK);
    assert_int_equal(json_write_double(&out, (double)NAN), ERR_OK);
    assert_string_equal(text_string(&out), "0.1null");
}

static void a_zero_character_is_told_in_words(void **state)
{
    (void)state;
    struct json *root = NULL;
    struct why why = {0};
    const struct bytes text = bytes_from_string("{\"a\":\"b\\u0000\"}");
    assert_err(json_parse(text, 1000, 10, &root, &why), ERR_REJECT, &why);
    assert_string_equal(why.text, "line 1 column 14: a text with a zero character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zero_character_is_told_in_words),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(getters_name_the_member_that_is_wrong),
        cmocka_unit_test(strings_are_escaped_and_broken_utf8_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
