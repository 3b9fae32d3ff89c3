// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "crypto/ed25519.h"

// `hex` as bytes; gives their number.
static size_t unhex(const char *hex, uint8_t *ret)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        ret[i] = (uint8_t)byte;
    }
    return len;
}

// RFC 8032 section 7.1: TEST 1, 2, 3 and SHA(abc).
static const struct vector {
    const char *seed, *public_key, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void the_vectors_of_rfc_8032_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint8_t seed[32], wanted_key[32], wanted[64], message[64], key[32], again[32], made[64];
        struct crypto_ed25519_secret secret;
        unhex(vectors[i].seed, seed);
        unhex(vectors[i].public_key, wanted_key);
        unhex(vectors[i].signature, wanted);
        size_t len = unhex(vectors[i].message, message);
        crypto_ed25519_from_seed(seed, &secret, key);
        assert_memory_equal(key, wanted_key, sizeof key);
        assert_true(bytes_equal(crypto_ed25519_seed(&secret), bytes_of(seed, sizeof seed)));
        crypto_ed25519_public(&secret, again);
        assert_memory_equal(again, wanted_key, sizeof again);
        crypto_ed25519_sign(&secret, bytes_of(message, len), made);
        assert_memory_equal(made, wanted, sizeof made);
        assert_true(crypto_ed25519_verify(key, bytes_of(message, len), wanted));
    }
}

static void any_changed_bit_of_key_message_or_signature_is_refused(void **state)
{
    (void)state;
    uint8_t key[32], signature[64], message[] = "a message";
    struct crypto_ed25519_secret secret;
    crypto_ed25519_new(&secret, key);
    crypto_ed25519_sign(&secret, bytes_of(message, sizeof message), signature);
    const struct {
        uint8_t *bytes;
        size_t len;
    } parts[] = {{key, 32}, {message, sizeof message}, {signature, 64}};
    for (size_t part = 0; part < ARRAY_LEN(parts); part++)
        for (size_t bit = 0; bit < parts[part].len * 8; bit++) {
            parts[part].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(crypto_ed25519_verify(key, bytes_of(message, sizeof message), signature));
            parts[part].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    assert_true(crypto_ed25519_verify(key, bytes_of(message, sizeof message), signature));
}

static void a_signature_has_one_spelling(void **state)
{
    (void)state;
    // S + L verifies where S < L is not asked for (RFC 8032 section 5.1.7); L in little-endian.
    static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    uint8_t l[32], key[32], signature[64];
    struct crypto_ed25519_secret secret;
    unhex(order, l);
    crypto_ed25519_new(&secret, key);
    crypto_ed25519_sign(&secret, bytes_from_string("m"), signature);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + l[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_false(crypto_ed25519_verify(key, bytes_from_string("m"), signature));
}

static void keys_that_sign_everything_are_refused(void **state)
{
    (void)state;
    // Points of small order: the neutral element, one of order 2, one of order 4. With the neutral
    // one, R = neutral and S = 0 is a signature of every message.
    uint8_t neutral[32] = {1}, two[32], four[32] = {0}, signature[64] = {1};
    memset(two, 0xff, sizeof two);
    two[0] = 0xec;
    two[31] = 0x7f;
    assert_false(crypto_ed25519_verify(neutral, bytes_from_string("m"), signature));
    assert_false(crypto_ed25519_verify(two, bytes_from_string("m"), signature));
    assert_false(crypto_ed25519_verify(four, bytes_from_string("m"), signature));
}

static void new_keys_differ(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    struct crypto_ed25519_secret secret;
    crypto_ed25519_new(&secret, a);
    crypto_ed25519_new(&secret, b);
    assert_memory_not_equal(a, b, sizeof a);
}

static int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_8032_come_out),
        cmocka_unit_test(any_changed_bit_of_key_message_or_signature_is_refused),
        cmocka_unit_test(a_signature_has_one_spelling),
        cmocka_unit_test(keys_that_sign_everything_are_refused),
        cmocka_unit_test(new_keys_differ),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
