// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/predictions.h"
#include "support/pg.h"

static struct pg_server *server;
static struct pg *pg;
static struct predictions_writer *writer;
static const struct risk_policy policy = {.hysteresis = 0.05, .cool_down_ms = 1000};

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static int open_database(void **state)
{
    (void)state;
    pg = pg_server_migrated(server);
    writer = predictions_writer_new(&policy);
    return 0;
}

static int close_database(void **state)
{
    (void)state;
    pg_close(TAKE(pg));
    predictions_writer_free(TAKE(writer));
    return 0;
}

// Texts of the records live until the test ends; a ring of them is plenty.
static struct bytes text(const char *format, int64_t number)
{
    static char ring[16384][32];
    static size_t turn;
    char *place = ring[turn++ % ARRAY_LEN(ring)];
    snprintf(place, sizeof ring[0], "%s%lld", format, (long long)number);
    return bytes_from_string(place);
}

static enum band band_of(double probability)
{
    return risk_band(probability, 0.25, 0.5);
}

// A score of `employee` at this place, whose event and scoring happened at these times.
static struct predictions_record score(int64_t employee, int64_t offset, int64_t event_time_ms,
                                       int64_t scored_at_ms, double probability)
{
    enum band band = band_of(probability);
    return (struct predictions_record){
        .prediction = {.prediction_id = text("employee-changes/0/", offset),
                       .employee_id = text("E", employee),
                       .event_id = text("event-", offset),
                       .event_time_ms = event_time_ms,
                       .scored_at_ms = scored_at_ms,
                       .has_probability = band != BAND_UNKNOWN,
                       .churn_probability = probability,
                       .band = band,
                       .threshold = 0.5,
                       .model_id = bytes_from_string("0123456789abcdef"),
                       .base_log_odds = -1.5,
                       .reasons = {{bytes_from_string("OverTime"), 0.75}},
                       .source_topic = bytes_from_string("employee-changes"),
                       .source_offset = offset},
        .change = CHANGE_UPDATED,
        .offset = offset,
    };
}

static struct predictions_record departure(int64_t employee, int64_t offset, int64_t event_time_ms,
                                           int64_t scored_at_ms)
{
    return (struct predictions_record){.prediction = {.employee_id = text("E", employee),
                                                      .event_time_ms = event_time_ms,
                                                      .scored_at_ms = scored_at_ms},
                                       .is_departure = true,
                                       .change = CHANGE_LEFT,
                                       .offset = offset};
}

static enum err try_store(const struct predictions_record *records, size_t count, bool is_careful,
                          struct predictions_result *result, struct why *why)
{
    assert_ok(predictions_prepare(writer, pg, why), why);
    assert_ok(pg_begin(pg, why), why);
    enum err err = predictions_store(writer, pg, records, count, is_careful, result, why);
    if (err != ERR_OK) {
        pg_rollback(pg);
        return err;
    }
    return pg_commit(pg, why);
}

static struct predictions_result store(const struct predictions_record *records, size_t count)
{
    struct predictions_result result = {0};
    struct why why = {0};
    assert_ok(try_store(records, count, false, &result, &why), &why);
    return result;
}

