// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <time.h>

#include "auth/password.h"
#include "crypto/argon2id.h"
#include "crypto/crypto.h"

static struct auth_password_result verify(const char *hash, struct bytes password)
{
    struct auth_password_result result = {true, true};
    struct why why = {0};
    assert_ok(auth_password_verify(hash, password, &result, &why), &why);
    return result;
}

static bool is_right(const char *hash, const char *password)
{
    return verify(hash, bytes_from_string(password)).is_right;
}

static void a_new_hash_is_argon2id_and_knows_its_password(void **state)
{
    (void)state;
    char hash[AUTH_PASSWORD_HASH_MAX], again[AUTH_PASSWORD_HASH_MAX];
    struct why why = {0};
    struct bytes password = bytes_from_string("securepassword");
    assert_ok(auth_password_hash(password, hash, &why), &why);
    assert_ok(auth_password_hash(password, again, &why), &why);
    assert_string_not_equal(hash, again);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_ok(auth_password_hash_check(hash, &why), &why);
    struct auth_password_result result = verify(hash, password);
    assert_true(result.is_right);
    assert_false(result.wants_upgrade);
    static const char *const wrong[] = {"securepasswor", "securepassword ", "Securepassword", ""};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(is_right(hash, wrong[i]));
    assert_false(verify(hash, bytes_of("securepassword\0", 15)).is_right);
}

// Of Openwall's crypt_blowfish (wrapper.c), for the prefixes that we take.
static const struct {
    const char *hash, *password;
} bcrypt[] = {
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
    {"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"},
    {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", ""},
    {"$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
    {"$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"},
    {"$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"},
};

static void bcrypt_hashes_of_other_programs_verify_and_want_an_upgrade(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bcrypt); i++) {
        struct why why = {0};
        assert_ok(auth_password_hash_check(bcrypt[i].hash, &why), &why);
        struct auth_password_result result =
            verify(bcrypt[i].hash, bytes_from_string(bcrypt[i].password));
        if (!result.is_right || !result.wants_upgrade)
            fail_msg("%s is not that of \"%s\"", bcrypt[i].hash, bcrypt[i].password);
        result = verify(bcrypt[i].hash, bytes_from_string("another"));
        assert_false(result.is_right);
        assert_false(result.wants_upgrade);
    }
}

