// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "recorder_decide.h"

#define DAY_MS INT64_C(86400000)

static const int64_t now_ms = 1000 * DAY_MS;

static struct offsets_row row_at(int64_t next, int64_t last_applied)
{
    return (struct offsets_row){.generation = 1,
                                .next = next,
                                .last_applied = last_applied,
                                .last_checksum = 77,
                                .last_applied_at_ms = now_ms - DAY_MS};
}

static struct recorder_log log_of(int64_t first, int64_t end)
{
    return (struct recorder_log){
        .topic = "predictions", .first = first, .end = end, .compaction_lag_ms = 30 * DAY_MS};
}

static struct recorder_start start_of(const struct offsets_row *row, const struct recorder_log *log)
{
    struct recorder_start start;
    struct why why = {0};
    assert_ok(recorder_decide_start(row, log, now_ms, &start, &why), &why);
    return start;
}

static void a_new_place_starts_at_the_beginning_without_a_check(void **state)
{
    (void)state;
    struct offsets_row row = row_at(0, OFFSETS_NONE);
    struct recorder_log log = log_of(0, 10);
    struct recorder_start start = start_of(&row, &log);
    assert_int_equal(start.offset, 0);
    assert_false(start.is_checked);
    assert_false(start.has_gap);
}

static void a_known_place_starts_at_the_record_that_was_applied_last(void **state)
{
    (void)state;
    struct offsets_row row = row_at(8, 6);
    struct recorder_log log = log_of(0, 8); // nothing new
    struct recorder_start start = start_of(&row, &log);
    assert_int_equal(start.offset, 6);
    assert_true(start.is_checked);
    assert_false(start.has_gap);
}

static void a_log_that_ends_before_the_place_is_refused_with_the_remedy(void **state)
{
    (void)state;
    struct offsets_row row = row_at(8, 6);
    struct recorder_log log = log_of(0, 7);
    struct recorder_start start;
    struct why why = {0};
    assert_err(recorder_decide_start(&row, &log, now_ms, &start, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "log-too-short");
    assert_non_null(strstr(why.text, "retentionctl topics new-generation predictions"));
}

static void a_log_that_starts_behind_the_place_is_a_gap(void **state)
{
    (void)state;
    struct offsets_row row = row_at(8, 6);
    struct recorder_log log = log_of(9, 20);
    struct recorder_start start = start_of(&row, &log);
    assert_true(start.has_gap);
    assert_int_equal(start.gap, OFFSETS_GAP_EXPIRED);
    assert_int_equal(start.offset, 9);
    assert_false(start.is_checked);
    row = row_at(0, OFFSETS_NONE); // also for a place that was never anywhere
    assert_true(start_of(&row, &log).has_gap);
}

static void a_last_record_that_has_expired_is_no_gap_and_no_check(void **state)
{
    (void)state;
    struct offsets_row row = row_at(8, 6);
    struct recorder_log log = log_of(7, 20);
    struct recorder_start start = start_of(&row, &log);
    assert_int_equal(start.offset, 8);
    assert_false(start.is_checked);
    assert_false(start.has_gap);
}

static void
being_away_for_longer_than_the_compaction_lag_is_a_gap_where_something_came(void **state)
{
    (void)state;
    struct offsets_row row = row_at(8, 6);
    row.last_applied_at_ms = now_ms - 31 * DAY_MS;
    struct recorder_log log = log_of(0, 20);
    assert_false(start_of(&row, &log).has_gap); // not a compacted topic
    log.is_compacted = true;
    struct recorder_start start = start_of(&row, &log);
    assert_true(start.has_gap);
    assert_int_equal(start.gap, OFFSETS_GAP_COMPACTED);
    assert_int_equal(start.offset, 6);
    assert_true(start.is_checked);
    log.end = 8;
    assert_false(start_of(&row, &log).has_gap); // nothing was written meanwhile
    log.end = 20;
    row.last_applied_at_ms = now_ms - 29 * DAY_MS;
    assert_false(start_of(&row, &log).has_gap);
}

static void a_missing_record_is_fine_only_where_it_could_be_deleted(void **state)
{
    (void)state;
    struct offsets_row row = row_at(8, 6);
    struct recorder_log log = log_of(0, 20);
    struct why why = {0};
    assert_err(recorder_decide_absent(&row, &log, 6, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "record-gone");
    assert_ok(recorder_decide_absent(&row, &log, 7, &why), &why); // expired meanwhile
    log.is_compacted = true;
    assert_ok(recorder_decide_absent(&row, &log, 0, &why), &why);
}

static void the_checksum_sees_time_key_value_and_null(void **state)
{
    (void)state;
    const struct bytes null = {0}, empty = bytes_of("", 0), a = bytes_of("a", 1),
                       ab = bytes_of("ab", 2), b = bytes_of("b", 1);
    const int64_t all[] = {
        recorder_checksum(1, a, b),      recorder_checksum(2, a, b),
        recorder_checksum(1, b, a),      recorder_checksum(1, ab, null),
        recorder_checksum(1, ab, empty), recorder_checksum(1, null, ab),
        recorder_checksum(1, empty, ab),
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_true(all[i] >= 0);
        for (size_t j = 0; j < i; j++)
            assert_true(all[i] != all[j]);
    }
    assert_true(recorder_checksum(1, a, b) == all[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_place_starts_at_the_beginning_without_a_check),
        cmocka_unit_test(a_known_place_starts_at_the_record_that_was_applied_last),
        cmocka_unit_test(a_log_that_ends_before_the_place_is_refused_with_the_remedy),
        cmocka_unit_test(a_log_that_starts_behind_the_place_is_a_gap),
        cmocka_unit_test(a_last_record_that_has_expired_is_no_gap_and_no_check),
        cmocka_unit_test(
            being_away_for_longer_than_the_compaction_lag_is_a_gap_where_something_came),
        cmocka_unit_test(a_missing_record_is_fine_only_where_it_could_be_deleted),
        cmocka_unit_test(the_checksum_sees_time_key_value_and_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
