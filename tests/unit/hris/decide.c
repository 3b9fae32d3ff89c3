// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "decide.h"

static const struct progress half = {.content_hash = "aaaa",
                                     .bytes_done = 500,
                                     .rows_done = 10,
                                     .events_done = 9,
                                     .rejected = 1,
                                     .event_time_ms = 111};
static const struct wish same = {.content_hash = "aaaa", .size_bytes = 1000, .event_time_ms = 222};

static struct progress finished(void)
{
    struct progress progress = half;
    progress.is_finished = true;
    progress.bytes_done = 1000;
    return progress;
}

static void expect_fresh(const struct progress *found, const struct wish *wish)
{
    enum start start = START_DONE;
    struct progress progress = {0};
    struct why why = {0};
    assert_ok(decide_start(found, wish, &start, &progress, &why), &why);
    assert_int_equal(start, START_FRESH);
    assert_int_equal(progress.bytes_done, 0);
    assert_int_equal(progress.rows_done, 0);
    assert_int_equal(progress.rejected, 0);
    assert_false(progress.is_finished);
    assert_int_equal(progress.event_time_ms, wish->event_time_ms);
    assert_string_equal(progress.content_hash, wish->content_hash);
}

static void expect_refusal(const struct progress *found, const struct wish *wish, const char *code,
                           const char *remedy)
{
    enum start start = START_DONE;
    struct progress progress = {0};
    struct why why = {0};
    assert_err(decide_start(found, wish, &start, &progress, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, code);
    assert_non_null(strstr(why.text, remedy));
}

static void an_unknown_source_starts_at_the_first_row(void **state)
{
    (void)state;
    expect_fresh(NULL, &same);
}

static void a_half_read_file_goes_on_where_it_was_under_its_own_event_time(void **state)
{
    (void)state;
    enum start start = START_FRESH;
    struct progress progress = {0};
    struct why why = {0};
    assert_ok(decide_start(&half, &same, &start, &progress, &why), &why);
    assert_int_equal(start, START_RESUME);
    assert_int_equal(progress.bytes_done, 500);
    assert_int_equal(progress.rows_done, 10);
    assert_int_equal(progress.event_time_ms, 111);
    struct wish given = same;
    given.has_event_time = true;
    given.event_time_ms = 111;
    assert_ok(decide_start(&half, &given, &start, &progress, &why), &why);
    assert_int_equal(start, START_RESUME);
}

static void a_half_read_file_is_not_mixed_with_another_event_time(void **state)
{
    (void)state;
    struct wish given = same;
    given.has_event_time = true;
    expect_refusal(&half, &given, "other-event-time", "--restart");
}

static void a_finished_file_is_not_read_again(void **state)
{
    (void)state;
    struct progress done = finished(), progress = {0};
    enum start start = START_FRESH;
    struct why why = {0};
    assert_ok(decide_start(&done, &same, &start, &progress, &why), &why);
    assert_int_equal(start, START_DONE);
}

static void a_finished_file_under_a_new_event_time_is_a_new_import(void **state)
{
    (void)state;
    struct progress done = finished();
    struct wish given = same;
    given.has_event_time = true;
    expect_fresh(&done, &given);
}

static void other_content_waits_for_the_end_of_the_first(void **state)
{
    (void)state;
    struct progress done = finished();
    struct wish other = same;
    other.content_hash = "bbbb";
    expect_refusal(&half, &other, "other-content", "--source");
    expect_fresh(&done, &other);
}

static void a_file_with_another_meaning_is_another_content(void **state)
{
    (void)state;
    char updated[CRYPTO_SHA256_HEX], left[CRYPTO_SHA256_HEX], created[CRYPTO_SHA256_HEX];
    decide_content("aaaa", CHANGE_UPDATED, updated);
    decide_content("aaaa", CHANGE_LEFT, left);
    decide_content("aaaa", CHANGE_CREATED, created);
    assert_string_equal(updated, "aaaa");
    assert_int_equal(strlen(left), 64);
    assert_string_not_equal(left, created);
    struct progress found = finished();
    struct wish wish = same;
    wish.content_hash = left;
    expect_fresh(&found, &wish);
}

static void a_restart_is_always_obeyed(void **state)
{
    (void)state;
    struct progress done = finished();
    struct wish other = same;
    other.content_hash = "bbbb";
    other.is_restart = true;
    expect_fresh(&half, &other);
    expect_fresh(&done, &other);
    other.content_hash = "aaaa";
    expect_fresh(&half, &other);
}

static void a_place_behind_the_end_of_the_file_is_refused(void **state)
{
    (void)state;
    struct progress beyond = half;
    beyond.bytes_done = 1001;
    expect_refusal(&beyond, &same, "bad-progress", "--restart");
}

static struct progress moved(int64_t rows)
{
    struct progress progress = half;
    progress.rows_done += rows;
    progress.events_done += rows;
    progress.bytes_done += rows * 10;
    return progress;
}

// What is found after a failure decides: committed (1), aborted (0), or somebody else's (-1).
static int outcome(const struct progress *found, bool is_newer, const struct progress *done)
{
    struct progress now = moved(20);
    struct why why = {0};
    bool is_committed = false;
    enum err err = decide_after_failure(found, is_newer, &half, done, &now, &is_committed, &why);
    if (err == ERR_OK)
        return is_committed;
    assert_int_equal(err, ERR_FATAL);
    assert_string_equal(why.code, "fenced");
    return -1;
}

static void after_an_unknown_outcome_the_latest_record_tells_what_was_committed(void **state)
{
    (void)state;
    struct progress done = moved(10), now = moved(20), elsewhere = moved(300);
    assert_int_equal(outcome(&now, true, &done), 1);
    assert_int_equal(outcome(&done, true, &done), 0);
    // Nothing of this run was committed yet: what was there before, if anything, is still there.
    assert_int_equal(outcome(NULL, false, &half), 0);
    assert_int_equal(outcome(&half, false, &half), 0);
    assert_int_equal(outcome(&elsewhere, false, &half), 0); // given up with --restart
    assert_int_equal(outcome(&now, true, &half), 1);
}

static void a_record_of_another_import_ends_this_one(void **state)
{
    (void)state;
    struct progress done = moved(10), now = moved(20), other = now;
    other.content_hash[0] = 'b';
    assert_int_equal(outcome(&other, true, &done), -1);
    other = now;
    other.event_time_ms++;
    assert_int_equal(outcome(&other, true, &done), -1);
    other = moved(30);
    assert_int_equal(outcome(&other, true, &done), -1);
    other = moved(5); // begun anew by somebody
    assert_int_equal(outcome(&other, true, &done), -1);
    other = now;
    other.is_finished = true;
    assert_int_equal(outcome(&other, true, &done), -1);
    assert_int_equal(outcome(&half, false, &done), -1); // ours is gone
    assert_int_equal(outcome(NULL, false, &done), -1);
}

static void a_transaction_ends_by_rows_or_by_time(void **state)
{
    (void)state;
    const struct chunk_limits limits = {.rows = 100, .ms = 500};
    assert_false(decide_commit(&limits, 99, 499));
    assert_true(decide_commit(&limits, 100, 0));
    assert_true(decide_commit(&limits, 1, 500));
}

static void the_time_left_follows_the_pace_of_this_run(void **state)
{
    (void)state;
    assert_int_equal(decide_seconds_left(0, 0, 1000, 10000), -1);
    assert_int_equal(decide_seconds_left(0, 10, 1000, 100), -1);
    assert_int_equal(decide_seconds_left(0, 500, 1000, 10000), 10);
    assert_int_equal(decide_seconds_left(400, 500, 1000, 10000), 50);
    assert_int_equal(decide_seconds_left(0, 1000, 1000, 10000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_source_starts_at_the_first_row),
        cmocka_unit_test(a_half_read_file_goes_on_where_it_was_under_its_own_event_time),
        cmocka_unit_test(a_half_read_file_is_not_mixed_with_another_event_time),
        cmocka_unit_test(a_finished_file_is_not_read_again),
        cmocka_unit_test(a_finished_file_under_a_new_event_time_is_a_new_import),
        cmocka_unit_test(other_content_waits_for_the_end_of_the_first),
        cmocka_unit_test(a_file_with_another_meaning_is_another_content),
        cmocka_unit_test(a_restart_is_always_obeyed),
        cmocka_unit_test(a_place_behind_the_end_of_the_file_is_refused),
        cmocka_unit_test(after_an_unknown_outcome_the_latest_record_tells_what_was_committed),
        cmocka_unit_test(a_record_of_another_import_ends_this_one),
        cmocka_unit_test(a_transaction_ends_by_rows_or_by_time),
        cmocka_unit_test(the_time_left_follows_the_pace_of_this_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
