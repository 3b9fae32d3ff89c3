// SPDX-License-Identifier: MIT
#include "unit/planner/fixture.h"

// Two good actions of each language.
static const char *const good[LANGUAGES][2] = {
    [LANGUAGE_EN] = {"Review the workload with the team lead and move two tasks to colleagues.",
                     "Agree on a career path with the manager and revisit it every quarter."},
    [LANGUAGE_FR] = {"Revoir la charge de travail avec le responsable et confier deux tâches à "
                     "des collègues.",
                     "Convenir d'un parcours de carrière et le revoir chaque trimestre."},
};

struct world {
    struct features *features;
    struct check *check;
};

static int setup(void **state)
{
    static struct world world;
    world.features = load_features(SHIPPED);
    world.check = make_check(world.features);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    check_free(world->check);
    features_free(world->features);
    return 0;
}

static struct verdict judge(void **state, enum language language, struct bytes answer)
{
    static struct actions actions;
    const struct world *world = *state;
    return check_answer(world->check, language, answer, &actions);
}

// The same with the JSON text of an answer.
static enum fault fault_of(void **state, const char *json)
{
    return judge(state, LANGUAGE_EN, bytes_from_string(json)).fault;
}

// Every sentence in its language, three at a time, and by itself.
static void expect_good(void **state, const char *file, enum language language)
{
    const struct world *world = *state;
    size_t count = 0, wrong = 0;
    CLEANUP(mem_free_p) struct line *lines = read_lines(file, &count);
    assert_true(count >= 60 && count % ACTIONS == 0);
    for (size_t i = 0; i < count; i += ACTIONS) {
        struct answer answer;
        struct verdict verdict =
            judge(state, language,
                  answer_of(&answer, lines[i].text, lines[i + 1].text, lines[i + 2].text));
        if (verdict.fault == FAULT_NONE)
            continue;
        print_error("%s: %s\n", fault_code(verdict.fault),
                    lines[i + (size_t)(verdict.action < 0 ? 0 : verdict.action)].text);
        wrong++;
    }
    for (size_t i = 0; i < count; i++) {
        enum fault fault = check_action(world->check, language, bytes_from_string(lines[i].text));
        if (fault != FAULT_NONE) {
            print_error("%s: %s\n", fault_code(fault), lines[i].text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void what_a_good_model_writes_in_english_passes(void **state)
{
    expect_good(state, "good.en.txt", LANGUAGE_EN);
}

static void what_a_good_model_writes_in_french_passes(void **state)
{
    expect_good(state, "good.fr.txt", LANGUAGE_FR);
}

static void what_must_not_be_shown_is_refused_with_its_code(void **state)
{
    size_t count = 0, wrong = 0, seen[FAULTS] = {0};
    CLEANUP(mem_free_p) struct line *lines = read_lines("hostile.txt", &count);
    assert_true(count >= 100);
    for (size_t i = 0; i < count; i++) {
        char *rest = lines[i].text, *code = strsep(&rest, "\t"), *name = strsep(&rest, "\t");
        enum fault expected = FAULT_NONE;
        enum language language = LANGUAGE_EN;
        struct answer answer;
        assert_true(fault_from_code(bytes_from_string(code), &expected));
        assert_true(language_from_text(bytes_from_string(name), &language));
        assert_true(expected != FAULT_NONE && rest != NULL);
        seen[expected]++;
        struct verdict verdict =
            judge(state, language, answer_of(&answer, good[language][0], rest, good[language][1]));
        if (verdict.fault != expected || (verdict.action != 1 && verdict.action != -1)) {
            print_error("%s (action %d), not %s: %s\n", fault_code(verdict.fault), verdict.action,
                        code, rest);
            wrong++;
        }
    }
    for (size_t i = FAULT_NOT_ONE_LINE; i < FAULTS; i++)
        assert_true(seen[i] > 0 || i == FAULT_ALIKE);
    assert_int_equal(wrong, 0);
}

#define A    "\"Review the workload with the team lead and move two tasks to colleagues.\""
#define B    "\"Agree on a career path with the manager and revisit it every quarter.\""
#define C    "\"Offer two remote days per week so that the commute weighs less.\""
#define PLAN "{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":" C "}"

static void an_answer_may_be_dressed_in_blanks_a_mark_and_a_fence_only(void **state)
{
    static const struct {
        const char *json;
        enum fault fault;
    } cases[] = {
        {PLAN, FAULT_NONE},
        {"\n\n  " PLAN " \r\n", FAULT_NONE},
        {"\xef\xbb\xbf" PLAN, FAULT_NONE},
        {"\xef\xbb\xbf\n" PLAN, FAULT_NONE},
        {"```json\n" PLAN "\n```", FAULT_NONE},
        {"```\n" PLAN "```\n", FAULT_NONE},
        {"```JSON " PLAN " ```", FAULT_NONE},
        {"Here is the plan: " PLAN, FAULT_BAD_JSON},
        {PLAN " I hope this helps.", FAULT_BAD_JSON},
        {PLAN PLAN, FAULT_BAD_JSON},
        {"```json\n" PLAN, FAULT_BAD_JSON},
        {PLAN "\n```", FAULT_BAD_JSON},
        {"```yaml\n" PLAN "\n```", FAULT_BAD_JSON},
        {"``````" PLAN "``````", FAULT_BAD_JSON},
        {"```", FAULT_BAD_JSON},
        {"``````", FAULT_BAD_JSON},
        {"", FAULT_BAD_JSON},
        {"\xef\xbb\xbf", FAULT_BAD_JSON},
        {"[" PLAN "]", FAULT_BAD_JSON},
        {"null", FAULT_BAD_JSON},
        {"{}", FAULT_WRONG_FIELDS},
        {"{\"plan\":" PLAN "}", FAULT_WRONG_FIELDS},
        {"{\"action_1\":" A ",\"action_2\":" B "}", FAULT_WRONG_FIELDS},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":" C ",\"action_4\":" C "}",
         FAULT_WRONG_FIELDS},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"Action_3\":" C "}", FAULT_WRONG_FIELDS},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_2\":" C "}", FAULT_BAD_JSON},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":" C ",\"action_3\":" C "}",
         FAULT_BAD_JSON},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":7}", FAULT_NOT_TEXT},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":null}", FAULT_NOT_TEXT},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":[" C "]}", FAULT_NOT_TEXT},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":{\"a\":" C "}}", FAULT_NOT_TEXT},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":\"\\ud800 lone\"}", FAULT_BAD_JSON},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":\"a\\u0000b\"}", FAULT_BAD_JSON},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":\"\xff\"}", FAULT_BAD_UTF8},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":\"\xc3(\"}", FAULT_BAD_UTF8},
        {"{\"action_1\":" A ",\"action_2\":" B ",\"action_3\":\"Meet weekly with with",
         FAULT_BAD_JSON},
        {"{\"action_1\":" A ",\"action_2\":" B
         ",\"action_3\":\"Offer the employee a mentor and a thank-you \\ud83d\\ude00 this week.\"}",
         FAULT_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum fault fault = fault_of(state, cases[i].json);
        if (fault != cases[i].fault)
            fail_msg("%s, not %s: %s", fault_code(fault), fault_code(cases[i].fault),
                     cases[i].json);
    }
}

