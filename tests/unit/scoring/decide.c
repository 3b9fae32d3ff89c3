// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

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
    struct value *values = calloc(features->count, sizeof *values);
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
    struct value *values = calloc(features->count, sizeof *values);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prediction_says_where_it_came_from_and_why),
        cmocka_unit_test(a_category_the_model_does_not_know_gives_no_probability),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
