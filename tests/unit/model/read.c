// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "model/model.h"
#define WANTS_FEATURES
#include "unit/model/artefact.h"

// One change of the shipped artefact: the first `from` behind `after` becomes `to`.
struct change {
    const char *after;
    const char *from;
    const char *to;
    const char *place; // a word of the sentence that refuses it
};

static void expect_refusals(const struct change *changes, size_t count)
{
    CLEANUP(mem_free_p) char *good = artefact_text();
    for (size_t i = 0; i < count; i++) {
        CLEANUP(mem_free_p)
        char *bad = with(good, changes[i].after, changes[i].from, changes[i].to);
        CLEANUP(model_free_p) struct model *model = NULL;
        struct why why = {0};
        enum err err = model_parse(bytes_from_string(bad), features, &model, &why);
        if (err != ERR_REJECT || model != NULL || strstr(why.text, changes[i].place) == NULL)
            fail_msg("%s for %s: %s, %s", changes[i].to, changes[i].from, err_name(err), why.text);
    }
}

static void the_frame_is_strict(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"{", "{", "[{", "expected"},
        {"{", "attrition-model", "attrition", "format"},
        {"{", "\"format_version\": 2", "\"format_version\": 1", "format_version"},
        {"{", "\"format_version\": 2", "\"format_version\": 2.0", "format_version"},
        {"{", "\"format_version\": 2", "\"format_version\": 2, \"extra\": 0", "\"extra\""},
        {"{", "\"kind\": \"linear-logistic\"", "\"kind\": \"tree-ensemble\"", "kind"},
        {"{", "\"kind\": \"linear-logistic\"", "\"kind\": \"random-forest\"", "\"linear\""},
        {"{", "\"kind\": \"linear-logistic\",", "", "kind"},
        {"{", "\"kind\"", "\"format\"", "duplicate"},
        {"\"decision\"", "0.5", "1.0", "decision"},
        {"\"decision\"", "0.25", "0.75", "decision"},
        {"\"decision\"", "0.25", "0.0", "decision"},
        {"\"decision\"", "\"elevated\"", "\"raised\"", "decision"},
        {"{", "\"golden\"", "\"silver\"", "\"silver\""},
    };
    expect_refusals(changes, ARRAY_LEN(changes));
}

static void features_must_be_inputs_of_the_features_file(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"\"features\"", "\"DailyRate\"", "\"WeeklyRate\"", "features[1]"},
        {"\"features\"", "\"DailyRate\"", "\"Age\"", "audit"},
        {"\"features\"", "\"DistanceFromHome\"", "\"DailyRate\"", "twice"},
        {"\"DailyRate\"", "\"integer\"", "\"real\"", "type"},
        {"\"DailyRate\"", "\"integer\"", "\"whole\"", "type"},
        {"\"DailyRate\"", "\"integer\"", "7", "type"},
        {"\"DailyRate\"", "\"train_min\": 102", "\"train_min\": 1500", "train_min"},
        {"\"DailyRate\"", "\"train_min\": 102", "\"train_min\": -1", "train_min"},
        {"\"DailyRate\"", "\"train_min\": 102", "\"train_min\": 102.5", "train_min"},
        {"\"DailyRate\"", "\"train_min\": 102", "\"train_min\": 1e999", "overflow"},
        {"\"DailyRate\"", "\"train_max\"", "\"train_top\"", "\"train_top\""},
        {"\"DailyRate\"", "\"value\": 802", "\"value\": -1", "missing.value"},
        {"\"DailyRate\"", "\"value\": 802", "\"value\": \"802\"", "missing.value"},
        {"\"DailyRate\"", "\"value\": 802", "\"values\": 802", "\"values\""},
        {"\"DailyRate\"", "\"policy\": \"impute\"", "\"policy\": \"guess\"", "policy"},
        {"\"DailyRate\"", "\"policy\": \"impute\"", "\"policy\": \"reject\"", "\"value\""},
        {"\"Department\"", "{\"policy\": \"reject\"}", "\"reject\"", "unknown"},
        {"\"Department\"", "\"unknown\": {\"policy\": \"reject\"}",
         "\"unknown\": {\"policy\": \"guess\"}", "unknown.policy"},
        {"\"Department\"", "\"unknown\": {\"policy\": \"reject\"}",
         "\"unknown\": {\"policy\": \"map\", \"value\": \"Sails\"}", "unknown.value"},
        {"\"Department\"", "\"unknown\": {\"policy\": \"reject\"}",
         "\"unknown\": {\"policy\": \"reject\", \"value\": \"Sales\"}", "\"value\""},
        {"\"Department\"", ", \"unknown\": {\"policy\": \"reject\"}", "", "unknown"},
        {"\"DailyRate\"", "{\"policy\": \"clip\"}", "{\"policy\": \"cut\"}", "outside.policy"},
        {"\"DailyRate\"", "{\"policy\": \"clip\"}", "{\"policy\": \"clip\", \"at\": 1}", "\"at\""},
        {"\"DailyRate\"", ", \"outside\": {\"policy\": \"clip\"}", "", "outside"},
        {"\"Department\"", "\"Sales\"", "\"Sails\"", "category"},
        {"\"Department\"", "\"Sales\"", "\"Human_Resources\"", "category"},
        {"\"Department\"", "\"Sales\"", "\"Human Resources\"", "twice"},
        {"\"Department\"", "\"Sales\"", "3", "category"},
        {"\"Department\"", "\"value\": \"Research & Development\"", "\"value\": \"Astronautics\"",
         "missing.value"},
    };
    expect_refusals(changes, ARRAY_LEN(changes));
}

