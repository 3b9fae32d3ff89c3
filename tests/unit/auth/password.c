// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "auth/password.h"
#include "base/mem.h"

static enum err check(const char *password, const char *username, int score_min, struct why *why)
{
    *why = (struct why){.code = ""};
    return auth_password_check(bytes_from_string(password), username, score_min, why);
}

// The greatest score that it passes with.
static int score_of(const char *password, const char *username)
{
    struct why why;
    int score = 4;
    while (score > 0 && check(password, username, score, &why) != ERR_OK)
        score--;
    return score;
}

static void the_original_readme_s_password_passes_with_score_1(void **state)
{
    (void)state;
    struct why why;
    assert_ok(check("securepassword", "hr_manager", 1, &why), &why);
    assert_err(check("securepassword", "hr_manager", 2, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "password-too-weak");
}

static void length_counts_in_characters_below_and_in_bytes_above(void **state)
{
    (void)state;
    struct why why;
    assert_err(check("", "u", 0, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "password-too-short");
    assert_err(check("p9Q-vx!7Lz2", "u", 0, &why), ERR_REJECT, &why); // 11
    assert_string_equal(why.code, "password-too-short");
    assert_ok(check("p9Q-vx!7Lz2w", "u", 0, &why), &why);
    // Eleven characters of 22 bytes, twelve of 24.
    assert_err(check("éèàùçôéèàùç", "u", 0, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "password-too-short");
    assert_ok(check("éèàùçôéèàùçô", "u", 0, &why), &why);

    char longer[AUTH_PASSWORD_BYTES_MAX + 2];
    for (size_t i = 0; i < sizeof longer; i++)
        longer[i] = (char)('!' + i * 7919 % 94);
    longer[AUTH_PASSWORD_BYTES_MAX + 1] = '\0';
    assert_err(check(longer, "u", 0, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "password-too-long");
    longer[AUTH_PASSWORD_BYTES_MAX] = '\0';
    assert_ok(check(longer, "u", 4, &why), &why);
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"p9Q-vx!7Lz2w\0abc", 16},    {"p9Q-vx!7Lz2w\xff", 13},
        {"p9Q-vx!7Lz2w\xc3", 13},     {"p9Q-vx!7Lz2w\xed\xa0\x80", 15},
        {"p9Q-vx!7Lz2w\xc0\x80", 14}, {"\xf5\x80\x80\x80p9Q-vx!7Lz2w", 16},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct why why = {0};
        assert_err(auth_password_check(bytes_of(bad[i].bytes, bad[i].len), "u", 0, &why),
                   ERR_REJECT, &why);
        assert_string_equal(why.code, "password-not-text");
    }
}

static void no_rules_of_composition(void **state)
{
    (void)state;
    static const char *const good[] = {"correct horse battery staple", "vnqk zlwu ptrm xcyh",
                                       "3817206495820374659128", "ÉÈÀÙ ÇÔÊÎ ŒÆÜË",
                                       "密码密码很长的句子很长的句子"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct why why;
        assert_ok(check(good[i], "hr_manager", 3, &why), &why);
    }
}

static void what_is_guessed_first_has_a_low_score(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        int score;
    } known[] = {
        {"password1234", 0},     {"aaaaaaaaaaaa", 0},   {"123456789012", 0},
        {"qwertyuiop12", 2},     {"Passw0rd1234", 0},   {"abcdefghijkl", 0},
        {"drowssapdrowssap", 0}, {"securepassword", 1}, {"p9Q-vx!7Lz2w", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        assert_int_equal(score_of(known[i].password, "nobody"), known[i].score);
}

static void one_s_own_name_is_no_password(void **state)
{
    (void)state;
    // Strong to somebody else, weak to whose name it is.
    static const char *const pairs[][2] = {
        {"zvqxkwplmtrj", "zvqxkwplmtrj"},
        {"ZVQXKWPLMTRJ", "zvqxkwplmtrj"},
        {"zvqxkwplmtrjzvqxkwplmtrj", "zvqxkwplmtrj"},
        {"zvqxkwplmtrj1", "zvqxkwplmtrj"},
        {"jrtmlpwkxqvz", "zvqxkwplmtrj"},
        {"zvqxkwzvqxkw", "zvqxkw@plmtrj.example"},
        {"plmtrj zvqxkw", "zvqxkw@plmtrj.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        assert_true(score_of(pairs[i][0], "somebody-else") >= 3);
        assert_true(score_of(pairs[i][0], pairs[i][1]) <= 1);
    }
    assert_true(score_of("retentionairetentionai", "u") <= 1);
}

// Whoever makes a password expensive to judge pays for 100 bytes of it.
static void only_the_first_hundred_bytes_are_judged(void **state)
{
    (void)state;
    static const char strong[] = "p9Q-vx!7Lz2w(mB4$kT8@hN6&jF3*dS5^gR1%aW0+cY)eU=iO?";
    char password[AUTH_PASSWORD_BYTES_MAX + 1];
    memset(password, 'a', sizeof password);
    password[AUTH_PASSWORD_BYTES_MAX] = '\0';
    int weak = score_of(password, "u");
    memcpy(password + 100, strong, sizeof strong - 1);
    assert_int_equal(score_of(password, "u"), weak);
    memcpy(password + 50, strong, 50);
    assert_int_equal(score_of(password, "u"), 4);
}

static void names_of_any_length_and_shape_are_borne(void **state)
{
    (void)state;
    char longer[5000];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    const char *const names[] = {"",
                                 "a",
                                 "ab",
                                 "@",
                                 "..@@..",
                                 "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p",
                                 "abc.bcd.cde.def.efg.fgh.ghi.hij.ijk.jkl.klm.lmn.mno.nop.opq",
                                 longer};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct why why;
        assert_ok(check("p9Q-vx!7Lz2w", names[i], 4, &why), &why);
    }
}

static void a_refusal_does_not_show_the_password(void **state)
{
    (void)state;
    struct why why;
    assert_err(check("password1234", "u", 3, &why), ERR_REJECT, &why);
    assert_null(strstr(why.text, "password1234"));
    assert_err(check("pass1234", "u", 3, &why), ERR_REJECT, &why);
    assert_null(strstr(why.text, "pass1234"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_original_readme_s_password_passes_with_score_1),
        cmocka_unit_test(length_counts_in_characters_below_and_in_bytes_above),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(no_rules_of_composition),
        cmocka_unit_test(what_is_guessed_first_has_a_low_score),
        cmocka_unit_test(one_s_own_name_is_no_password),
        cmocka_unit_test(only_the_first_hundred_bytes_are_judged),
        cmocka_unit_test(names_of_any_length_and_shape_are_borne),
        cmocka_unit_test(a_refusal_does_not_show_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