static void a_score_is_a_row_equal_to_the_last_bit(void **state)
{
    (void)state;
    struct predictions_record one = score(1, 5, 1700000000123, 1700000000456, 0.1 + 0.2);
    one.prediction.department = bytes_from_string("Sales");
    one.prediction.requested_by = bytes_from_string("u1");
    one.prediction.trigger = TRIGGER_REQUEST;
    one.partition = 3;
    struct predictions_result result = store(&one, 1);
    assert_int_equal(result.stored, 1);
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct why why = {0};
    assert_ok(pg_exec(pg,
                      "SELECT h.probability, c.probability, h.timestamp, h.event_time "
                      "FROM predictions_history h JOIN current_prediction c "
                      "ON c.prediction_id = h.id "
                      "WHERE h.id = 'employee-changes/0/5' AND user_id = 'u1' "
                      "AND h.employee_id = 'E1' AND h.event_id = 'event-5' AND h.band = 'elevated' "
                      "AND h.threshold = 0.5 AND h.model_id = '0123456789abcdef' "
                      "AND h.base_log_odds = -1.5 AND h.reason_1 = 'OverTime' "
                      "AND h.weight_1 = 0.75 AND h.reason_2 IS NULL AND h.weight_2 IS NULL "
                      "AND h.department = 'Sales' AND h.job_role IS NULL "
                      "AND h.trigger = 'request' AND source_topic = 'employee-changes' "
                      "AND source_partition = 0 AND source_offset = 5 "
                      "AND topic_partition = 3 AND topic_offset = 5 AND NOT departed",
                      NULL, 0, &rows, &why),
              &why);
    assert_int_equal(pg_count(rows), 1);
    assert_true(pg_get_float8(rows, 0, 0) == 0.1 + 0.2);
    assert_true(pg_get_float8(rows, 0, 1) == 0.1 + 0.2);
    assert_int_equal(pg_get_time_ms(rows, 0, 2), 1700000000456);
    assert_int_equal(pg_get_time_ms(rows, 0, 3), 1700000000123);
}

static void band_unknown_has_no_numbers(void **state)
{
    (void)state;
    const struct predictions_record one = score(1, 1, 1, 1, (double)NAN);
    assert_int_equal(store(&one, 1).stored, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM predictions_history JOIN "
                                  "current_prediction ON id = prediction_id WHERE "
                                  "current_prediction.probability IS NULL AND "
                                  "predictions_history.probability IS NULL AND "
                                  "predictions_history.base_log_odds IS NULL AND "
                                  "predictions_history.band = 'unknown'"),
                     1);
}

static void an_equal_id_is_skipped_and_a_differing_one_kept_aside(void **state)
{
    (void)state;
    const struct predictions_record first = score(1, 1, 10, 10, 0.3);
    store(&first, 1);
    struct predictions_record differing = first, twice = score(2, 9, 10, 10, 0.4);
    differing.prediction.churn_probability = nextafter(0.3, 1);
    differing.prediction.event_time_ms = 99;
    differing.offset = 8;
    const struct predictions_record batch[] = {first, differing, twice, twice};
    struct predictions_result result = {0};
    struct why why = {0};
    assert_err(try_store(batch, 4, false, &result, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "23505");
    assert_ok(try_store(batch, 4, true, &result, &why), &why);
    assert_int_equal(result.stored, 1);
    assert_int_equal(result.duplicates, 2);
    assert_int_equal(result.conflicts, 1);
    assert_int_equal(result.stale, 0); // what is not new moves nothing
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_conflict WHERE "
                                  "prediction_id = 'employee-changes/0/1' AND "
                                  "incoming->>'probability' <> stored->>'probability'"),
                     1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM predictions_history"), 2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM current_prediction WHERE "
                                  "probability = 0.3 OR probability = 0.4"),
                     2);
}

static void the_latest_is_the_greatest_and_what_came_too_late_is_noted(void **state)
{
    (void)state;
    const struct predictions_record batch[] = {
        score(1, 1, 20, 100, 0.1),
        score(1, 2, 10, 101, 0.2), // an older event
        score(2, 3, 10, 100, 0.3),
    };
    struct predictions_result result = store(batch, 3);
    assert_int_equal(result.stale, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM current_prediction WHERE "
                                  "probability IN (0.1, 0.3)"),
                     2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM stale_prediction WHERE "
                                  "employee_id = 'E1' AND topic_offset = 2"),
                     1);
    // Published again as it stands: the note goes.
    const struct predictions_record again = score(1, 4, 20, 102, 0.1);
    assert_int_equal(store(&again, 1).stale, 0);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM stale_prediction"), 0);
    const struct predictions_record late[] = {score(2, 5, 5, 103, 0.2), score(2, 6, 30, 104, 0.4)};
    assert_int_equal(store(late, 2).stale, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM stale_prediction"), 0);
}

