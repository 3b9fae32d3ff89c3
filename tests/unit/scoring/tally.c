// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "metrics.h"
#include "tally.h"

static const struct metric table[] = {
#define METRIC METRIC_ROW
#include "metrics.def"
#undef METRIC
};

static uint64_t counted(struct metrics *metrics, enum metric_id id, const char *label)
{
    return metric_count(metrics_cell(metrics, id, "lane", label));
}

static void a_transaction_counts_once_it_is_committed(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    struct tally tally = {.events = 5, .departures = 1, .foreign = 2};
    tally_score(&tally, &(struct score){.band = BAND_LOW});
    tally_score(&tally, &(struct score){.band = BAND_LOW, .missing_count = 3});
    tally_score(&tally, &(struct score){.band = BAND_HIGH, .missing_count = 1, .outside_count = 2});
    tally_score(&tally, &(struct score){.band = BAND_UNKNOWN});
    assert_int_equal(counted(metrics, METRIC_SCORES, "low"), 0);
    tally_commit(&tally, metrics, "lane", false);
    assert_int_equal(counted(metrics, METRIC_EVENTS, NULL), 5);
    assert_int_equal(counted(metrics, METRIC_DEPARTURES, NULL), 1);
    assert_int_equal(counted(metrics, METRIC_FOREIGN, NULL), 2);
    assert_int_equal(counted(metrics, METRIC_SCORES, "low"), 2);
    assert_int_equal(counted(metrics, METRIC_SCORES, "high"), 1);
    assert_int_equal(counted(metrics, METRIC_SCORES, "unknown"), 1);
    assert_int_equal(counted(metrics, METRIC_ODD_INPUTS, "missing"), 2);
    assert_int_equal(counted(metrics, METRIC_ODD_INPUTS, "outside"), 1);
}

static void everything_but_the_reasons_is_there_from_the_start(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    tally_commit(&(struct tally){0}, metrics, "lane", true);
    CLEANUP(text_done) struct text page = TEXT_INIT(65536);
    assert_int_equal(metrics_write(metrics, &page), ERR_OK);
    static const char *const samples[] = {
        "retentionai_events_total{lane=\"lane\"} 0\n",
        "retentionai_refused_records_total{lane=\"lane\"} 0\n",
        "retentionai_foreign_partition_total{lane=\"lane\"} 0\n",
        "retentionai_replies_total{lane=\"lane\",outcome=\"error\"} 0\n",
        "retentionai_recorder_conflicts_total 0\n"};
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        if (strstr(text_string(&page), samples[i]) == NULL)
            fail_msg("no %s in\n%s", samples[i], text_string(&page));
}

static void replies_count_in_lanes_that_have_some(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    struct tally tally = {0};
    tally_reply(&tally, TALLY_PREDICTION_REPLY);
    tally_reply(&tally, TALLY_BAD_ADDRESS);
    tally_reply(&tally, TALLY_BAD_ADDRESS);
    tally_commit(&tally, metrics, "lane", true);
    assert_int_equal(counted(metrics, METRIC_REPLIES, "prediction"), 1);
    assert_int_equal(counted(metrics, METRIC_REPLIES, "bad-address"), 2);
    assert_int_equal(counted(metrics, METRIC_REPLIES, "no-address"), 0);
    CLEANUP(metrics_free_p) struct metrics *others = metrics_new(table, ARRAY_LEN(table));
    tally_commit(&(struct tally){0}, others, "lane", false);
    CLEANUP(text_done) struct text page = TEXT_INIT(65536);
    assert_int_equal(metrics_write(others, &page), ERR_OK);
    assert_null(strstr(text_string(&page), "retentionai_replies_total{"));
}

static void reasons_beyond_the_last_place_count_for_it(void **state)
{
    (void)state;
    CLEANUP(metrics_free_p) struct metrics *metrics = metrics_new(table, ARRAY_LEN(table));
    struct tally tally = {0};
    for (int i = 0; i < TALLY_REASONS_MAX + 3; i++) {
        char code[20];
        snprintf(code, sizeof code, "code-%d", i);
        tally_refusal(&tally, code);
    }
    tally_refusal(&tally, "code-0");
    tally_commit(&tally, metrics, "lane", false);
    assert_int_equal(counted(metrics, METRIC_DEAD_LETTERS, "code-0"), 2);
    assert_int_equal(counted(metrics, METRIC_DEAD_LETTERS, "code-31"), 4);
    assert_int_equal(counted(metrics, METRIC_REFUSED, NULL), TALLY_REASONS_MAX + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_counts_once_it_is_committed),
        cmocka_unit_test(everything_but_the_reasons_is_there_from_the_start),
        cmocka_unit_test(replies_count_in_lanes_that_have_some),
        cmocka_unit_test(reasons_beyond_the_last_place_count_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
