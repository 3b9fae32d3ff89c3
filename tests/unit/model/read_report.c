// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "model/model.h"
#define WANTS_FEATURES
#include "unit/model/artefact.h"

static void expect_refusals(const char *const (*changes)[4], size_t count)
{
    CLEANUP(mem_free_p) char *good = artefact_text();
    for (size_t i = 0; i < count; i++) {
        CLEANUP(mem_free_p) char *bad = with(good, changes[i][0], changes[i][1], changes[i][2]);
        CLEANUP(model_free_p) struct model *model = NULL;
        struct why why = {0};
        enum err err = model_parse(bytes_from_string(bad), features, &model, &why);
        if (err != ERR_REJECT || model != NULL || strstr(why.text, changes[i][3]) == NULL)
            fail_msg("%s for %s: %s, %s", changes[i][2], changes[i][1], err_name(err), why.text);
    }
}

// `text` with another number behind the first `member` behind `after`; the caller frees.
static char *with_number(const char *text, const char *after, const char *member,
                         const char *number)
{
    const char *at = strstr(strstr(text, after), member);
    assert_non_null(at);
    at += strlen(member);
    return mem_printf("%.*s%s%s", (int)(at - text), text, number, at + strcspn(at, ",}]"));
}

// The number behind a member becomes another: `changes` are member, number, word of the sentence.
static void expect_numbers_refused(const char *const (*changes)[4], size_t count)
{
    CLEANUP(mem_free_p) char *good = artefact_text();
    for (size_t i = 0; i < count; i++) {
        CLEANUP(mem_free_p)
        char *bad = with_number(good, changes[i][0], changes[i][1], changes[i][2]);
        CLEANUP(model_free_p) struct model *model = NULL;
        struct why why = {0};
        enum err err = model_parse(bytes_from_string(bad), features, &model, &why);
        if (err != ERR_REJECT || model != NULL || strstr(why.text, changes[i][3]) == NULL)
            fail_msg("%s %s: %s, %s", changes[i][1], changes[i][2], err_name(err), why.text);
    }
}

static void a_model_that_is_badly_calibrated_is_refused(void **state)
{
    (void)state;
    static const char *const changes[][4] = {
        {"\"ece\"", "\"mean\": ", "0.0579", "above the 0.0178 of chance"},
        {"\"ece\"", "\"mean\": ", "0.0601", "over 0.06: the model's"},
        {"\"ece_by_chance\"", "\"mean\": ", "-0.02", "cannot be"},
        {"\"ece_by_chance\"", "\"mean\": ", "1.02", "cannot be"},
        {"\"gap_above_threshold\"", "\"mean\": ", "0.1293", "above the 0.0292 of chance"},
        {"\"gap_above_threshold\"", "\"mean\": ", "0.1501", "over 0.15: the model's"},
        {"\"ece\"", "\"mean\": ", "-0.01", "cannot be"},
        {"\"ece\"", "\"mean\": ", "null", "ece"},
        {"\"ece\"", "\"sd\": ", "-0.01", "sd"},
        {"\"auc\"", "\"mean\": ", "1.01", "cannot be"},
        {"\"metrics\"", "\"folds\": ", "0", "folds"},
    };
    expect_numbers_refused(changes, ARRAY_LEN(changes));
    static const char *const names[][4] = {
        {"\"metrics\"", "\"ece\"", "\"ice\"", "ece"},
        {"\"metrics\"", "\"gap_above_threshold\"", "\"gap\"", "gap_above_threshold"},
        {"\"metrics\"", "\"ece_by_chance\"", "\"e\"", "ece_by_chance"},
        {"\"metrics\"", "\"gap_by_chance\"", "\"g\"", "gap_by_chance"},
        {"\"metrics\"", "\"protocol\": \"", "\"protocols\": \"", "\"protocols\""},
        {"\"metrics\"", "\"mean\"", "\"median\"", "\"median\""},
    };
    expect_refusals(names, ARRAY_LEN(names));
}