static void a_departure_ends_prediction_and_episode_until_someone_is_created(void **state)
{
    (void)state;
    struct predictions_record batch[] = {
        score(1, 1, 10, 10, 0.9), departure(1, 2, 20, 20),
        score(1, 3, 30, 30, 0.9), // an update after the departure is void
    };
    struct predictions_result result = store(batch, 3);
    assert_int_equal(result.stored, 2);
    assert_int_equal(result.departures, 1);
    assert_int_equal(result.opened, 1);
    assert_int_equal(result.closed, 1);
    assert_int_equal(result.stale, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM current_prediction WHERE departed AND "
                                  "probability IS NULL AND topic_offset = 2"),
                     1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM risk_episode WHERE closed_reason = 'left' "
                                  "AND closed_by IS NULL AND opened_by = 'employee-changes/0/1' "
                                  "AND closed_at = 'epoch'::timestamptz + interval '20 ms'"),
                     1);
    struct predictions_record back = score(1, 4, 40, 5000, 0.9);
    back.change = CHANGE_CREATED;
    assert_int_equal(store(&back, 1).opened, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM current_prediction WHERE NOT departed"), 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM stale_prediction"), 0);
    const struct predictions_record never_seen = departure(7, 5, 1, 1);
    assert_int_equal(store(&never_seen, 1).closed, 0);
}

static void episodes_open_close_and_cool_down_across_batches(void **state)
{
    (void)state;
    const struct predictions_record high = score(1, 1, 10, 1000, 0.8);
    assert_int_equal(store(&high, 1).opened, 1);
    const struct predictions_record wavering = score(1, 2, 20, 1100, 0.47);
    assert_int_equal(store(&wavering, 1).closed, 0);
    const struct predictions_record unknown = score(1, 3, 30, 1200, (double)NAN);
    assert_int_equal(store(&unknown, 1).closed, 0);
    const struct predictions_record low = score(1, 4, 40, 1300, 0.44);
    assert_int_equal(store(&low, 1).closed, 1);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM risk_episode WHERE "
                                  "opened_by = 'employee-changes/0/1' AND "
                                  "closed_by = 'employee-changes/0/4' AND closed_reason = 'fell'"),
                     1);
    const struct predictions_record soon = score(1, 5, 50, 2299, 0.9);
    assert_int_equal(store(&soon, 1).opened, 0); // within the cool-down
    const struct predictions_record after = score(1, 6, 60, 2300, 0.9);
    assert_int_equal(store(&after, 1).opened, 1);
    const struct predictions_record more[] = {
        score(1, 7, 70, 2400, 0.1), score(1, 8, 80, 3400, 0.9), score(1, 9, 90, 3500, 0.1)};
    struct predictions_result result = store(more, 3);
    assert_int_equal(result.opened, 1);
    assert_int_equal(result.closed, 2);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM risk_episode WHERE closed_at IS NULL"), 0);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM risk_episode"), 3);
}

// What the tables hold, but for the times of writing, as one number.
static int64_t digest(void)
{
    return pg_value(
        pg, "SELECT hashtextextended(concat("
            "(SELECT string_agg(h::text, '|' ORDER BY id) FROM predictions_history h),"
            "(SELECT string_agg(c::text, '|' ORDER BY employee_id) FROM current_prediction c),"
            "(SELECT string_agg(employee_id, '|' ORDER BY employee_id)"
            " FROM stale_prediction),"
            "(SELECT string_agg(concat_ws(',', employee_id, opened_by, opened_at, closed_by,"
            " closed_at, closed_reason), '|' ORDER BY opened_by) FROM risk_episode)), 0)");
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed >> 33;
}

enum { STREAM = 3000 };

