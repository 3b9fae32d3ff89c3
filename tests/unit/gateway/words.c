// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "words.h"

static struct features *features;

static int load(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    features_free(features);
    return 0;
}

static void english_is_spoken_unless_french_is_preferred(void **state)
{
    (void)state;
    static const char *const french[] = {
        "fr",           "FR",       "fr-CH, en;q=0.9",  "de, fr;q=0.8, en;q=0.7",
        "en;q=0.1, fr", "fr;q=0.5", "fr;q=0.9, *;q=0.5"};
    static const char *const english[] = {"",           "en",          "en, fr",
                                          "de",         "fr;q=0",      "*",
                                          "frx",        "fr;q=0.5, *", "en;q=0.8, fr;q=0.8",
                                          "fr;level=1", ",,;q=",       "fr;q=x"};
    assert_int_equal(words_language(NULL), LANGUAGE_EN);
    for (size_t i = 0; i < ARRAY_LEN(french); i++)
        if (words_language(french[i]) != LANGUAGE_FR)
            fail_msg("%s is French", french[i]);
    for (size_t i = 0; i < ARRAY_LEN(english); i++)
        if (words_language(english[i]) != LANGUAGE_EN)
            fail_msg("%s is English", english[i]);
}

static void reads(const char *attribute, double weight, enum language language,
                  const char *expected)
{
    CLEANUP(text_done) struct text out = TEXT_INIT(1000);
    assert_int_equal(
        words_write_reason(features, language, bytes_from_string(attribute), weight, &out), ERR_OK);
    assert_string_equal(text_string(&out), expected);
}

static void a_reason_says_what_raises_or_lowers_the_risk(void **state)
{
    (void)state;
    reads("OverTime", 1.2, LANGUAGE_EN, "\"overtime: raises the risk\"");
    reads("OverTime", -1.2, LANGUAGE_EN, "\"overtime: lowers the risk\"");
    reads("OverTime", 1.2, LANGUAGE_FR, "\"heures supplémentaires : augmente le risque\"");
    reads("JobLevel", -0.1, LANGUAGE_FR, "\"niveau du poste : réduit le risque\"");
}

static void an_attribute_of_another_features_file_keeps_its_name(void **state)
{
    (void)state;
    reads("Shoe\"Size", 1, LANGUAGE_EN, "\"Shoe\\\"Size: raises the risk\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(english_is_spoken_unless_french_is_preferred),
        cmocka_unit_test(a_reason_says_what_raises_or_lowers_the_risk),
        cmocka_unit_test(an_attribute_of_another_features_file_keeps_its_name),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