static void actions_that_say_the_same_are_refused(void **state)
{
    static const struct {
        const char *a, *b;
        enum fault fault;
    } cases[] = {
        {"Offer two remote days per week to the employee.",
         "offer  two REMOTE days, per week, to the employee!", FAULT_ALIKE},
        {"Offer two remote days per week to the employee.",
         "Offer the employee two remote days per week to start.", FAULT_ALIKE},
        {"Offer two remote days per week to the employee.",
         "Offer two training days per year to the employee.", FAULT_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer;
        struct verdict verdict = judge(
            state, LANGUAGE_EN, answer_of(&answer, cases[i].a, good[LANGUAGE_EN][0], cases[i].b));
        if (verdict.fault != cases[i].fault)
            fail_msg("case %zu: %s", i, fault_code(verdict.fault));
        assert_int_equal(verdict.action, cases[i].fault == FAULT_NONE ? -1 : 2);
        assert_true(check_are_alike(bytes_from_string(cases[i].a), bytes_from_string(cases[i].b)) ==
                    (cases[i].fault != FAULT_NONE));
    }
}

static void an_action_has_20_to_300_characters_however_many_bytes(void **state)
{
    static const struct {
        size_t characters;
        enum fault fault;
    } cases[] = {{19, FAULT_WRONG_LENGTH},
                 {20, FAULT_NONE},
                 {300, FAULT_NONE},
                 {301, FAULT_WRONG_LENGTH},
                 {4000, FAULT_WRONG_LENGTH}};
    const struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(text_done) struct text action = TEXT_INIT(20000);
        assert_int_equal(text_append_string(&action, "\xc3\x80 la fin du "), ERR_OK);
        for (size_t n = 13; n < cases[i].characters; n++)
            assert_int_equal(text_append_string(&action, "\xc3\xa9"), ERR_OK);
        assert_int_equal(text_append_string(&action, "."), ERR_OK);
        enum fault fault = check_action(world->check, LANGUAGE_FR, text_bytes(&action));
        if (fault != cases[i].fault)
            fail_msg("%zu characters: %s", cases[i].characters, fault_code(fault));
    }
}