// What a file says of chance makes the limit tighter, never wider: with a chance of 1 the program's
// own limit stays, up to its last digit.
static void a_file_cannot_widen_its_own_limit(void **state)
{
    (void)state;
    static const struct {
        const char *error, *by_chance, *allowed, *refused;
    } cases[] = {{"\"ece\"", "\"ece_by_chance\"", "0.06", "0.06001"},
                 {"\"gap_above_threshold\"", "\"gap_by_chance\"", "0.15", "0.15001"}};
    CLEANUP(mem_free_p) char *good = artefact_text();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_p) char *wide = with_number(good, cases[i].by_chance, "\"mean\": ", "1");
        CLEANUP(mem_free_p)
        char *most = with_number(wide, cases[i].error, "\"mean\": ", cases[i].allowed);
        CLEANUP(mem_free_p)
        char *over = with_number(wide, cases[i].error, "\"mean\": ", cases[i].refused);
        CLEANUP(mem_free_p) char *sealed_most = sealed(most);
        CLEANUP(mem_free_p) char *sealed_over = sealed(over);
        CLEANUP(model_free_p) struct model *model = NULL;
        CLEANUP(model_free_p) struct model *none = NULL;
        struct why why = {0};
        assert_ok(model_parse(bytes_from_string(sealed_most), features, &model, &why), &why);
        assert_int_equal(model_parse(bytes_from_string(sealed_over), features, &none, &why),
                         ERR_REJECT);
        assert_string_equal(why.code, "badly-calibrated");
    }
}

static void where_it_was_trained_is_complete_and_possible(void **state)
{
    (void)state;
    static const char *const numbers[][4] = {
        {"\"training\"", "\"rows\": ", "1", "rows"},
        {"\"training\"", "\"rows\": ", "237", "positives"},
        {"\"training\"", "\"positives\": ", "0", "positives"},
        {"\"training\"", "\"positives\": ", "2.5", "positives"},
        {"\"training\"", "\"data_bytes\": ", "-1", "data_bytes"},
        {"\"training\"", "\"fictional\": ", "1", "fictional"},
        {"\"training\"", "\"horizon\": ", "12", "horizon"},
        {"\"training\"", "\"seed\": ", "\"x\"", "seed"},
        {"\"training\"", "\"penalty\": ", "[]", "parameters"},
        {"\"training\"", "\"numpy\": ", "1", "libraries"},
    };
    expect_numbers_refused(numbers, ARRAY_LEN(numbers));
    static const char *const texts[][4] = {
        {"\"training\"", "\"estimator\"", "\"estimated\"", "\"estimated\""},
        {"\"training\"", "\"data_sha256\": \"a5", "\"data_sha256\": \"A5", "hexadecimal"},
        {"\"training\"", "\"data_sha256\": \"a5", "\"data_sha256\": \"5", "hexadecimal"},
        {"{", "\"training\"", "\"trained\"", "\"trained\""},
    };
    expect_refusals(texts, ARRAY_LEN(texts));
}

static void the_fairness_table_is_of_this_decision(void **state)
{
    (void)state;
    static const char *const numbers[][4] = {
        {"\"fairness\"", "\"threshold\": ", "0.4", "decision"},
        {"\"fairness\"", "\"selection_rate\": ", "1.2", "selection_rate"},
        {"\"fairness\"", "\"selection_rate\": ", "\"x\"", "neither number nor null"},
        {"\"fairness\"", "\"people\": ", "-1", "people"},
        {"\"fairness\"", "\"people\": ", "null", "people"},
        {"\"fairness\"", "\"ratio\": ", "-0.5", "ratio"},
        {"\"fairness\"", "\"calibration_gap\": ", "-1.5", "calibration_gap"},
        {"\"fairness\"", "\"small\": ", "0", "small"},
        {"\"fairness\"", "\"group\": ", "7", "group"},
    };
    expect_numbers_refused(numbers, ARRAY_LEN(numbers));
}

static void the_reference_has_a_distribution_for_each_input(void **state)
{
    (void)state;
    static const char *const numbers[][4] = {
        {"\"reference\"", "\"edges\": [", "1e9", "ascend"},
        {"\"reference\"", "\"shares\": [", "-0.1", "share"},
        {"\"reference\"", "\"shares\": [", "0.9", "sum to 1"},
        {"\"reference\"", "\"shares\": [", "0.1, 0", "number of shares"},
        {"\"reference\"", "\"mean\": ", "1.5", "probability"},
        {"\"reference\"", "\"missing\": ", "1.5", "missing"},
        {"\"reference\"", "\"name\": ", "\"Age\"", "at this place"},
    };
    expect_numbers_refused(numbers, ARRAY_LEN(numbers));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_is_badly_calibrated_is_refused),
        cmocka_unit_test(a_file_cannot_widen_its_own_limit),
        cmocka_unit_test(where_it_was_trained_is_complete_and_possible),
        cmocka_unit_test(the_fairness_table_is_of_this_decision),
        cmocka_unit_test(the_reference_has_a_distribution_for_each_input),
    };
    return cmocka_run_group_tests(tests, open_features, close_features);
}