static void what_bcrypt_did_not_look_at_is_not_made_a_password(void **state)
{
    (void)state;
    static const char hash[] = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
    static const char password[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789chars after 72 are ignored";
    struct auth_password_result result = verify(hash, bytes_from_string(password));
    assert_true(result.is_right);
    assert_false(result.wants_upgrade);
    result = verify(hash, bytes_of(password, 72));
    assert_true(result.is_right);
    assert_true(result.wants_upgrade);
    assert_false(verify(hash, bytes_of(password, 71)).is_right);
    // Longer than crypt_r takes, up to the longest that we take.
    char longer[AUTH_PASSWORD_BYTES_MAX + 1];
    memset(longer, 'x', sizeof longer);
    memcpy(longer, password, 72);
    assert_true(verify(hash, bytes_of(longer, AUTH_PASSWORD_BYTES_MAX)).is_right);
    assert_false(verify(hash, bytes_of(longer, AUTH_PASSWORD_BYTES_MAX + 1)).is_right);
}

static void a_nul_ends_no_password(void **state)
{
    (void)state;
    assert_true(is_right(bcrypt[0].hash, "U*U"));
    assert_false(verify(bcrypt[0].hash, bytes_of("U*U\0", 4)).is_right);
    assert_false(verify(bcrypt[0].hash, bytes_of("U*U\0more", 8)).is_right);
    assert_false(verify(bcrypt[3].hash, bytes_of("\0", 1)).is_right);
}

static void any_other_character_of_a_bcrypt_hash_is_another_hash_or_none(void **state)
{
    (void)state;
    char hash[64];
    for (size_t at = 7; at < 60; at++)
        for (int c = '*'; c <= 'z'; c += 16) { // a few of each position: each takes 2 ms
            snprintf(hash, sizeof hash, "%s", bcrypt[0].hash);
            if (hash[at] == (char)c)
                continue;
            hash[at] = (char)c;
            struct auth_password_result result;
            enum err err = auth_password_verify(hash, bytes_from_string("U*U"), &result, NULL);
            assert_true(err == ERR_REJECT || (err == ERR_OK && !result.is_right));
        }
}

static void hashes_that_cost_too_much_are_refused_before_any_work(void **state)
{
    (void)state;
#define TAIL "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
    static const struct {
        const char *hash, *code;
    } bad[] = {
        {"$argon2id$v=19$m=65537,t=2,p=1" TAIL, "hash-too-costly"},
        {"$argon2id$v=19$m=4194304,t=1,p=1" TAIL, "hash-too-costly"},
        {"$argon2id$v=19$m=4294967295,t=4294967295,p=1" TAIL, "hash-too-costly"},
        {"$argon2id$v=19$m=256,t=5,p=1" TAIL, "hash-too-costly"},
        {"$argon2id$v=19$m=256,t=2,p=2" TAIL, "hash-too-costly"},
        {"$2b$13$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "hash-too-costly"},
        {"$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "hash-too-costly"},
        {"$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "hash-too-costly"},
        {"$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "hash-unknown"},
        {"$2b$00$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "hash-unknown"},
        {"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "hash-unknown"},
        {"$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW", "hash-unknown"},
        {"$2b$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWWW", "hash-unknown"},
        {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe", "hash-unknown"},
        {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWx", "hash-unknown"},
        {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe\xc3\xa9", "hash-unknown"},
        {"*0", "hash-unknown"},
        {"*1", "hash-unknown"},
        {"", "hash-unknown"},
        {"*", "hash-unknown"},
        {"!", "hash-unknown"},
        {"x", "hash-unknown"},
        {"securepassword", "hash-unknown"},
        {"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO", "hash-unknown"},
        {"$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81", "hash-unknown"},
        {"$argon2i$v=19$m=256,t=2,p=1" TAIL, "hash-unknown"},
        {("$argon2id$v=19$m=256,t=2,p=1" TAIL "$2b$05$"), "hash-unknown"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct why why = {0};
        struct auth_password_result result = {false, false};
        assert_err(auth_password_hash_check(bad[i].hash, &why), ERR_REJECT, &why);
        assert_string_equal(why.code, bad[i].code);
        assert_err(auth_password_verify(bad[i].hash, bytes_from_string(bad[i].hash), &result, &why),
                   ERR_REJECT, &why);
        assert_false(result.is_right);
    }
    static const char *const good[] = {
        ("$argon2id$v=19$m=65536,t=4,p=1" TAIL),
        "$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct why why = {0};
        assert_ok(auth_password_hash_check(good[i], &why), &why);
    }
}

static void weaker_argon2id_wants_an_upgrade_and_stronger_does_not(void **state)
{
    (void)state;
    // Of "password"; from the reference implementation's tests.
    static const char weak[] = "$argon2id$v=19$m=256,t=2,p=1" TAIL;
    static const char strong[] =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    struct auth_password_result result = verify(weak, bytes_from_string("password"));
    assert_true(result.is_right);
    assert_true(result.wants_upgrade);
    result = verify(weak, bytes_from_string("passwore"));
    assert_false(result.is_right);
    assert_false(result.wants_upgrade);
    result = verify(strong, bytes_from_string("password"));
    assert_true(result.is_right);
    assert_false(result.wants_upgrade);
}

static void a_password_longer_than_any_is_neither_hashed_nor_right(void **state)
{
    (void)state;
    char hash[AUTH_PASSWORD_HASH_MAX], longer[AUTH_PASSWORD_BYTES_MAX + 1];
    struct why why = {0};
    memset(longer, 'x', sizeof longer);
    assert_err(auth_password_hash(bytes_of(longer, sizeof longer), hash, &why), ERR_REJECT, &why);
    assert_ok(auth_password_hash(bytes_of(longer, sizeof longer - 1), hash, &why), &why);
    assert_true(verify(hash, bytes_of(longer, sizeof longer - 1)).is_right);
    assert_false(verify(hash, bytes_of(longer, sizeof longer)).is_right);
}

static double cpu_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

// The least of several, taken in turns, so that a busy machine slows both or neither.
static void nobody_costs_what_somebody_costs(void **state)
{
    (void)state;
    char hash[AUTH_PASSWORD_HASH_MAX];
    struct why why = {0};
    assert_ok(auth_password_hash(bytes_from_string("securepassword"), hash, &why), &why);
    double somebody_ms = 1e9, nobody_ms = 1e9;
    for (int i = 0; i < 15; i++) {
        double start = cpu_ms();
        assert_false(is_right(hash, "not this password"));
        double middle = cpu_ms();
        assert_ok(auth_password_verify_nobody(bytes_from_string("not this password"), &why), &why);
        double end = cpu_ms();
        somebody_ms = fmin(somebody_ms, middle - start);
        nobody_ms = fmin(nobody_ms, end - middle);
    }
    printf("wrong password %.1f ms, unknown user %.1f ms of CPU\n", somebody_ms, nobody_ms);
    assert_near(nobody_ms / somebody_ms, 1, 0.25);
}

static int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_hash_is_argon2id_and_knows_its_password),
        cmocka_unit_test(bcrypt_hashes_of_other_programs_verify_and_want_an_upgrade),
        cmocka_unit_test(what_bcrypt_did_not_look_at_is_not_made_a_password),
        cmocka_unit_test(a_nul_ends_no_password),
        cmocka_unit_test(any_other_character_of_a_bcrypt_hash_is_another_hash_or_none),
        cmocka_unit_test(hashes_that_cost_too_much_are_refused_before_any_work),
        cmocka_unit_test(weaker_argon2id_wants_an_upgrade_and_stronger_does_not),
        cmocka_unit_test(a_password_longer_than_any_is_neither_hashed_nor_right),
        cmocka_unit_test(nobody_costs_what_somebody_costs),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
