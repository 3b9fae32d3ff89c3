// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "auth/opaque.h"
#include "crypto/base64url.h"
#include "crypto/crypto.h"

static void a_new_token_is_256_bits_and_its_hash_is_sha_256(void **state)
{
    (void)state;
    char token[AUTH_OPAQUE_LEN + 1], hash[AUTH_OPAQUE_HASH_LEN + 1], wanted[CRYPTO_SHA256_HEX];
    uint8_t bytes[32];
    size_t len = 0;
    auth_opaque_new(token, hash);
    assert_int_equal(strlen(token), 43);
    assert_int_equal(strlen(hash), 64);
    assert_true(crypto_base64url_decode(bytes_from_string(token), bytes, sizeof bytes, &len));
    assert_int_equal(len, 32);
    crypto_sha256_hex(bytes_from_string(token), wanted);
    assert_string_equal(hash, wanted);
}

static void a_token_that_comes_in_has_the_hash_it_went_out_with(void **state)
{
    (void)state;
    char token[AUTH_OPAQUE_LEN + 1], hash[AUTH_OPAQUE_HASH_LEN + 1], again[sizeof hash];
    char last[sizeof hash] = "";
    for (int i = 0; i < 100; i++) {
        auth_opaque_new(token, hash);
        assert_true(auth_opaque_hash(bytes_from_string(token), again));
        assert_string_equal(again, hash);
        assert_string_not_equal(hash, last);
        memcpy(last, hash, sizeof last);
    }
}

static void what_cannot_be_one_is_not_looked_up(void **state)
{
    (void)state;
    char token[AUTH_OPAQUE_LEN + 1], hash[AUTH_OPAQUE_HASH_LEN + 1];
    auth_opaque_new(token, hash);
    for (size_t len = 0; len < AUTH_OPAQUE_LEN; len++)
        assert_false(auth_opaque_hash(bytes_of(token, len), hash));
    assert_false(auth_opaque_hash(bytes_of(token, AUTH_OPAQUE_LEN + 1), hash)); // its NUL
    static const char *const bad[] = {
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", // bits behind the last byte
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        " AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\xc3\xa9",
        "' OR 1=1 -- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(strlen(bad[i]), AUTH_OPAQUE_LEN);
        assert_false(auth_opaque_hash(bytes_from_string(bad[i]), hash));
    }
    assert_true(
        auth_opaque_hash(bytes_from_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), hash));
}

static int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_token_is_256_bits_and_its_hash_is_sha_256),
        cmocka_unit_test(a_token_that_comes_in_has_the_hash_it_went_out_with),
        cmocka_unit_test(what_cannot_be_one_is_not_looked_up),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
