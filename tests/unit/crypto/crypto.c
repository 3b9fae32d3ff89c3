// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "crypto/crypto.h"

// FIPS 180-4 example values.
static const char of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char of_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char of_million_a[] =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void known_texts_have_their_known_hashes(void **state)
{
    (void)state;
    char hex[CRYPTO_SHA256_HEX];
    crypto_sha256_hex(bytes_of(NULL, 0), hex);
    assert_string_equal(hex, of_nothing);
    crypto_sha256_hex(bytes_from_string("abc"), hex);
    assert_string_equal(hex, of_abc);
}

static void pieces_of_any_size_give_the_hash_of_the_whole(void **state)
{
    (void)state;
    char piece[1000];
    memset(piece, 'a', sizeof piece);
    static const size_t sizes[] = {1, 7, 63, 64, 65, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct crypto_sha256 hash;
        crypto_sha256_init(&hash);
        for (size_t left = 1000000; left > 0;) {
            size_t len = sizes[i] < left ? sizes[i] : left;
            crypto_sha256_update(&hash, bytes_of(piece, len));
            left -= len;
        }
        char hex[CRYPTO_SHA256_HEX];
        crypto_sha256_final_hex(&hash, hex);
        assert_string_equal(hex, of_million_a);
    }
}

static void the_raw_digest_is_the_hex_one(void **state)
{
    (void)state;
    struct crypto_sha256 hash;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes_from_string("abc"));
    crypto_sha256_final(&hash, digest);
    assert_int_equal(digest[0], 0xba);
    assert_int_equal(digest[31], 0xad);
}

static void blake2b_of_abc_is_what_others_compute(void **state)
{
    (void)state;
    // b2sum -l 256 of coreutils.
    static const char of_abc_blake2b[] =
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
    uint8_t digest[CRYPTO_BLAKE2B_BYTES];
    char hex[2 * CRYPTO_BLAKE2B_BYTES + 1];
    crypto_blake2b(bytes_from_string("abc"), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, of_abc_blake2b);
}

static void random_bytes_are_never_the_same(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(crypto_init(&why), &why);
    assert_ok(crypto_init(&why), &why); // again does nothing
    uint8_t a[32] = {0}, b[32] = {0};
    crypto_random(a, sizeof a);
    crypto_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void equal_is_equal_in_every_byte(void **state)
{
    (void)state;
    uint8_t a[64], b[64];
    crypto_random(a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(crypto_equal(a, b, sizeof a));
    for (size_t bit = 0; bit < sizeof b * 8; bit++) {
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(crypto_equal(a, b, sizeof a));
        b[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(crypto_equal(a, b, 0));
}

static void what_was_wiped_is_zero(void **state)
{
    (void)state;
    uint8_t secret[8] = "secret", zero[8] = {0};
    crypto_wipe(secret, sizeof secret);
    assert_memory_equal(secret, zero, sizeof zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_have_their_known_hashes),
        cmocka_unit_test(pieces_of_any_size_give_the_hash_of_the_whole),
        cmocka_unit_test(the_raw_digest_is_the_hex_one),
        cmocka_unit_test(blake2b_of_abc_is_what_others_compute),
        cmocka_unit_test(random_bytes_are_never_the_same),
        cmocka_unit_test(equal_is_equal_in_every_byte),
        cmocka_unit_test(what_was_wiped_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
