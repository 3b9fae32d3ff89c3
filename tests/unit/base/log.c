// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

static char said[4096];
static int pipe_ends[2], real_stderr;

// What `call` writes to standard error, without time, level and program.
#define HEAR(call)                                                                                 \
    do {                                                                                           \
        begin_to_hear();                                                                           \
        call;                                                                                      \
        hear();                                                                                    \
    } while (0)

static void begin_to_hear(void)
{
    assert_int_equal(pipe(pipe_ends), 0);
    real_stderr = dup(STDERR_FILENO);
    assert_int_equal(dup2(pipe_ends[1], STDERR_FILENO), STDERR_FILENO);
    close(pipe_ends[1]);
}

static void hear(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    char line[sizeof said] = "";
    ssize_t len = read(pipe_ends[0], line, sizeof line - 1);
    close(pipe_ends[0]);
    assert_true(len >= 0);
    line[len] = '\0';
    const char *event = strstr(line, "event=");
    snprintf(said, sizeof said, "%s", event == NULL ? line : event);
}

static void a_line_has_its_pairs_as_the_format_says(void **state)
{
    (void)state;
    HEAR(log_info("started", "topic=%s partition=%d offset=%" PRId64 " count=%zu big=%" PRIu64,
                  "changes", -3, INT64_MIN, SIZE_MAX, UINT64_MAX));
    assert_string_equal(said,
                        "event=started topic=changes partition=-3 offset=-9223372036854775808 "
                        "count=18446744073709551615 big=18446744073709551615\n");
    HEAR(log_warn("mixed", "%u %x %lld %.3f %g %.2g %c %5d%% %-8s| %ld", 7U, 255U, -1LL, 2.5, 0.1,
                  0.123, 'x', 42, "left", 9L));
    assert_string_equal(said, "event=mixed 7 ff -1 2.500 0.1 0.12 x 42% left| 9\n");
    HEAR(log_error("cut", "hash=%.4s name=%.*s", "abcdefgh", 2, "xyz"));
    assert_string_equal(said, "event=cut hash=abcd name=xy\n");
}

static void what_is_below_the_level_is_not_said(void **state)
{
    (void)state;
    HEAR(log_debug("quiet", "a=%d", 1));
    assert_string_equal(said, "");
    log_set_level(LOG_LEVEL_DEBUG);
    HEAR(log_debug("quiet", "a=%d", 1));
    assert_string_equal(said, "event=quiet a=1\n");
    log_set_level(LOG_LEVEL_INFO);
}

static void a_value_from_outside_ends_neither_its_pair_nor_the_line(void **state)
{
    (void)state;
    HEAR(log_info("said", "why=\"%s\" next=%d", "a \"b\" c\\d\nlevel=error\x7f", 1));
    assert_string_equal(said, "event=said why=\"a \\\"b\\\" c\\\\d level=error \" next=1\n");
    HEAR(log_info("said", "bare=%s quoted=\"in %s\" end=%s", "two words", "two words", "a=b"));
    assert_string_equal(said,
                        "event=said bare=\"two words\" quoted=\"in two words\" end=\"a=b\"\n");
}

static void an_empty_value_is_seen_to_be_empty(void **state)
{
    (void)state;
    const char *volatile nothing = NULL; // so that the compiler does not see it
    HEAR(log_info("empty", "code=%s why=\"%s\" null=%s", "", "", nothing));
    assert_string_equal(said, "event=empty code=\"\" why=\"\" null=\"\"\n");
}

static void what_does_not_fit_is_cut_and_the_line_still_ends(void **state)
{
    (void)state;
    char value[3000];
    memset(value, '"', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    HEAR(log_info("long", "why=\"%s\" next=%d", value, 1));
    size_t len = strlen(said);
    assert_true(len > 1500 && len < 2048);
    assert_string_equal(said + len - 3, "\\\"\n");
}

static void a_conversion_that_is_not_known_ends_the_pairs(void **state)
{
    (void)state;
    HEAR(log_info("odd", "a=%d p=%p b=%s", 1, (void *)said, "x"));
    assert_string_equal(said, "event=odd a=1 p=%p b=%s\n");
}

int main(void)
{
    log_init("test", LOG_LEVEL_INFO);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_its_pairs_as_the_format_says),
        cmocka_unit_test(what_is_below_the_level_is_not_said),
        cmocka_unit_test(a_value_from_outside_ends_neither_its_pair_nor_the_line),
        cmocka_unit_test(an_empty_value_is_seen_to_be_empty),
        cmocka_unit_test(what_does_not_fit_is_cut_and_the_line_still_ends),
        cmocka_unit_test(a_conversion_that_is_not_known_ends_the_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