static void terms_must_be_known_and_fit_their_feature(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"\"terms\"", "\"op\": \"id\"", "\"op\": \"log\"", "op"},
        {"\"terms\"", "\"op\": \"id\", \"f\": \"DailyRate\"",
         "\"op\": \"id\", \"f\": \"DailyRate\", \"v\": 1", "\"v\""},
        {"\"terms\"", "\"f\": \"DailyRate\"", "\"f\": \"Gender\"", "none of the model's features"},
        {"\"terms\"", "\"f\": \"DailyRate\"", "\"f\": \"Department\"", "eq"},
        {"\"terms\"", "\"v\": \"Sales\"", "\"v\": \"Sails\"", "v is none"},
        {"\"terms\"", "\"v\": \"Sales\"", "\"v\": 2", "terms["},
        {"\"terms\"", "\"op\": \"le\"", "\"op\": \"lt\"", "op"},
        {"\"terms\"", "\"w\": ", "\"w\": \"1\", \"x\": ", "terms[0]"},
        {"\"terms\"", "\"m\": ", "\"mean\": ", "\"mean\""},
        {"\"terms\"", "{\"op\"", "1, {\"op\"", "terms[0]"},
        {"\"linear\"", "\"base\": -", "\"base\": null, \"b\": -", "\"b\""},
        {"\"linear\"", "\"base\"", "\"bias\"", "\"bias\""},
    };
    expect_refusals(changes, ARRAY_LEN(changes));
}

#define NONE              "\"calibration\": {\"type\": \"none\"}"
#define CALIBRATION(rest) "\"calibration\": {\"type\": " rest "}"

static void calibrations_are_strict(void **state)
{
    (void)state;
    static const struct change changes[] = {
        {"{", NONE, CALIBRATION("\"platt\""), "calibration"},
        {"{", NONE, CALIBRATION("\"none\", \"a\": 1"), "\"a\""},
        {"{", NONE, CALIBRATION("\"sigmoid\", \"slope\": 1"), "intercept"},
        {"{", NONE, CALIBRATION("\"sigmoid\", \"slope\": 0, \"intercept\": 0"), "slope"},
        {"{", NONE, CALIBRATION("\"sigmoid\", \"slope\": -1, \"intercept\": 0"), "slope"},
        {"{", NONE, CALIBRATION("\"sigmoid\", \"slope\": 2, \"intercept\": 0"), "golden"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [], \"y\": []"), "one length"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [1, 2], \"y\": [0.1]"), "one length"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [2, 1], \"y\": [0.1, 0.2]"), "ascend"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [1, 1], \"y\": [0.1, 0.2]"), "ascend"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [1, 2], \"y\": [0.2, 0.1]"), "rise"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [1, 2], \"y\": [0.2, 1.1]"), "rise"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [1, \"2\"], \"y\": [0, 1]"), "no number"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [-1e308, 1e308], \"y\": [0, 1]"), "ascend"},
        {"{", NONE, CALIBRATION("\"isotonic\", \"x\": [1, 2], \"y\": [0.2, 0.3]"), "golden"},
    };
    expect_refusals(changes, ARRAY_LEN(changes));
}

// The model with one change, scoring somebody of whom only this value is known.
static struct score score_with(const char *after, const char *from, const char *to,
                               const char *attribute, struct value value)
{
    CLEANUP(mem_free_p) char *whole = artefact_text();
    CLEANUP(mem_free_p) char *good = with_short_examination(whole);
    CLEANUP(mem_free_p) char *broken = with(good, after, from, to);
    CLEANUP(mem_free_p) char *changed = sealed(broken);
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why = {0};
    assert_ok(model_parse(bytes_from_string(changed), features, &model, &why), &why);
    struct value row[FEATURES_MAX] = {0};
    row[features_find(features, bytes_from_string(attribute))] = value;
    struct score score;
    model_score(model, row, &score);
    return score;
}

