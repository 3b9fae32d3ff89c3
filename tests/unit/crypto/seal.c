// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "crypto/crypto.h"
#include "crypto/seal.h"

enum { PLAIN = 32, SEALED = PLAIN + CRYPTO_SEAL_OVERHEAD };

static const char passphrase[] = "a passphrase that somebody thought of, long";

static struct crypto_seal_key key_of(const char *text, const char *purpose)
{
    struct crypto_seal_key key;
    struct why why = {0};
    assert_ok(crypto_seal_key_from(bytes_from_string(text), purpose, &key, &why), &why);
    return key;
}

static void what_was_sealed_opens_with_the_same_passphrase_purpose_and_context(void **state)
{
    (void)state;
    uint8_t plain[PLAIN], sealed[SEALED], opened[PLAIN];
    crypto_random(plain, sizeof plain);
    struct crypto_seal_key key = key_of(passphrase, "one");
    crypto_seal(&key, bytes_of(plain, sizeof plain), bytes_from_string("row 1"), sealed);
    struct bytes all = bytes_of(sealed, sizeof sealed);

    struct crypto_seal_key same = key_of(passphrase, "one");
    assert_true(crypto_seal_open(&same, all, bytes_from_string("row 1"), opened));
    assert_memory_equal(opened, plain, sizeof plain);

    struct crypto_seal_key purpose = key_of(passphrase, "two");
    struct crypto_seal_key other = key_of("a passphrase that somebody thought of, lonh", "one");
    assert_false(crypto_seal_open(&purpose, all, bytes_from_string("row 1"), opened));
    assert_false(crypto_seal_open(&other, all, bytes_from_string("row 1"), opened));
    assert_false(crypto_seal_open(&key, all, bytes_from_string("row 2"), opened));
    assert_false(crypto_seal_open(&key, all, bytes_from_string(""), opened));
}

static void any_changed_bit_and_any_cut_are_refused(void **state)
{
    (void)state;
    uint8_t plain[PLAIN] = {1, 2, 3}, sealed[SEALED + 1] = {0}, opened[PLAIN + 1];
    struct crypto_seal_key key = {.bytes = {7}};
    crypto_seal(&key, bytes_of(plain, sizeof plain), bytes_of(NULL, 0), sealed);
    for (size_t bit = 0; bit < (size_t)SEALED * 8; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(crypto_seal_open(&key, bytes_of(sealed, SEALED), bytes_of(NULL, 0), opened));
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t len = 0; len <= SEALED + 1; len++)
        assert_int_equal(crypto_seal_open(&key, bytes_of(sealed, len), bytes_of(NULL, 0), opened),
                         len == SEALED);
}

static void sealing_twice_gives_other_bytes_of_the_same_length(void **state)
{
    (void)state;
    uint8_t a[CRYPTO_SEAL_OVERHEAD], b[CRYPTO_SEAL_OVERHEAD], opened[1];
    struct crypto_seal_key key = {.bytes = {7}};
    crypto_seal(&key, bytes_of(NULL, 0), bytes_of(NULL, 0), a);
    crypto_seal(&key, bytes_of(NULL, 0), bytes_of(NULL, 0), b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_true(crypto_seal_open(&key, bytes_of(a, sizeof a), bytes_of(NULL, 0), opened));
}

// What stands in tables must open after the next release, too.
static void the_format_stays(void **state)
{
    (void)state;
    static const char hex[] =
        "01a62c720bc8a8392d239e4a9a61b082a91ceb39e97876f0327125bb0b8635ed6865d2d2a1568b93"
        "91382783e87ae3fae62514e7ef011d463b88d98febd28a17ed6bf5fe";
    uint8_t sealed[(sizeof hex - 1) / 2], opened[sizeof sealed - CRYPTO_SEAL_OVERHEAD];
    for (size_t i = 0; i < sizeof sealed; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1]};
        sealed[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    struct crypto_seal_key key = key_of(passphrase, "signing_key");
    assert_true(crypto_seal_open(&key, bytes_of(sealed, sizeof sealed), bytes_from_string("row 1"),
                                 opened));
    assert_memory_equal(opened, "sealed by the first release", sizeof opened);
}

static int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_with_the_same_passphrase_purpose_and_context),
        cmocka_unit_test(any_changed_bit_and_any_cut_are_refused),
        cmocka_unit_test(sealing_twice_gives_other_bytes_of_the_same_length),
        cmocka_unit_test(the_format_stays),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