static void an_answer_over_256_kib_is_not_read(void **state)
{
    enum { MANY = 256 * 1024 };
    CLEANUP(text_done) struct text answer = TEXT_INIT(2 * MANY);
    assert_int_equal(text_append_string(&answer, PLAN), ERR_OK);
    while (answer.len < MANY)
        assert_int_equal(text_append_string(&answer, " "), ERR_OK);
    assert_int_equal(judge(state, LANGUAGE_EN, text_bytes(&answer)).fault, FAULT_NONE);
    assert_int_equal(text_append_string(&answer, " "), ERR_OK);
    assert_int_equal(judge(state, LANGUAGE_EN, text_bytes(&answer)).fault, FAULT_TOO_LARGE);
}

static void the_actions_come_back_without_the_blanks_around_them(void **state)
{
    const struct world *world = *state;
    struct actions actions = {.text = {"kept", "kept", "kept"}};
    struct answer answer;
    char dressed[256];
    snprintf(dressed, sizeof dressed, " \\n\\u00a0%s\\t ", good[LANGUAGE_EN][0]);
    struct bytes bytes = answer_of(&answer, dressed, good[LANGUAGE_EN][1], "No.");
    assert_int_equal(check_answer(world->check, LANGUAGE_EN, bytes, &actions).fault,
                     FAULT_WRONG_LENGTH);
    assert_string_equal(actions.text[0], "kept");
    bytes = answer_of(&answer, dressed, good[LANGUAGE_EN][1],
                      "Say \\\"thank you\\\" to the employee at the next meeting.");
    assert_int_equal(check_answer(world->check, LANGUAGE_EN, bytes, &actions).fault, FAULT_NONE);
    assert_string_equal(actions.text[0], good[LANGUAGE_EN][0]);
    assert_string_equal(actions.text[2], "Say \"thank you\" to the employee at the next meeting.");
}

static void the_words_of_the_features_may_be_used(void **state)
{
    (void)state;
    static const char json[] =
        "{\"format\":\"employee-features\",\"format_version\":1,\"attributes\":["
        "{\"name\":\"Site\",\"type\":\"category\",\"role\":\"input\",\"categories\":["
        "{\"name\":\"Lyon\"},{\"name\":\"Saint-\\u00c9tienne\"}]},"
        "{\"name\":\"Team\",\"type\":\"category\",\"role\":\"input\",\"categories\":["
        "{\"name\":\"medical devices\"},{\"name\":\"Whitfield\"}]},"
        "{\"name\":\"Place\",\"type\":\"category\",\"role\":\"audit\",\"categories\":["
        "{\"name\":\"Oslo\"}]}]}";
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_parse(bytes_from_string(json), &features, &why), &why);
    CLEANUP(check_free_p) struct check *check = make_check(features);
    static const struct {
        const char *action;
        enum fault fault;
    } cases[] = {
        {"Offer the employee a move to Lyon or Saint-Étienne.", FAULT_NONE},
        {"Offer the employee a role in medical devices.", FAULT_NONE},
        {"Offer the employee a project with Whitfield.", FAULT_NONE},
        {"Offer the employee a medical project.", FAULT_MEDICAL},
        {"Offer the employee a move to Oslo.", FAULT_PERSON_NAME},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (check_action(check, LANGUAGE_EN, bytes_from_string(cases[i].action)) != cases[i].fault)
            fail_msg("%s", cases[i].action);
}