static struct predictions_record *random_stream(uint64_t seed)
{
    struct predictions_record *records = mem_array(STREAM, sizeof *records);
    for (int64_t i = 0; i < STREAM; i++) {
        int64_t employee = (int64_t)(next_random(&seed) % 40);
        int64_t event_time = i * 10 - (int64_t)(next_random(&seed) % 200) + 1000;
        double probability = (double)(next_random(&seed) % 1000) / 1000;
        uint64_t kind = next_random(&seed) % 20;
        if (kind == 0)
            records[i] = departure(employee, i, event_time, i * 10);
        else
            records[i] =
                score(employee, i, event_time, i * 10, kind == 1 ? (double)NAN : probability);
        if (kind >= 17)
            records[i].change = CHANGE_CREATED;
    }
    return records;
}

static void the_tables_are_a_function_of_the_stream_not_of_its_batches(void **state)
{
    (void)state;
    struct predictions_record *records = random_stream(42);
    store(records, STREAM);
    int64_t whole = digest();
    assert_true(pg_value(pg, "SELECT count(*) FROM risk_episode") > 40);
    assert_true(pg_value(pg, "SELECT count(*) FROM stale_prediction") > 5);

    uint64_t seed = 7;
    for (int round = 0; round < 2; round++) {
        close_database(NULL);
        open_database(NULL);
        for (size_t at = 0; at < STREAM;) {
            size_t count = 1 + next_random(&seed) % 300;
            count = count < STREAM - at ? count : STREAM - at;
            struct predictions_result result = {0};
            struct why why = {0};
            // In the second round through the careful way, with some of it repeated.
            size_t from = at;
            while (round == 1 && from > 0 && at - from < 5 && !records[from - 1].is_departure)
                from--;
            assert_ok(try_store(records + from, count + at - from, round == 1, &result, &why),
                      &why);
            assert_int_equal(result.conflicts, 0);
            at += count;
        }
        assert_true(digest() == whole);
        assert_int_equal(pg_value(pg, "SELECT count(*) FROM recorder_conflict"), 0);
    }
    free(records);
}

static void what_cannot_be_a_row_is_refused_with_its_code(void **state)
{
    (void)state;
    struct why why = {0};
    struct predictions_record good = score(1, 1, 1, 1, 0.5), bad = good;
    assert_ok(predictions_check(&good, &why), &why);
    bad.prediction.employee_id = bytes_of("", 0);
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-employee-id");
    bad = good;
    bad.prediction.employee_id = bytes_of("a\0b", 3);
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    bad = good;
    bad.prediction.prediction_id = bytes_of("", 0);
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-prediction-id");
    bad = good;
    bad.prediction.department = bytes_from_string("\xff");
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-text");
    bad = good;
    bad.prediction.scored_at_ms = INT64_MIN;
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-time");
    bad = good;
    bad.prediction.churn_probability = 1.5;
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-number");
    bad.prediction.churn_probability = (double)NAN;
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    bad = good;
    bad.prediction.reasons[1].attribute = bytes_from_string("Age");
    bad.prediction.reasons[1].weight = (double)INFINITY;
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    bad = good;
    bad.prediction.has_probability = false;
    assert_err(predictions_check(&bad, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "bad-band");
}

#define IN_DATABASE(test) cmocka_unit_test_setup_teardown(test, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(a_score_is_a_row_equal_to_the_last_bit),
        IN_DATABASE(band_unknown_has_no_numbers),
        IN_DATABASE(an_equal_id_is_skipped_and_a_differing_one_kept_aside),
        IN_DATABASE(the_latest_is_the_greatest_and_what_came_too_late_is_noted),
        IN_DATABASE(a_departure_ends_prediction_and_episode_until_someone_is_created),
        IN_DATABASE(episodes_open_close_and_cool_down_across_batches),
        IN_DATABASE(the_tables_are_a_function_of_the_stream_not_of_its_batches),
        cmocka_unit_test(what_cannot_be_a_row_is_refused_with_its_code),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
