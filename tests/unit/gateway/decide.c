// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "decide.h"

static enum decide_answer after(bool reply, bool acknowledged, bool unsent, bool stored, bool due,
                                bool overdue)
{
    const struct decide_ask ask = {reply, acknowledged, unsent, stored, due, overdue};
    return decide_ask(&ask);
}

static void a_result_is_given_whatever_else_is_known(void **state)
{
    (void)state;
    for (int i = 0; i < 32; i++)
        assert_int_equal(after(true, i & 1, i & 2, i & 4, i & 8, i & 16), DECIDE_RESULT);
}

static void nothing_is_said_before_the_wait_is_over(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(after(false, i & 1, false, i & 2, false, false), DECIDE_WAIT);
}

static void accepted_is_said_only_where_it_is_in_kafka_and_in_the_table(void **state)
{
    (void)state;
    assert_int_equal(after(false, true, false, true, true, false), DECIDE_ACCEPTED);
    assert_int_equal(after(false, true, false, false, true, false), DECIDE_WAIT);
    assert_int_equal(after(false, false, false, true, true, false), DECIDE_WAIT);
    assert_int_equal(after(false, false, false, false, true, false), DECIDE_WAIT);
    // Also where the word of it came late.
    assert_int_equal(after(false, true, false, true, true, true), DECIDE_ACCEPTED);
}

static void what_nobody_knows_to_be_sent_or_stored_is_unavailable(void **state)
{
    (void)state;
    assert_int_equal(after(false, true, false, false, true, true), DECIDE_UNSTORED);
    assert_int_equal(after(false, false, false, true, true, true), DECIDE_UNSENT);
    assert_int_equal(after(false, false, false, false, true, true), DECIDE_UNSENT);
    // One that was given up is told at once.
    assert_int_equal(after(false, false, true, false, false, false), DECIDE_UNSENT);
    assert_int_equal(after(false, false, true, true, true, false), DECIDE_UNSENT);
}

static void waits(const char *prefer, int64_t expected_ms, bool expected_asked)
{
    bool is_asked = !expected_asked;
    int64_t wait_ms = decide_wait_ms(prefer, 10000, &is_asked);
    if (wait_ms != expected_ms || is_asked != expected_asked)
        fail_msg("Prefer: %s waits %lld ms, asked %d", prefer, (long long)wait_ms, is_asked);
}

static void the_wait_is_what_the_header_prefers(void **state)
{
    (void)state;
    waits(NULL, 10000, false);
    waits("", 10000, false);
    waits("wait=5", 5000, true);
    waits("WAIT=5", 5000, true);
    waits("return=minimal, wait=7; x=y", 7000, true);
    waits("wait=0", 0, true);
    waits("respond-async", 0, true);
    waits("respond-async, wait=100", 0, true);
    waits("wait=60", 60000, true);
    waits("wait=61", 60000, true);
    waits("wait=9223372036854775807", 60000, true);
    // What is no wait is no preference that is known.
    waits("wait=99999999999999999999", 10000, false);
    waits("wait=-1", 10000, false);
    waits("wait=", 10000, false);
    waits("wait=1.5", 10000, false);
    waits("waiting=1", 10000, false);
    waits(",,, ;", 10000, false);
}

static void a_key_is_printable_and_not_too_long(void **state)
{
    (void)state;
    char key[130];
    memset(key, 'k', sizeof key - 1);
    key[129] = '\0';
    assert_false(decide_key_is_good(""));
    assert_true(decide_key_is_good("8e03978e-40d5-43e8-bc93-6894a57f9324"));
    assert_true(decide_key_is_good("\"quoted\""));
    assert_false(decide_key_is_good("two words"));
    assert_false(decide_key_is_good("caf\xc3\xa9"));
    assert_false(decide_key_is_good(key));
    key[128] = '\0';
    assert_true(decide_key_is_good(key));
}

