// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "planner/lists.h"

static struct lists read_lists(const char *file)
{
    struct lists lists = {.count = 0};
    struct why why = {0};
    assert_ok(lists_read(&lists, bytes_from_string(file), &why), &why);
    return lists;
}

static enum fault find(const struct lists *lists, const char *text)
{
    struct terms terms;
    terms_of(bytes_from_string(text), &terms);
    return lists_find(lists, &terms);
}

static unsigned sets_of(const struct lists *lists, const char *word)
{
    struct terms terms;
    terms_of(bytes_from_string(word), &terms);
    assert_int_equal(terms.count, 1);
    assert_int_equal(terms.list[0].sets, 0);
    lists_mark(lists, &terms);
    return terms.list[0].sets;
}

static void a_phrase_is_found_by_whole_words(void **state)
{
    (void)state;
    struct lists lists = read_lists("# lists\n"
                                    "[protected-attribute]\n"
                                    "âge, pregnan*, too old, spy*, ill\n"
                                    "[surveillance]\n"
                                    "monitor* .. mail*, read .. inbox # and so on\n"
                                    "[threat]\n"
                                    "old mail\n"
                                    "[stop]\nthe  a\n"
                                    "[allowed]\n"
                                    "age of sail, monitor* .. junk mail\n");
    lists_sort(&lists);
    static const struct {
        const char *text;
        enum fault fault;
    } cases[] = {
        {"", FAULT_NONE},
        {"manager engage stage", FAULT_NONE},
        {"their Age", FAULT_PROTECTED_ATTRIBUTE},
        {"L'ÂGE.", FAULT_PROTECTED_ATTRIBUTE},
        {"pregnant", FAULT_PROTECTED_ATTRIBUTE},
        {"impregnable", FAULT_NONE},
        {"spying", FAULT_PROTECTED_ATTRIBUTE},
        {"spy", FAULT_PROTECTED_ATTRIBUTE},
        {"sp", FAULT_NONE},
        {"ill", FAULT_PROTECTED_ATTRIBUTE},
        {"illness", FAULT_NONE},
        {"il", FAULT_NONE},
        {"too old", FAULT_PROTECTED_ATTRIBUTE},
        {"too, old", FAULT_PROTECTED_ATTRIBUTE},
        {"too very old", FAULT_NONE},
        {"monitoring mails", FAULT_SURVEILLANCE},
        {"monitor one two three four mail", FAULT_SURVEILLANCE},
        {"monitor one two three four five mail", FAULT_NONE},
        {"mail monitor", FAULT_NONE},
        {"read read read inbox", FAULT_SURVEILLANCE},
        {"monitor old mail", FAULT_SURVEILLANCE},
        {"old mail, too old", FAULT_PROTECTED_ATTRIBUTE},
        {"the age of sail", FAULT_NONE},
        {"the age of sail and the age", FAULT_PROTECTED_ATTRIBUTE},
        {"monitor their junk mail", FAULT_NONE},
        {"monitor", FAULT_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (find(&lists, cases[i].text) != cases[i].fault)
            fail_msg("%s: %s", cases[i].text, fault_code(find(&lists, cases[i].text)));
    lists_done(&lists);
}

// Enough words for the table to grow a few times.
static void a_word_is_marked_with_all_sets_that_hold_it(void **state)
{
    (void)state;
    struct lists lists = read_lists("[stop]\nthe  pour\n[foreign]\npour Pay\n[pay]\npay pay\n");
    char text[16];
    for (int i = 0; i < 5000; i++) {
        struct term word;
        size_t at = 0;
        snprintf(text, sizeof text, "w%d", i);
        assert_true(terms_next(bytes_from_string(text), &at, &word));
        lists_add(&lists, i % 2 == 0 ? LIST_KNOWN : LIST_VERBS, &word);
    }
    assert_int_equal(sets_of(&lists, "The"), LIST_BIT(LIST_STOP));
    assert_int_equal(sets_of(&lists, "pour"), LIST_BIT(LIST_STOP) | LIST_BIT(LIST_FOREIGN));
    assert_int_equal(sets_of(&lists, "pay"), LIST_BIT(LIST_FOREIGN) | LIST_BIT(LIST_PAY));
    assert_int_equal(sets_of(&lists, "th"), 0);
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "w%d", i);
        assert_int_equal(sets_of(&lists, text), LIST_BIT(i % 2 == 0 ? LIST_KNOWN : LIST_VERBS));
    }
    assert_int_equal(sets_of(&lists, "w5000"), 0);
    lists_done(&lists);
    struct lists none = {.count = 0};
    assert_int_equal(sets_of(&none, "the"), 0);
    lists_done(&none);
}

static void words_of_the_features_are_allowed_where_they_are_two(void **state)
{
    (void)state;
    struct lists lists = read_lists("[medical]\nmedical\n");
    lists_allow(&lists, bytes_from_string("Medical"));
    lists_allow(&lists, bytes_from_string("délégué médical"));
    lists_sort(&lists);
    assert_int_equal(find(&lists, "a medical test"), FAULT_MEDICAL);
    assert_int_equal(find(&lists, "le délégué médical"), FAULT_NONE);
    lists_done(&lists);
}

static void lists_that_are_none_are_refused_with_the_line(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"age\n", "line 1"},
        {"[stop]\na\n[nothing]\n", "line 3"},
        {"[none]\n", "line 1"},
        {"[stop]\na b, c\n", "line 2"},
        {"[stop]\nl'age\n", "line 2"},
        {"[threat]\n.. age\n", "line 2"},
        {"[threat]\nage ..\n", "line 2"},
        {"[threat]\nage *\n", "line 2"},
        {"[threat]\na-b\n", "line 2"},
        {"[threat]\na*\n", "line 2"},
        {"[threat]\n\n1 2 3 4 5 6 7 8 9\n", "line 3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct lists lists = {.count = 0};
        struct why why = {0};
        assert_err(lists_read(&lists, bytes_from_string(wrong[i][0]), &why), ERR_REJECT, &why);
        if (strstr(why.text, wrong[i][1]) == NULL)
            fail_msg("case %zu: %s", i, why.text);
        lists_done(&lists);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phrase_is_found_by_whole_words),
        cmocka_unit_test(a_word_is_marked_with_all_sets_that_hold_it),
        cmocka_unit_test(words_of_the_features_are_allowed_where_they_are_two),
        cmocka_unit_test(lists_that_are_none_are_refused_with_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
