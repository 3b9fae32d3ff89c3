// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "planner/terms.h"

// The folded words with a blank behind each.
static const char *folded(const char *text)
{
    static char out[1024];
    struct terms terms;
    size_t len = 0;
    terms_of(bytes_from_string(text), &terms);
    out[0] = '\0';
    for (size_t i = 0; i < terms.count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s ", terms.list[i].text);
    return out;
}

static void case_and_accents_are_folded(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Âgé, ÂGE and l'âge", "age age and l age "},
        {"Œuvre cœur Ænean straße", "oeuvre coeur aenean strasse "},
        {"l’équipe d'à côté", "l equipe d a cote "},
        {"Łódź Čapek İzmir Ÿ ŷ ſ", "lodz capek izmir y y s "},
        {"one-on-one 24/7 R&D 401(k)", "one on one 24 7 r d 401 k "},
        {"5×3 a·b «ç» ½", "5 3 a b c "},
        {"", ""},
        {" . ; — ", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(folded(cases[i][0]), cases[i][1]);
}

static void characters_are_of_a_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum glyph_kind kind;
    } cases[] = {
        {"a", GLYPH_LETTER},
        {"Z", GLYPH_LETTER},
        {"é", GLYPH_LETTER},
        {"ſ", GLYPH_LETTER},
        {"7", GLYPH_DIGIT},
        {" ", GLYPH_BLANK},
        {"\xc2\xa0", GLYPH_BLANK},
        {"\xe2\x80\xaf", GLYPH_BLANK},
        {"-", GLYPH_PUNCTUATION},
        {"×", GLYPH_PUNCTUATION},
        {"€", GLYPH_PUNCTUATION},
        {"–", GLYPH_PUNCTUATION},
        {"’", GLYPH_PUNCTUATION},
        {"\n", GLYPH_BREAK},
        {"\r", GLYPH_BREAK},
        {"\xc2\x85", GLYPH_BREAK},
        {"\xe2\x80\xa8", GLYPH_BREAK},
        {"\xf0\x9f\x98\x80", GLYPH_PICTURE},
        {"✓", GLYPH_PICTURE},
        {"\t", GLYPH_ODD},
        {"\x01", GLYPH_ODD},
        {"\x7f", GLYPH_ODD},
        {"\xe2\x80\x8b", GLYPH_ODD},     // no width
        {"\xc2\xad", GLYPH_ODD},         // soft hyphen
        {"\xcc\x81", GLYPH_ODD},         // combining acute
        {"\xe2\x80\xae", GLYPH_ODD},     // right to left
        {"\xef\xbb\xbf", GLYPH_ODD},     // byte order mark
        {"\xd0\xb0", GLYPH_ODD},         // Cyrillic a
        {"\xef\xbd\x81", GLYPH_ODD},     // full-width a
        {"\xf0\x9d\x90\x9a", GLYPH_ODD}, // mathematical a
        {"\xc6\x80", GLYPH_ODD},         // behind Latin Extended-A
        {"中", GLYPH_ODD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct glyph glyph = glyph_at(bytes_from_string(cases[i].text), 0);
        if (glyph.kind != cases[i].kind || glyph.len != strlen(cases[i].text))
            fail_msg("case %zu: kind %d, %zu bytes", i, (int)glyph.kind, glyph.len);
    }
}

// Every code point of the two blocks folds to small letters of ASCII.
static void every_latin_letter_has_a_base(void **state)
{
    (void)state;
    for (uint32_t code = 0xc0; code <= 0x17f; code++) {
        const uint8_t text[] = {(uint8_t)(0xc0 | code >> 6), (uint8_t)(0x80 | (code & 0x3f))};
        struct glyph glyph = glyph_at(bytes_of(text, 2), 0);
        assert_int_equal(glyph.code, code);
        if (code == 0xd7 || code == 0xf7)
            assert_int_not_equal(glyph.kind, GLYPH_LETTER);
        else
            assert_true((glyph.base[0] | 0x20) >= 'a' && (glyph.base[0] | 0x20) <= 'z');
    }
}

static void capitals_and_sentences_are_told(void **state)
{
    (void)state;
    struct terms terms;
    terms_of(bytes_from_string("Ask Anna in R&D: Élan. OKR's at IBM? x2 McKay"), &terms);
    static const struct {
        const char *text;
        bool is_capital, is_all_capitals, starts_sentence;
    } expected[] = {
        {"ask", true, false, true},  {"anna", true, false, false}, {"in", false, false, false},
        {"r", true, false, false},   {"d", true, false, false},    {"elan", true, false, true},
        {"okr", false, true, true},  {"s", false, false, false},   {"at", false, false, false},
        {"ibm", false, true, false}, {"x2", false, false, true},   {"mckay", true, false, false},
    };
    assert_int_equal(terms.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < terms.count; i++) {
        const struct term *term = &terms.list[i];
        assert_string_equal(term->text, expected[i].text);
        if (term->is_capital != expected[i].is_capital ||
            term->is_all_capitals != expected[i].is_all_capitals ||
            term->starts_sentence != expected[i].starts_sentence)
            fail_msg("%s", term->text);
    }
}

static void long_words_and_long_texts_are_cut(void **state)
{
    (void)state;
    char many[2048] = "";
    for (size_t i = 0; i < 500; i++)
        strcat(many, "é ");
    struct terms terms;
    terms_of(bytes_from_string(many), &terms);
    assert_int_equal(terms.count, TERMS_MAX);
    memset(many, 'w', 200);
    many[200] = '\0';
    terms_of(bytes_from_string(many), &terms);
    assert_int_equal(terms.count, 1);
    assert_int_equal(strlen(terms.list[0].text), TERM_MAX);
    assert_int_equal(terms.list[0].letters, 200);
}

static void overlap_is_the_share_of_words_in_common(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        double overlap;
    } cases[] = {{"a b c", "C, B! A?", 1},
                 {"a a a b", "b a", 1},
                 {"a b c d", "a b", 0.5},
                 {"a b", "c d", 0},
                 {"a b c", "b c d", 0.5},
                 {"", "", 1},
                 {"a", "", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct terms a, b;
        terms_of(bytes_from_string(cases[i].a), &a);
        terms_of(bytes_from_string(cases[i].b), &b);
        assert_near(terms_overlap(&a, &b), cases[i].overlap, 1e-12);
        assert_near(terms_overlap(&b, &a), cases[i].overlap, 1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_accents_are_folded),
        cmocka_unit_test(characters_are_of_a_kind),
        cmocka_unit_test(every_latin_letter_has_a_base),
        cmocka_unit_test(capitals_and_sentences_are_told),
        cmocka_unit_test(long_words_and_long_texts_are_cut),
        cmocka_unit_test(overlap_is_the_share_of_words_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
