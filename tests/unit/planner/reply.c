// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "planner/reply.h"

#define NOON_MS INT64_C(1785585600000) // 2026-08-01T12:00:00Z

static void a_delay_is_read_with_its_unit_and_rounded_up(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } delays[] = {{"2.8s", 2800},
                  {"2.837906927s", 2838},
                  {"900ms", 900},
                  {"45.837906927s", 45838},
                  {"0s", 0},
                  {"0.0001s", 1},
                  {"417.5ms", 418},
                  {"2.8s.", 2800},
                  {"22s, or later", 22000},
                  {"abc", 0},
                  {"", 0},
                  {"s", 0},
                  {"5", 0},
                  {"5 s", 0},
                  {"-5s", 0},
                  {"1.2.3s", 0},
                  {"1e3s", 0},
                  {"5m", 0},
                  {"9999999s", INT64_C(9999999000)},
                  {"99999999999s", REPLY_DELAY_MAX_MS}};
    for (size_t i = 0; i < ARRAY_LEN(delays); i++)
        if (reply_delay_ms(delays[i].text) != delays[i].ms)
            fail_msg("%s is %lld ms", delays[i].text, (long long)reply_delay_ms(delays[i].text));
}

static void retry_after_is_seconds_or_a_date_in_any_of_its_three_forms(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t ms;
    } headers[] = {{"3", 3000},
                   {"0", 0},
                   {"120", 120000},
                   {"99999999999999999999", REPLY_DELAY_MAX_MS},
                   {"400000000", REPLY_DELAY_MAX_MS},
                   {"Sat, 01 Aug 2026 12:00:04 GMT", 4000},
                   {"Saturday, 01-Aug-26 12:00:04 GMT", 4000},
                   {"Sat Aug  1 12:00:04 2026", 4000},
                   {"Sat, 01 Aug 2026 11:59:59 GMT", 0},
                   {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
                   {"Sunday, 06-Nov-94 08:49:37 GMT", 0},
                   {"Sat, 01 Aug 9999 12:00:00 GMT", REPLY_DELAY_MAX_MS},
                   {"Sat, 32 Aug 2026 12:00:04 GMT", 0},
                   {"Sat, 01 ugS 2026 12:00:04 GMT", 0},
                   {"Sat, 01 Aug 2026 25:00:04 GMT", 0},
                   {"Sat, 01 Aug 2026 12:00:04 CET", 0},
                   {"", 0},
                   {"-3", 0},
                   {"3s", 0},
                   {"soon", 0}};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        int64_t ms = reply_retry_after_ms(bytes_from_string(headers[i].value), NOON_MS);
        if (ms != headers[i].ms)
            fail_msg("\"%s\" is %lld ms", headers[i].value, (long long)ms);
    }
    assert_int_equal(reply_retry_after_ms(bytes_of(NULL, 0), NOON_MS), 0);
}

static void halves_of_surrogate_pairs_are_joined_or_refused(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text text = TEXT_INIT(100);
    assert_true(reply_join_halves(&text)); // empty
    assert_ok(text_append_string(&text, "a\001d83d\001de00b\001D83D\001DE01"), &(struct why){0});
    assert_true(reply_join_halves(&text));
    assert_string_equal(text_string(&text), "a\xf0\x9f\x98\x80"
                                            "b\xf0\x9f\x98\x81");
    static const char *const lone[] = {"\001d83d", "\001de00\001d83d", "\001d83dx\001de00",
                                       "\001",     "a\001d8",          "\001d83d\001de0",
                                       "\001zzzz", "\0010041"};
    for (size_t i = 0; i < ARRAY_LEN(lone); i++) {
        text_clear(&text);
        assert_ok(text_append_string(&text, lone[i]), &(struct why){0});
        assert_false(reply_join_halves(&text));
    }
}

static void a_body_is_parsed_behind_a_mark_and_inside_an_array(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"a\":7}", "\xef\xbb\xbf{\"a\":7}", "[{\"a\":7}]",
                                         " [{\"a\":7},{}] ", "{\"a\":7,\"b\":\"\\ud83d\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        CLEANUP(json_free_p) struct json *document = NULL;
        const struct json *root = NULL;
        assert_true(reply_parse(bytes_from_string(bodies[i]), &document, &root));
        assert_int_equal(reply_tokens(root, "a"), 7);
    }
    static const char *const broken[] = {"", "{", "\xef\xbb\xbf", "nul", "{} {}", "\"\xff\""};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct json *document = NULL;
        const struct json *root = NULL;
        assert_false(reply_parse(bytes_from_string(broken[i]), &document, &root));
        assert_null(document);
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char deep[200];
    struct json *document = NULL;
    const struct json *root = NULL;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_false(reply_parse(bytes_of(deep, sizeof deep), &document, &root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delay_is_read_with_its_unit_and_rounded_up),
        cmocka_unit_test(retry_after_is_seconds_or_a_date_in_any_of_its_three_forms),
        cmocka_unit_test(halves_of_surrogate_pairs_are_joined_or_refused),
        cmocka_unit_test(a_body_is_parsed_behind_a_mark_and_inside_an_array),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