static void a_traceparent_is_taken_only_as_the_standard_has_it(void **state)
{
    (void)state;
    static const char *const good[] = {
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"};
    static const char *const bad[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(decide_traceparent_is_good(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(decide_traceparent_is_good(bad[i]));
}

static void a_media_type_is_told_by_its_name_and_its_charset(void **state)
{
    (void)state;
    assert_true(decide_type_is("application/json", "application/json"));
    assert_true(decide_type_is("Application/JSON; charset=utf-8", "application/json"));
    assert_true(decide_type_is("application/json;charset=\"UTF-8\"", "application/json"));
    assert_false(decide_type_is("application/json; charset=latin1", "application/json"));
    assert_false(decide_type_is("application/jsonp", "application/json"));
    assert_false(decide_type_is("application/x-www-form-urlencoded", "application/json"));
    assert_false(decide_type_is("", "application/json"));
    assert_true(decide_accepts("text/html, text/event-stream;q=0.5", "text/event-stream"));
    assert_false(decide_accepts("*/*", "text/event-stream"));
}

static bool is_number(const char *id)
{
    return decide_id_is_number(bytes_from_string(id));
}

static void an_id_is_a_number_only_where_it_comes_back_the_same(void **state)
{
    (void)state;
    assert_true(is_number("0"));
    assert_true(is_number("1"));
    assert_true(is_number("1000000000"));
    assert_true(is_number("9007199254740991"));
    assert_false(is_number("9007199254740992"));
    assert_false(is_number("01"));
    assert_false(is_number("-1"));
    assert_false(is_number("-0"));
    assert_false(is_number("+1"));
    assert_false(is_number(""));
    assert_false(is_number("1e3"));
    assert_false(is_number("E-17"));
    assert_false(is_number("99999999999999999999"));
}

static bool is_source(const char *id)
{
    return decide_is_source_id(bytes_from_string(id));
}

static void the_id_of_a_prediction_is_a_place(void **state)
{
    (void)state;
    assert_true(is_source("score-requests/3/17"));
    assert_true(is_source("employee-changes@2/0/1842001"));
    assert_true(is_source("t1234-score-requests/7/0"));
    assert_false(is_source("score-requests/3"));
    assert_false(is_source("score-requests/3/"));
    assert_false(is_source("/3/17"));
    assert_false(is_source("score requests/3/17"));
    assert_false(is_source("score-requests/-3/17"));
    assert_false(is_source("score-requests@/3/17"));
    assert_false(is_source("'; DROP TABLE users; --/3/17"));
    assert_false(is_source(""));
    assert_false(is_source("//"));
}

static enum decide_repeat repeat_of(const char *stored, enum requests_state state, const char *came)
{
    const struct requests_row row = {.body_sha256 = bytes_from_string(stored), .state = state};
    return decide_repeat(&row, bytes_from_string(came));
}

static void a_key_gives_the_first_result_to_the_same_body_only(void **state)
{
    (void)state;
    assert_int_equal(repeat_of("aa", REQUESTS_DONE, "bb"), DECIDE_REPEAT_OTHER);
    assert_int_equal(repeat_of("aa", REQUESTS_ACCEPTED, "bb"), DECIDE_REPEAT_OTHER);
    assert_int_equal(repeat_of("aa", REQUESTS_ACCEPTED, "aa"), DECIDE_REPEAT_RUNNING);
    assert_int_equal(repeat_of("aa", REQUESTS_EXPIRED, "aa"), DECIDE_REPEAT_RUNNING);
    assert_int_equal(repeat_of("aa", REQUESTS_DONE, "aa"), DECIDE_REPEAT_DONE);
    assert_int_equal(repeat_of("aa", REQUESTS_FAILED, "aa"), DECIDE_REPEAT_FAILED);
}

static void the_stock_of_numbers_follows_the_demand(void **state)
{
    (void)state;
    assert_int_equal(decide_stock(2, 500), 4);
    assert_int_equal(decide_stock(4, 5000), 4);
    assert_int_equal(decide_stock(8, 120000), 4);
    assert_int_equal(decide_stock(DECIDE_STOCK_MOST, 1), DECIDE_STOCK_MOST);
    assert_int_equal(decide_stock(DECIDE_STOCK_LEAST, INT64_MAX), DECIDE_STOCK_LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_is_given_whatever_else_is_known),
        cmocka_unit_test(nothing_is_said_before_the_wait_is_over),
        cmocka_unit_test(accepted_is_said_only_where_it_is_in_kafka_and_in_the_table),
        cmocka_unit_test(what_nobody_knows_to_be_sent_or_stored_is_unavailable),
        cmocka_unit_test(the_wait_is_what_the_header_prefers),
        cmocka_unit_test(a_key_is_printable_and_not_too_long),
        cmocka_unit_test(a_traceparent_is_taken_only_as_the_standard_has_it),
        cmocka_unit_test(a_media_type_is_told_by_its_name_and_its_charset),
        cmocka_unit_test(an_id_is_a_number_only_where_it_comes_back_the_same),
        cmocka_unit_test(the_id_of_a_prediction_is_a_place),
        cmocka_unit_test(a_key_gives_the_first_result_to_the_same_body_only),
        cmocka_unit_test(the_stock_of_numbers_follows_the_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
