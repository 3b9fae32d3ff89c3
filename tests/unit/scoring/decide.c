// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "activity.h"
#include "base/mem.h"
#include "decide.h"

static struct features *features;
static struct model *model;

static int load(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    assert_ok(model_load(SOURCE_DIR "/models/attrition.json", features, &model, &why), &why);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    model_free(model);
    features_free(features);
    return 0;
}

static void a_prediction_says_where_it_came_from_and_why(void **state)
{
    (void)state;
    struct value *values = mem_array(features->count, sizeof *values);
    int department = features_find(features, bytes_from_string("Department"));
    int overtime = features_find(features, bytes_from_string("OverTime"));
    values[department] =
        (struct value){.kind = VALUE_TEXT, .text = bytes_from_string("Research_Development")};
    values[overtime] = (struct value){.kind = VALUE_TEXT, .text = bytes_from_string("Yes")};
    const struct employee_change change = {.event_id = bytes_from_string("e-1"),
                                           .employee_id = bytes_from_string("17"),
                                           .event_time_ms = 1000,
                                           .change = CHANGE_UPDATED,
                                           .attributes = values};
    const struct bus_message message = {.topic = "employee-changes", .partition = 3, .offset = 99};
    struct score score;
    struct prediction prediction;
    model_score(model, values, &score);
    const struct decide_places places = decide_places_of(features);
    decide_prediction(features, &places, model, &change, &score, &message,
                      bytes_from_string("employee-changes/3/99"), 2000, TRIGGER_CHANGE,
                      &prediction);
    assert_true(prediction.has_probability);
    assert_true(prediction.churn_probability == score.probability);
    assert_true(prediction.source_partition == 3 && prediction.source_offset == 99 &&
                prediction.scored_at_ms == 2000);
    assert_true(bytes_equal_string(prediction.department,
                                   "Research & Development")); // as the features spell it
    assert_null(prediction.job_role.data);
    assert_true(bytes_equal_string(prediction.model_id, model_id(model)));
    assert_true(score.reason_count > 0);
    for (size_t i = 0; i < score.reason_count; i++) {
        assert_true(bytes_equal_string(prediction.reasons[i].attribute,
                                       features->attributes[score.reasons[i].attribute].name));
        assert_true(prediction.reasons[i].weight == score.reasons[i].weight);
    }
    free(values);
}

static void a_category_the_model_does_not_know_gives_no_probability(void **state)
{
    (void)state;
    struct value *values = mem_array(features->count, sizeof *values);
    int overtime = features_find(features, bytes_from_string("OverTime"));
    values[overtime] = (struct value){.kind = VALUE_TEXT, .text = bytes_from_string("Sometimes")};
    const struct employee_change change = {.employee_id = bytes_from_string("17"),
                                           .attributes = values};
    const struct bus_message message = {.topic = "employee-changes"};
    struct score score;
    struct prediction prediction;
    model_score(model, values, &score);
    const struct decide_places places = decide_places_of(features);
    decide_prediction(features, &places, model, &change, &score, &message, bytes_from_string("x"),
                      2000, TRIGGER_CHANGE, &prediction);
    assert_int_equal(prediction.band, BAND_UNKNOWN);
    assert_false(prediction.has_probability);
    free(values);
}

static void a_transaction_ends_when_its_input_is_drained_or_it_is_old_or_large(void **state)
{
    (void)state;
    const struct decide_commit waits = {.drain_ms = 0, .interval_ms = 100, .bytes = 1000};
    assert_true(decide_is_due(&waits, 0, 1, true, false));
    assert_false(decide_is_due(&waits, 99, 999, false, false));
    assert_true(decide_is_due(&waits, 100, 1, false, false));
    assert_true(decide_is_due(&waits, 0, 1000, false, false));
    const struct decide_commit live = {.drain_ms = 3, .interval_ms = 100, .bytes = 1000};
    assert_false(decide_is_due(&live, 2, 1, true, false));
    assert_true(decide_is_due(&live, 3, 1, true, false));
}

static void one_that_others_would_wait_for_is_short(void **state)
{
    (void)state;
    const struct decide_commit bulk = {.drain_ms = 3, .interval_ms = 100, .bytes = 1000};
    assert_false(decide_is_due(&bulk, DECIDE_YIELD_MS, 1, false, false));
    assert_true(decide_is_due(&bulk, DECIDE_YIELD_MS, 1, false, true));
    assert_false(decide_is_due(&bulk, DECIDE_YIELD_MS - 1, 1, false, true));
    const struct decide_commit shorter = {.drain_ms = 3, .interval_ms = 5, .bytes = 1000};
    assert_true(decide_is_due(&shorter, 5, 1, false, true));
}

static void a_lane_is_active_for_a_while_behind_its_last_record(void **state)
{
    (void)state;
    struct activity activity = {0};
    assert_false(activity_is_recent(&activity, 5));
    activity_note(&activity, 1000);
    assert_true(activity_is_recent(&activity, 1000));
    assert_true(activity_is_recent(&activity, 1000 + ACTIVITY_MS - 1));
    assert_false(activity_is_recent(&activity, 1000 + ACTIVITY_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prediction_says_where_it_came_from_and_why),
        cmocka_unit_test(a_category_the_model_does_not_know_gives_no_probability),
        cmocka_unit_test(a_transaction_ends_when_its_input_is_drained_or_it_is_old_or_large),
        cmocka_unit_test(one_that_others_would_wait_for_is_short),
        cmocka_unit_test(a_lane_is_active_for_a_while_behind_its_last_record),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