static void a_concrete_plan_has_more_points_than_a_vague_one(void **state)
{
    const struct world *world = *state;
    struct basis basis = {.language = LANGUAGE_EN, .reason_count = 2};
    basis.reasons[0].attribute =
        (size_t)features_find(world->features, bytes_from_string("OverTime"));
    basis.reasons[1].attribute =
        (size_t)features_find(world->features, bytes_from_string("TrainingTimesLastYear"));
    const struct actions concrete = {{"Cap overtime at five hours per week.",
                                      "Offer a training in the next quarter.",
                                      "Schedule a talk with the manager."}};
    const struct actions vague = {
        {"Things should be better.", "More could happen here.", "There is room for a talk."}};
    assert_int_equal(check_concreteness(world->check, world->features, &basis, &concrete), 5);
    assert_int_equal(check_concreteness(world->check, world->features, &basis, &vague), 0);
}

static uint64_t next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

// Bytes are changed, dropped, doubled and cut off; what passes all the same is a plan.
static void mutated_answers_never_hurt(void **state)
{
    enum { ROUNDS = 20000 };
    const struct world *world = *state;
    size_t count = 0, hostile = 0, passed = 0;
    CLEANUP(mem_free_p) struct line *lines = read_lines("good.fr.txt", &count);
    CLEANUP(mem_free_p) struct line *worse = read_lines("hostile.txt", &hostile);
    uint64_t seed = 88172645463325252U;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct answer answer;
        const char *third = round % 2 == 0 ? lines[next(&seed) % count].text
                                           : strrchr(worse[next(&seed) % hostile].text, '\t') + 1;
        struct bytes bytes = answer_of(&answer, lines[next(&seed) % count].text,
                                       lines[next(&seed) % count].text, third);
        // An exact block, so that a read behind its end is seen.
        uint8_t *block = malloc(bytes.len);
        assert_non_null(block);
        memcpy(block, bytes.data, bytes.len);
        size_t len = bytes.len;
        for (uint64_t n = next(&seed) % 4; n > 0; n--) {
            size_t at = next(&seed) % len, run = 1 + next(&seed) % 3;
            run = run < len - at ? run : len - at;
            if (next(&seed) % 3 == 0 && len > run) {
                memmove(block + at, block + at + run, len - at - run);
                len -= run;
            } else {
                block[at] = (uint8_t)next(&seed);
            }
        }
        len = next(&seed) % 8 == 0 ? next(&seed) % len : len;
        uint8_t *exact = malloc(len > 0 ? len : 1);
        assert_non_null(exact);
        memcpy(exact, block, len);
        struct actions actions;
        struct verdict verdict =
            check_answer(world->check, LANGUAGE_FR, bytes_of(exact, len), &actions);
        for (size_t i = 0; verdict.fault == FAULT_NONE && i < ACTIONS; i++)
            assert_int_equal(
                check_action(world->check, LANGUAGE_FR, bytes_from_string(actions.text[i])),
                FAULT_NONE);
        passed += verdict.fault == FAULT_NONE ? 1 : 0;
        free(exact);
        free(block);
    }
    assert_true(passed > ROUNDS / 20 && passed < ROUNDS / 2);
}

static void every_fault_has_a_code_and_a_line_in_both_languages(void **state)
{
    (void)state;
    for (int i = FAULT_NONE + 1; i < FAULTS; i++) {
        enum fault fault = FAULT_NONE;
        assert_true(fault_from_code(bytes_from_string(fault_code((enum fault)i)), &fault));
        assert_int_equal(fault, i);
        for (int language = 0; language < LANGUAGES; language++) {
            const char *line = fault_correction(fault, (enum language)language);
            assert_true(strlen(line) > 20 && strlen(line) < 200);
            assert_true(line[strlen(line) - 1] == '.');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_good_model_writes_in_english_passes),
        cmocka_unit_test(what_a_good_model_writes_in_french_passes),
        cmocka_unit_test(what_must_not_be_shown_is_refused_with_its_code),
        cmocka_unit_test(an_answer_may_be_dressed_in_blanks_a_mark_and_a_fence_only),
        cmocka_unit_test(actions_that_say_the_same_are_refused),
        cmocka_unit_test(an_action_has_20_to_300_characters_however_many_bytes),
        cmocka_unit_test(an_answer_over_256_kib_is_not_read),
        cmocka_unit_test(the_actions_come_back_without_the_blanks_around_them),
        cmocka_unit_test(the_words_of_the_features_may_be_used),
        cmocka_unit_test(a_concrete_plan_has_more_points_than_a_vague_one),
        cmocka_unit_test(mutated_answers_never_hurt),
        cmocka_unit_test(every_fault_has_a_code_and_a_line_in_both_languages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
