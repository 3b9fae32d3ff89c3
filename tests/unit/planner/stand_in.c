// SPDX-License-Identifier: MIT
#include "unit/planner/fixture.h"

#include "support/stub_llm/plan.h"

// What the language model's stand-in answers where all is well: a test that is told "written" must
// have been given a plan.

// Words that each lead to one action of the stand-in.
static const char *const words[] = {"overtime",     "travel",   "promotion", "training",
                                    "satisfaction", "income",   "role",      "tenure",
                                    "supervisor",   "worklife", "commute",   "stock"};

struct seen {
    const char *actions[ARRAY_LEN(words)];
    size_t count;
};

static void note(struct seen *seen, const char *action)
{
    size_t i = 0;
    while (i < seen->count && strcmp(seen->actions[i], action) != 0)
        i++;
    assert_true(i < ARRAY_LEN(seen->actions));
    if (i == seen->count)
        seen->actions[seen->count++] = action;
}

static void expect_plan(const struct check *check, enum language language, const char *user,
                        struct seen *seen)
{
    struct asked asked = ASKED_INIT;
    struct answer answer;
    struct actions actions;
    const char *chosen[3];
    asked.is_french = language == LANGUAGE_FR;
    assert_int_equal(text_append_string(&asked.user, user), ERR_OK);
    plan_choose(&asked, chosen);
    struct verdict verdict = check_answer(
        check, language, answer_of(&answer, chosen[0], chosen[1], chosen[2]), &actions);
    if (verdict.fault != FAULT_NONE)
        fail_msg("%s in action %d of: %s", fault_code(verdict.fault), verdict.action + 1,
                 answer.text);
    for (size_t i = 0; i < ARRAY_LEN(chosen); i++)
        note(seen, chosen[i]);
    text_done(&asked.user);
}

static void every_good_answer_passes_the_check(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = load_features(SHIPPED);
    CLEANUP(check_free_p) struct check *check = make_check(features);
    for (int language = 0; language < LANGUAGES; language++) {
        struct seen seen = {.count = 0};
        for (size_t a = 0; a < ARRAY_LEN(words); a++)
            for (size_t b = a + 1; b < ARRAY_LEN(words); b++)
                for (size_t c = b + 1; c < ARRAY_LEN(words); c++) {
                    char user[128];
                    snprintf(user, sizeof user, "%s, %s, %s", words[a], words[b], words[c]);
                    expect_plan(check, (enum language)language, user, &seen);
                }
        assert_int_equal(seen.count, ARRAY_LEN(words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_good_answer_passes_the_check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
