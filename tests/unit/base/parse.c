// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"

static struct bytes in(const char *text)
{
    return bytes_from_string(text);
}

static void whole_numbers_are_read_to_the_last_bit(void **state)
{
    (void)state;
    struct why why = {0};
    int64_t value = 0;
    assert_ok(parse_i64(in("-9223372036854775808"), INT64_MIN, INT64_MAX, &value, &why), &why);
    assert_true(value == INT64_MIN);
    assert_ok(parse_i64(in("9223372036854775807"), INT64_MIN, INT64_MAX, &value, &why), &why);
    assert_true(value == INT64_MAX);
    static const char *const bad[] = {"",     "-",  "1 ", " 1", "1.0", "9223372036854775808",
                                      "0x10", "1e3"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_err(parse_i64(in(bad[i]), INT64_MIN, INT64_MAX, &value, &why), ERR_REJECT, &why);
    assert_err(parse_i64(in("11"), 0, 10, &value, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "out-of-range");
}

static void numbers_are_decimal_and_finite(void **state)
{
    (void)state;
    struct why why = {0};
    double value = 0;
    assert_ok(parse_double(in("-1.5e3"), &value, &why), &why);
    assert_true(value == -1500.0);
    assert_ok(parse_double(in(".5"), &value, &why), &why);
    assert_true(value == 0.5);
    static const char *const bad[] = {"",      ".",   "nan",  "inf", "0x1p3",
                                      "1e999", "1,5", "1.5 ", "e5",  "1e"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_err(parse_double(in(bad[i]), &value, &why), ERR_REJECT, &why);
}

static void a_printed_double_reads_back_as_the_same_bits(void **state)
{
    (void)state;
    static const double values[] = {0.1,  1.0 / 3.0,           5993.0,  1e300,
                                    -0.0, 0.78876543210123456, 4.9e-324};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[FORMAT_DOUBLE_MAX];
        struct why why = {0};
        double back = 0;
        size_t len = format_double(values[i], text);
        assert_int_equal(len, strlen(text));
        assert_ok(parse_double(in(text), &back, &why), &why);
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    char text[FORMAT_DOUBLE_MAX];
    format_double(0.1, text);
    assert_string_equal(text, "0.1");
    format_double(2, text);
    assert_string_equal(text, "2.0");
}

// As it is specified: by printf and strtod, which round exactly.
static void print_slowly(double value, char out[FORMAT_DOUBLE_MAX])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, FORMAT_DOUBLE_MAX, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    if (strpbrk(out, ".e") == NULL)
        strcat(out, ".0");
}

static void check_printed(double value)
{
    char text[FORMAT_DOUBLE_MAX], expected[FORMAT_DOUBLE_MAX];
    print_slowly(value, expected);
    size_t len = format_double(value, text);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(text));
}

static void doubles_are_printed_as_printf_rounds_them(void **state)
{
    (void)state;
    for (double power = 0x1p-16; power < 0x1p50; power *= 2) {
        check_printed(power);
        check_printed(nextafter(power, 0));
        check_printed(-nextafter(power, INFINITY));
    }
    for (int exponent = -6; exponent < 18; exponent++) {
        double power = exp10(exponent);
        for (int i = 0; i < 200; i++, power = nextafter(power, i < 100 ? 0 : INFINITY))
            check_printed(power);
        check_printed(power * 5); // halves of the last digit, and what is near them
        check_printed(power * 0.5);
    }
    for (int i = 0; i < 100000; i++) { // few digits, whole numbers, halves
        check_printed(i / 1000.0);
        check_printed(i * 1000003.0 + 0.5);
        check_printed(i / 4096.0);
    }
    uint64_t random = 88172645463325252U; // xorshift64 (Marsaglia)
    for (int i = 0; i < 300000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t bits = (random & 0x800fffffffffffffU) | (uint64_t)(1023 - 16 + i % 66) << 52;
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        check_printed(value);
    }
}

static void times_are_read_in_every_form_and_printed_in_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"1970-01-01T00:00:00Z", 0},
                 {"2026-03-01", 1772323200000},
                 {"2026-03-01T08:30:00.25Z", 1772353800250},
                 {"2026-03-01 10:30:00+02:00", 1772353800000},
                 {"2024-02-29T23:59:59.999-0000", 1709251199999},
                 {"1772353800250", 1772353800250}};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct why why = {0};
        int64_t ms = 0;
        assert_ok(parse_time_ms(in(times[i].text), &ms, &why), &why);
        assert_true(ms == times[i].ms);
    }
    static const char *const bad[] = {"",
                                      "2026-02-29",
                                      "2026-13-01",
                                      "2026-03-01T25:00:00Z",
                                      "2026-03-01T08:30:00",
                                      "2026-03-01T08:30Z",
                                      "yesterday",
                                      "1969-12-31T23:59:59Z",
                                      "2026-03-01T"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = 0;
        struct why why = {0};
        assert_err(parse_time_ms(in(bad[i]), &ms, &why), ERR_REJECT, &why);
    }
    char text[FORMAT_TIME_MAX];
    format_time_ms(1772353800250, text);
    assert_string_equal(text, "2026-03-01T08:30:00.250Z");
}

static void times_are_printed_by_the_calendar(void **state)
{
    (void)state;
    static const int64_t day_ms = 86400000, last_ms = INT64_C(253402300799999);
    for (int64_t ms = -400 * day_ms, step = 0; ms <= last_ms + day_ms; step++) {
        char text[FORMAT_TIME_MAX], whole[40], expected[48];
        int64_t rest = (ms % 1000 + 1000) % 1000;
        time_t when = (time_t)((ms - rest) / 1000);
        struct tm tm;
        strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", gmtime_r(&when, &tm));
        snprintf(expected, sizeof expected, "%s.%03dZ", whole, (int)rest);
        assert_int_equal(format_time_ms(ms, text), strlen(expected));
        assert_string_equal(text, expected);
        ms += step % 3 == 0 ? 1 : step % 3 == 1 ? day_ms - 1 : 39 * day_ms + 12345678;
    }
    char text[FORMAT_TIME_MAX];
    format_time_ms(last_ms, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
}

static void durations_and_sizes_have_units(void **state)
{
    (void)state;
    struct why why = {0};
    int64_t value = 0;
    assert_ok(parse_duration_ms(in("7d"), &value, &why), &why);
    assert_true(value == 604800000);
    assert_ok(parse_size_bytes(in("16M"), &value, &why), &why);
    assert_true(value == 16777216);
    assert_err(parse_duration_ms(in("7w"), &value, &why), ERR_REJECT, &why);
    assert_err(parse_size_bytes(in("9223372036854775807G"), &value, &why), ERR_REJECT, &why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_are_read_to_the_last_bit),
        cmocka_unit_test(numbers_are_decimal_and_finite),
        cmocka_unit_test(a_printed_double_reads_back_as_the_same_bits),
        cmocka_unit_test(doubles_are_printed_as_printf_rounds_them),
        cmocka_unit_test(times_are_read_in_every_form_and_printed_in_one),
        cmocka_unit_test(times_are_printed_by_the_calendar),
        cmocka_unit_test(durations_and_sizes_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
