// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "base/metrics.h"

static const struct metric table[] = {
    {"t_events_total", METRIC_counter, {"lane", NULL}, "events"},
    {"t_lag", METRIC_gauge, {NULL, NULL}, "lag"},
    {"t_seconds", METRIC_histogram, {NULL, NULL}, "time"},
    {"t_plain_total", METRIC_counter, {NULL, NULL}, "plain"},
};

static void the_page_is_in_the_text_format(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    metric_add(metrics_cell(metrics, 0, "a\"b", NULL), 2);
    metric_add(metrics_cell(metrics, 0, "a\"b", NULL), 1);
    metric_set(metrics_cell(metrics, 1, NULL, NULL), 7);
    metric_observe_ns(metrics_cell(metrics, 2, NULL, NULL), 2000000);
    CLEANUP(text_done) struct text page = TEXT_INIT(65536);
    assert_int_equal(metrics_write(metrics, &page), ERR_OK);
    static const char *const lines[] = {
        "# TYPE t_events_total counter\nt_events_total{lane=\"a\\\"b\"} 3\n", "t_lag 7\n",
        "t_seconds_bucket{le=\"0.001\"} 0\nt_seconds_bucket{le=\"0.0025\"} 1\n",
        "t_seconds_bucket{le=\"+Inf\"} 1\nt_seconds_sum 0.002", "t_seconds_count 1\n"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (strstr(text_string(&page), lines[i]) == NULL)
            fail_msg("no \"%s\" in\n%s", lines[i], text_string(&page));
}

static bool page_has(struct metrics *metrics, const char *line)
{
    CLEANUP(text_done) struct text page = TEXT_INIT(65536);
    assert_int_equal(metrics_write(metrics, &page), ERR_OK);
    return strstr(text_string(&page), line) != NULL;
}

static void a_counter_is_there_before_it_moves(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    assert_true(page_has(metrics, "t_plain_total 0\n"));
    assert_false(page_has(metrics, "t_lag 0\n")); // nobody knows it yet
    assert_false(page_has(metrics, "t_events_total{"));
    IGNORE(metrics_cell(metrics, 0, "a", NULL));
    assert_true(page_has(metrics, "t_events_total{lane=\"a\"} 0\n"));
    metric_add(metrics_cell(metrics, 3, NULL, NULL), 1);
    assert_true(page_has(metrics, "t_plain_total 1\n"));
}

static void hostile_label_values_cannot_fill_memory(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    for (int i = 0; i < 1000; i++) {
        char value[16];
        snprintf(value, sizeof value, "v%d", i);
        metric_add(metrics_cell(metrics, 0, value, NULL), 1);
    }
    assert_ptr_equal(metrics_cell(metrics, 0, "v999", NULL),
                     metrics_cell(metrics, 0, "other", NULL));
    assert_int_equal(metric_count(metrics_cell(metrics, 0, "other", NULL)), 1000 - 256);
    assert_int_equal(metric_count(metrics_cell(metrics, 0, "v5", NULL)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_in_the_text_format),
        cmocka_unit_test(a_counter_is_there_before_it_moves),
        cmocka_unit_test(hostile_label_values_cannot_fill_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
