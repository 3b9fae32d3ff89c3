// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "auth/secret_key.h"
#include "crypto/base64url.h"
#include "crypto/crypto.h"

#define GOOD "0bVYkDmHhTqZ8r2PzjC5nWfXuL7sQeA3"

static void values_that_others_know_or_guess_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "changeme",
        "0bVYkDmHhTqZ8r2PzjC5nWfXuL7sQeA", // 31 bytes
        "changemechangemechangemechangeme",
        "change-me-change-me-change-me-change-me-1",
        "CHANGE_ME_PLEASE_THIS_IS_NOT_A_SECRET_KEY",
        "secretsecretsecretsecretsecretsecret",
        "my-super-secret-key-my-super-secret-key",
        "your-super-secret-jwt-key-change-this-in-production",
        "your_secret_key_must_be_very_long_1234567",
        "votre_cle_secrete_votre_cle_secrete_2024",
        "django-insecure-change-me-in-production",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7",
        "a-string-secret-at-least-256-bits-long",
        "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        "retentionai-secret-key-for-development",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "00000000000000000000000000000000",
        "                                ",
        "01010101010101010101010101010101",
        "1234567890123456789012345678901234567890",
        "0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "qX7!qX7!qX7!qX7!qX7!qX7!qX7!qX7!qX7",
        "Qx7!vB2mKw9?Qx7!vB2mKw9?Qx7!vB2mKw9?",
        "dbcdbbdcddcbbcdcbdbbccdbdcbbdccdbcdd", // three letters
        "passwordpasswordpasswordpassword1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct why why = {0};
        if (auth_secret_key_check(bytes_from_string(bad[i]), &why) != ERR_FATAL)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(strstr(why.text, "openssl rand -base64 48"));
        assert_non_null(strstr(why.text, "SECRET_KEY"));
        if (bad[i][0] != '\0')
            assert_null(strstr(why.text, bad[i]));
    }
    char longer[AUTH_SECRET_KEY_MAX + 1];
    crypto_random(longer, sizeof longer);
    struct why why = {0};
    assert_err(auth_secret_key_check(bytes_of(longer, sizeof longer), &why), ERR_FATAL, &why);
    assert_ok(auth_secret_key_check(bytes_of(longer, sizeof longer - 1), &why), &why);
}

// What `openssl rand` and other generators give: none of them is refused.
static void what_was_drawn_at_random_is_accepted(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        uint8_t bytes[48];
        char text[80];
        struct why why = {0};
        crypto_random(bytes, sizeof bytes);
        assert_ok(auth_secret_key_check(bytes_of(bytes, 32), &why), &why);
        crypto_base64url(bytes_of(bytes, sizeof bytes), text);
        assert_ok(auth_secret_key_check(bytes_from_string(text), &why), &why);
        text[32] = '\0';
        assert_ok(auth_secret_key_check(bytes_from_string(text), &why), &why);
        for (size_t at = 0; at < 16; at++) // 32 hexadecimal digits
            snprintf(text + 2 * at, 3, "%02x", bytes[at]);
        assert_ok(auth_secret_key_check(bytes_from_string(text), &why), &why);
    }
    static const char *const good[] = {GOOD, "8f14e45f-ceea-467f-9575-3f2f2f5a3b2c",
                                       "correct horse battery staple, cycling",
                                       "la cle est sous le paillasson de la voisine du quatrieme"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct why why = {0};
        assert_ok(auth_secret_key_check(bytes_from_string(good[i]), &why), &why);
    }
}

static struct auth_sealer sealer_of(const char *secret)
{
    struct auth_sealer sealer;
    struct why why = {0};
    assert_ok(auth_sealer_init(&sealer, bytes_from_string(secret), &why), &why);
    return sealer;
}

static void a_sealed_key_opens_with_its_secret_key_and_signs(void **state)
{
    (void)state;
    struct auth_sealer one = sealer_of(GOOD), again = sealer_of(GOOD);
    struct auth_sealed_key sealed;
    struct crypto_ed25519_secret secret;
    struct why why = {0};
    uint8_t signature[64];
    auth_sealed_key_new(&one, &sealed);
    assert_ok(auth_sealed_key_open(&again, &sealed.key,
                                   bytes_of(sealed.sealed, sizeof sealed.sealed), &secret, &why),
              &why);
    crypto_ed25519_sign(&secret, bytes_from_string("m"), signature);
    assert_true(crypto_ed25519_verify(sealed.key.public_key, bytes_from_string("m"), signature));
    // The seed is in the row in no form that can be seen.
    assert_null(memmem(sealed.sealed, sizeof sealed.sealed, secret.bytes, 8));
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = auth_keys_new();
    assert_ok(auth_keys_replace(keys, &sealed.key, 1, &secret, &why), &why);
}

static void another_secret_key_does_not_open_it_and_the_sentence_says_so(void **state)
{
    (void)state;
    struct auth_sealer one = sealer_of(GOOD), other = sealer_of(GOOD "x");
    struct auth_sealed_key sealed;
    struct crypto_ed25519_secret secret;
    struct why why = {0};
    auth_sealed_key_new(&one, &sealed);
    assert_err(auth_sealed_key_open(&other, &sealed.key,
                                    bytes_of(sealed.sealed, sizeof sealed.sealed), &secret, &why),
               ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "SECRET_KEY"));
    assert_non_null(strstr(why.text, sealed.key.kid));
}

static void a_row_that_was_changed_does_not_open(void **state)
{
    (void)state;
    struct auth_sealer sealer = sealer_of(GOOD);
    struct auth_sealed_key sealed, stranger;
    struct crypto_ed25519_secret secret;
    struct why why = {0};
    auth_sealed_key_new(&sealer, &sealed);
    auth_sealed_key_new(&sealer, &stranger);
    struct bytes all = bytes_of(sealed.sealed, sizeof sealed.sealed);
    for (size_t bit = 0; bit < all.len * 8; bit++) {
        sealed.sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_err(auth_sealed_key_open(&sealer, &sealed.key, all, &secret, &why), ERR_FATAL, &why);
        sealed.sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t len = 0; len < all.len; len++)
        assert_err(
            auth_sealed_key_open(&sealer, &sealed.key, bytes_of(all.data, len), &secret, &why),
            ERR_FATAL, &why);
    assert_err(auth_sealed_key_open(&sealer, &stranger.key, all, &secret, &why), ERR_FATAL, &why);
    struct auth_key other_public = sealed.key;
    memcpy(other_public.public_key, stranger.key.public_key, sizeof other_public.public_key);
    assert_err(auth_sealed_key_open(&sealer, &other_public, all, &secret, &why), ERR_FATAL, &why);
    assert_ok(auth_sealed_key_open(&sealer, &sealed.key, all, &secret, &why), &why);
}

static void a_bad_secret_key_seals_nothing(void **state)
{
    (void)state;
    struct auth_sealer sealer;
    struct why why = {0};
    assert_err(auth_sealer_init(&sealer, bytes_from_string("changeme"), &why), ERR_FATAL, &why);
}

static int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_others_know_or_guess_are_refused),
        cmocka_unit_test(what_was_drawn_at_random_is_accepted),
        cmocka_unit_test(a_sealed_key_opens_with_its_secret_key_and_signs),
        cmocka_unit_test(another_secret_key_does_not_open_it_and_the_sentence_says_so),
        cmocka_unit_test(a_row_that_was_changed_does_not_open),
        cmocka_unit_test(a_bad_secret_key_seals_nothing),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
