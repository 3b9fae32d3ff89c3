// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "crypto/argon2id.h"
#include "crypto/crypto.h"

#define SALT "c29tZXNhbHQ"
#define HASH "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

// From the test suite of the reference implementation (P-H-C/phc-winner-argon2, src/test.c).
static const char *const of_password[] = {
    "$argon2id$v=19$m=256,t=2,p=1$" SALT "$" HASH,
    "$argon2id$v=19$m=65536,t=2,p=1$" SALT "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
};

static bool matches(const char *string, const char *password)
{
    struct why why = {0};
    bool is_match = false;
    assert_ok(crypto_argon2id_verify(string, bytes_from_string(password), &is_match, &why), &why);
    return is_match;
}

static void strings_of_the_reference_implementation_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of_password); i++) {
        struct crypto_argon2id_cost cost;
        assert_true(crypto_argon2id_parse(of_password[i], &cost));
        assert_int_equal(cost.passes, 2);
        assert_int_equal(cost.lanes, 1);
        assert_true(matches(of_password[i], "password"));
        assert_false(matches(of_password[i], "Password"));
        assert_false(matches(of_password[i], ""));
    }
}

static void a_new_string_has_our_cost_and_a_salt_of_its_own(void **state)
{
    (void)state;
    char a[CRYPTO_ARGON2ID_MAX], b[CRYPTO_ARGON2ID_MAX];
    struct why why = {0};
    struct crypto_argon2id_cost cost;
    assert_ok(crypto_argon2id_hash(bytes_from_string("securepassword"), a, &why), &why);
    assert_ok(crypto_argon2id_hash(bytes_from_string("securepassword"), b, &why), &why);
    assert_string_not_equal(a, b);
    assert_true(crypto_argon2id_parse(a, &cost));
    assert_int_equal(cost.memory_kib, 19456);
    assert_int_equal(cost.passes, 2);
    assert_int_equal(cost.lanes, 1);
    assert_true(matches(a, "securepassword"));
    assert_false(matches(a, "securepassworD"));
}

static void a_nul_is_a_byte_of_a_password_like_any_other(void **state)
{
    (void)state;
    char string[CRYPTO_ARGON2ID_MAX];
    struct why why = {0};
    bool is_match = true;
    assert_ok(crypto_argon2id_hash(bytes_of("ab\0cd", 5), string, &why), &why);
    assert_ok(crypto_argon2id_verify(string, bytes_of("ab\0ce", 5), &is_match, &why), &why);
    assert_false(is_match);
    assert_false(matches(string, "ab"));
}

static void what_is_not_a_string_to_the_letter_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "$",
        "$argon2id$",
        "argon2id$v=19$m=256,t=2,p=1$" SALT "$" HASH,
        "$argon2i$v=19$m=256,t=2,p=1$" SALT "$" HASH,
        "$argon2d$v=19$m=256,t=2,p=1$" SALT "$" HASH,
        "$Argon2id$v=19$m=256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=16$m=256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$m=256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=0256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=+256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m= 256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=-256,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=0,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=7,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=256,t=0,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=256,t=2,p=0$" SALT "$" HASH,
        "$argon2id$v=19$m=256,t=2,p=33$" SALT "$" HASH,
        "$argon2id$v=19$m=4294967296,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=18446744073709551872,t=2,p=1$" SALT "$" HASH,
        "$argon2id$v=19$t=2,m=256,p=1$" SALT "$" HASH,
        "$argon2id$v=19$m=256,t=2,p=1,x=1$" SALT "$" HASH,
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "=$" HASH,
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "$" HASH "=",
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "$" HASH " ",
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "$" HASH "$",
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "$",
        "$argon2id$v=19$m=256,t=2,p=1$" SALT,
        "$argon2id$v=19$m=256,t=2,p=1$$" HASH,
        "$argon2id$v=19$m=256,t=2,p=1$c2FsdA$" HASH,      // 4 bytes of salt
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "$nf65EOgL", // 6 bytes of hash
        "$argon2id$v=19$m=256,t=2,p=1$" SALT "$nf65EOgLrQMR_uIPnA4rEsF5h7TKyQwu9U1bMCHGi_4",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct crypto_argon2id_cost cost;
        if (crypto_argon2id_parse(bad[i], &cost))
            fail_msg("\"%s\" passed", bad[i]);
    }
    char longer[300];
    memset(longer, 'A', sizeof longer);
    memcpy(longer, "$argon2id$v=19$m=256,t=2,p=1$" SALT "$", 41);
    longer[299] = '\0';
    assert_false(crypto_argon2id_parse(longer, &(struct crypto_argon2id_cost){0}));
}

static void the_greatest_costs_are_read_and_not_paid(void **state)
{
    (void)state;
    struct crypto_argon2id_cost cost;
    assert_true(crypto_argon2id_parse(
        "$argon2id$v=19$m=4294967295,t=4294967295,p=16777215$" SALT "$" HASH, &cost));
    assert_int_equal(cost.memory_kib, UINT32_MAX);
    assert_int_equal(cost.passes, UINT32_MAX);
    assert_int_equal(cost.lanes, 16777215);
    assert_false(
        crypto_argon2id_parse("$argon2id$v=19$m=4294967295,t=1,p=16777216$" SALT "$" HASH, &cost));
}

// A string that the parser accepts is one that the library understands, and the other way round: no
// single changed character makes them differ.
static void parser_and_library_agree_on_every_changed_character(void **state)
{
    (void)state;
    static const char *const good = "$argon2id$v=19$m=8,t=1,p=1$" SALT "$" HASH;
    size_t accepted = 0;
    for (size_t at = 0; good[at] != '\0'; at++)
        for (int c = ' '; c < 127; c++) {
            char string[CRYPTO_ARGON2ID_MAX];
            struct crypto_argon2id_cost cost;
            snprintf(string, sizeof string, "%s", good);
            string[at] = (char)c;
            if (!crypto_argon2id_parse(string, &cost))
                continue;
            accepted++;
            assert_in_range(cost.memory_kib, 8, 9);
            assert_in_range(cost.passes, 1, 9);
            assert_int_equal(cost.lanes, 1);
            if (strcmp(string, good) != 0)
                assert_false(matches(string, "another"));
        }
    assert_true(accepted > 500);
}

static int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_of_the_reference_implementation_verify),
        cmocka_unit_test(a_new_string_has_our_cost_and_a_salt_of_its_own),
        cmocka_unit_test(a_nul_is_a_byte_of_a_password_like_any_other),
        cmocka_unit_test(what_is_not_a_string_to_the_letter_is_refused),
        cmocka_unit_test(the_greatest_costs_are_read_and_not_paid),
        cmocka_unit_test(parser_and_library_agree_on_every_changed_character),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