static struct value text(const char *string)
{
    return (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(string)};
}

static struct value integer(int64_t number)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = number};
}

#define UNKNOWN "\"unknown\": {\"policy\": \"reject\"}"

static void an_unknown_level_follows_its_policy(void **state)
{
    (void)state;
    struct score refused = score_with("{", "{", "{", "Department", text("Astronautics"));
    assert_int_equal(refused.band, BAND_UNKNOWN);
    struct score zero = score_with("\"Department\"", UNKNOWN, "\"unknown\": {\"policy\": \"zero\"}",
                                   "Department", text("Astronautics"));
    assert_true(zero.band != BAND_UNKNOWN && zero.outside_count == 1);
    struct score mapped = score_with("\"Department\"", UNKNOWN,
                                     "\"unknown\": {\"policy\": \"map\", \"value\": \"Sales\"}",
                                     "Department", text("Astronautics"));
    struct score sales = score_with("{", "{", "{", "Department", text("Sales"));
    assert_int_equal(mapped.outside_count, 1);
    assert_true(mapped.log_odds == sales.log_odds && mapped.log_odds != zero.log_odds);
}

// Of DistanceFromHome, which has a table, and of MonthlyIncome, which has none.
static void a_number_outside_follows_its_policy(void **state)
{
    (void)state;
    static const struct {
        const char *name, *after;
        int64_t end, far;
    } cases[] = {{"DistanceFromHome", "\"DistanceFromHome\"", 29, 60},
                 {"MonthlyIncome", "\"MonthlyIncome\"", 19999, 40000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *name = cases[i].name, *after = cases[i].after;
        struct value far = integer(cases[i].far);
        struct score at_end = score_with("{", "{", "{", name, integer(cases[i].end));
        struct score clipped = score_with("{", "{", "{", name, far);
        struct score scored = score_with(after, "clip", "score", name, far);
        struct score refused = score_with(after, "clip", "reject", name, far);
        assert_int_equal(at_end.outside_count, 0);
        assert_int_equal(clipped.outside_count, 1);
        assert_int_equal(scored.outside_count, 1);
        assert_true(clipped.log_odds == at_end.log_odds);
        assert_true(fabs(scored.log_odds - clipped.log_odds) > 0.1);
        assert_int_equal(refused.band, BAND_UNKNOWN);
    }
}

static void too_much_is_refused_before_it_is_read(void **state)
{
    (void)state;
    CLEANUP(mem_free_p) char *good = artefact_text();
    CLEANUP(text_done) struct text many = TEXT_INIT(1 << 20);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(text_append_string(&many, "0,"), ERR_OK);
    CLEANUP(mem_free_p) char *to = mem_printf("\"terms\": [%s", text_string(&many));
    CLEANUP(mem_free_p) char *bad = with(good, "\"linear\"", "\"terms\": [", to);
    struct model *model = NULL;
    struct why why = {0};
    assert_err(model_parse(bytes_from_string(bad), features, &model, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "8192"));
}

static void a_file_that_is_missing_is_fatal(void **state)
{
    (void)state;
    struct model *model = NULL;
    struct why why = {0};
    assert_err(model_load("/nowhere/model.json", features, &model, &why), ERR_FATAL, &why);
    assert_err(model_load(FEATURES_PATH, features, &model, &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "features.json"));
}

// A fuzzer that begins with what is refused at once finds little.
static void what_the_fuzzer_begins_with_is_accepted(void **state)
{
    (void)state;
    static const char *const seeds[] = {"linear", "isotonic", "forest", "boosting"};
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        CLEANUP(mem_free_p)
        char *path = mem_printf("%s/tests/fuzz/corpus/model_artefact/%s", SOURCE_DIR, seeds[i]);
        CLEANUP(model_free_p) struct model *model = NULL;
        struct why why = {0};
        assert_ok(model_load(path, features, &model, &why), &why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frame_is_strict),
        cmocka_unit_test(features_must_be_inputs_of_the_features_file),
        cmocka_unit_test(terms_must_be_known_and_fit_their_feature),
        cmocka_unit_test(an_unknown_level_follows_its_policy),
        cmocka_unit_test(a_number_outside_follows_its_policy),
        cmocka_unit_test(calibrations_are_strict),
        cmocka_unit_test(too_much_is_refused_before_it_is_read),
        cmocka_unit_test(a_file_that_is_missing_is_fatal),
        cmocka_unit_test(what_the_fuzzer_begins_with_is_accepted),
    };
    return cmocka_run_group_tests(tests, open_features, close_features);
}
