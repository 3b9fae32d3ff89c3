// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "model/model.h"
#define WANTS_FEATURES
#include "unit/model/artefact.h"

static enum err parse(const char *json, size_t len, struct why *why)
{
    CLEANUP(model_free_p) struct model *model = NULL;
    enum err err = model_parse(bytes_of(json, len), features, &model, why);
    assert_true((err == ERR_OK) == (model != NULL));
    return err;
}

// Changes the first digit but zero of the number at `at`, tries the artefact, and puts it back.
static void expect_digit_to_matter(char *json, char *at)
{
    char *digit = at + strcspn(at, "123456789,}");
    if (*digit < '1' || *digit > '9')
        return; // the number is zero
    char good = *digit;
    *digit = good == '9' ? '1' : (char)(good + 1);
    struct why why = {0};
    if (parse(json, strlen(json), &why) != ERR_REJECT)
        fail_msg("%.40s was accepted", at);
    *digit = good;
}

// Every `stride`th number behind `name`, from `from` on. Gives how many were changed.
static size_t expect_numbers_to_matter(char *json, const char *from, const char *name,
                                       size_t stride)
{
    size_t seen = 0, changed = 0;
    char *at = strstr(json, from);
    assert_non_null(at);
    while ((at = strstr(at, name)) != NULL) {
        at += strlen(name);
        if (seen++ % stride == 0) {
            expect_digit_to_matter(json, at);
            changed++;
        }
    }
    return changed;
}

static void one_wrong_digit_anywhere_in_the_mathematics_is_seen(void **state)
{
    (void)state;
    CLEANUP(mem_free_p) char *json = artefact_text();
    size_t changed = expect_numbers_to_matter(json, "\"linear\"", "\"w\": ", 1);
    changed += expect_numbers_to_matter(json, "\"linear\"", "\"m\": ", 1);
    changed += expect_numbers_to_matter(json, "\"linear\"", "\"base\": ", 1);
    changed +=
        expect_numbers_to_matter(json, "\"features\"", "\"policy\": \"impute\", \"value\": ", 1);
    changed += expect_numbers_to_matter(json, "\"golden\"", "\"log_odds\": ", 1);
    changed += expect_numbers_to_matter(json, "\"golden\"", "\"probability\": ", 1);
    changed += expect_numbers_to_matter(json, "\"golden\"", "\"weight\": ", 2);
    assert_true(changed >= 200);
}

static void an_examination_that_examines_nothing_is_refused(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"tolerance\": 1e-12", "\"tolerance\": 1"},
        {"\"tolerance\": 1e-12", "\"tolerance\": 0"},
        {"\"tolerance\": 1e-12", "\"tolerance\": -1e-12"},
        {"\"vectors\": [", "\"vectors\": [], \"errors\": [], \"rest\": ["},
        {"\"vectors\": [", "\"vectors\": [1, "},
        {"\"vectors\": [", "\"vectors\": [{\"features\": {}}, "},
        {"\"features\": {", "\"features\": {\"Age\": 30, "},
        {"\"features\": {", "\"features\": {\"JobTitle\": 30, "},
        {"\"BusinessTravel\": \"", "\"BusinessTravel\": [], \"Department\": \""},
        {"\"BusinessTravel\": \"", "\"BusinessTravel\": \"x"},
        {"\"reasons\": [", "\"reasons\": [], \"more\": ["},
        {"\"reasons\": [{", "\"reasons\": [{}, {"},
        {"\"reasons\": [{", "\"reasons\": [{\"rank\": 1, "},
        {"\"expect\": \"missing\"", "\"expect\": \"outside-training-range\""},
        {"\"expect\": \"missing\"", "\"expect\": \"unlucky\""},
        {"\"expect\": \"unknown-category\"", "\"expects\": \"unknown-category\""},
    };
    CLEANUP(mem_free_p) char *good = artefact_text();
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        CLEANUP(mem_free_p) char *bad = with(good, "\"golden\"", changes[i][0], changes[i][1]);
        struct why why = {0};
        if (parse(bad, strlen(bad), &why) != ERR_REJECT)
            fail_msg("%s was accepted", changes[i][1]);
    }
    CLEANUP(mem_free_p) char *none = with(good, "\"golden\"", "{", "1 /");
    struct why why = {0};
    assert_int_equal(parse(none, strlen(none), &why), ERR_REJECT);
}

static void a_term_that_is_lost_or_swapped_is_seen(void **state)
{
    (void)state;
    CLEANUP(mem_free_p) char *good = artefact_text();
    static const char *const swaps[][2] = {
        {"\"op\": \"le\"", "\"op\": \"ge\""},
        {"\"op\": \"le\"", "\"op\": \"eq\""},
        {"\"op\": \"ge\"", "\"op\": \"le\""},
        {"\"v\": \"Yes\"", "\"v\": \"No\""},
        {"\"v\": \"Sales\"", "\"v\": \"Human Resources\""},
        {"\"f\": \"JobSatisfaction\"", "\"f\": \"JobInvolvement\""}};
    for (size_t i = 0; i < ARRAY_LEN(swaps); i++) {
        CLEANUP(mem_free_p) char *bad = with(good, "\"terms\"", swaps[i][0], swaps[i][1]);
        struct why why = {0};
        assert_err(parse(bad, strlen(bad), &why), ERR_REJECT, &why);
    }
    CLEANUP(mem_free_p) char *lost = artefact_text();
    char *first = strstr(strstr(lost, "\"terms\""), "{"), *second = strstr(first, "\n");
    memmove(first, second, strlen(second) + 1);
    struct why why = {0};
    assert_err(parse(lost, strlen(lost), &why), ERR_REJECT, &why);
    assert_non_null(strstr(why.text, "golden.vectors[0]"));
}

static void a_file_that_ends_early_is_refused(void **state)
{
    (void)state;
    CLEANUP(mem_free_p) char *json = artefact_text();
    size_t len = strlen(json);
    for (size_t cut = 0; cut < len - 2; cut += 251) {
        struct why why = {0};
        assert_err(parse(json, cut, &why), ERR_REJECT, &why);
    }
}

// Random damage may hit a blank or a word for people, so any verdict is right but a crash.
static void random_damage_is_survived(void **state)
{
    (void)state;
    CLEANUP(mem_free_p) char *json = artefact_text();
    size_t len = strlen(json), refused = 0;
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 1000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t at = (size_t)(random % len);
        char good = json[at];
        json[at] = (char)(random >> 40);
        struct why why = {0};
        refused += parse(json, len, &why) == ERR_REJECT ? 1 : 0;
        json[at] = good;
    }
    assert_true(refused > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_wrong_digit_anywhere_in_the_mathematics_is_seen),
        cmocka_unit_test(an_examination_that_examines_nothing_is_refused),
        cmocka_unit_test(a_term_that_is_lost_or_swapped_is_seen),
        cmocka_unit_test(a_file_that_ends_early_is_refused),
        cmocka_unit_test(random_damage_is_survived),
    };
    return cmocka_run_group_tests(tests, open_features, close_features);
}
