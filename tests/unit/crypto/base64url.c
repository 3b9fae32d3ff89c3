// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "crypto/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void known_bytes_have_their_known_text(void **state)
{
    (void)state;
    // RFC 4648 section 10 without its padding, RFC 7515 appendix C.
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } known[] = {
        {"", 0, ""},
        {"f", 1, "Zg"},
        {"fo", 2, "Zm8"},
        {"foo", 3, "Zm9v"},
        {"foob", 4, "Zm9vYg"},
        {"fooba", 5, "Zm9vYmE"},
        {"foobar", 6, "Zm9vYmFy"},
        {"\x03\xec\xff\xe0\xc1", 5, "A-z_4ME"},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        char text[16];
        uint8_t bytes[16];
        size_t len = 99;
        crypto_base64url(bytes_of(known[i].bytes, known[i].len), text);
        assert_string_equal(text, known[i].text);
        assert_int_equal(strlen(text), CRYPTO_BASE64URL_LEN(known[i].len));
        assert_true(crypto_base64url_decode(bytes_from_string(text), bytes, known[i].len, &len));
        assert_int_equal(len, known[i].len);
        assert_memory_equal(bytes, known[i].bytes, len);
    }
}

// All texts of up to three characters of a larger alphabet: each one that is read is what its bytes
// are written as.
static void no_bytes_have_two_spellings(void **state)
{
    (void)state;
    static const char more[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                               "+/=. \n\t%\xc3\x80";
    enum { MORE = sizeof more - 1 };
    size_t accepted = 0;
    for (size_t i = 0; i < MORE * MORE * MORE; i++)
        for (size_t count = 1; count <= 3; count++) {
            const char text[3] = {more[i % MORE], more[i / MORE % MORE], more[i / MORE / MORE]};
            uint8_t bytes[4];
            char again[8];
            size_t len = 0;
            if (!crypto_base64url_decode(bytes_of(text, count), bytes, sizeof bytes, &len))
                continue;
            accepted++;
            crypto_base64url(bytes_of(bytes, len), again);
            assert_int_equal(strlen(again), count);
            assert_memory_equal(again, text, count);
        }
    // Each byte as two characters, each two bytes as three; what is behind `count` does not matter.
    assert_int_equal(accepted, 256 * MORE + 65536);
}

static void a_text_that_only_begins_well_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"AQID.x", "AQI=",   "AQID=", "AQID ", " AQID", "AQ ID",
                                      "AQ\nID", "AQI",    "A",     "AQIDA", "Zg==",  "+A",
                                      "/A",     "AQID\n", "AR",    "AQIDAR"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t bytes[8];
        size_t len = 77;
        bool is_read =
            crypto_base64url_decode(bytes_from_string(bad[i]), bytes, sizeof bytes, &len);
        if (strcmp(bad[i], "AQI") == 0) { // this one is good, to show what "AQI=" is beside it
            assert_true(is_read);
            continue;
        }
        if (is_read || len != 77)
            fail_msg("\"%s\" was read", bad[i]);
    }
    assert_false(crypto_base64url_decode(bytes_of("AQID\0", 5), (uint8_t[8]){0}, 8, &(size_t){0}));
}

static void every_character_that_is_not_of_the_alphabet_is_refused_everywhere(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        for (size_t at = 0; at < 8; at++) {
            char text[] = "AAAAAAAA";
            uint8_t bytes[8];
            size_t len = 0;
            text[at] = (char)c;
            bool is_known = c != 0 && strchr(alphabet, c) != NULL;
            assert_int_equal(crypto_base64url_decode(bytes_of(text, 8), bytes, 8, &len), is_known);
        }
}

static void more_bytes_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[4] = {9, 9, 9, 9};
    size_t len = 0;
    assert_false(crypto_base64url_decode(bytes_from_string("AAAAAA"), bytes, 3, &len));
    assert_int_equal(bytes[3], 9);
    assert_true(crypto_base64url_decode(bytes_from_string("AAAAAA"), bytes, 4, &len));
    assert_int_equal(len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_bytes_have_their_known_text),
        cmocka_unit_test(no_bytes_have_two_spellings),
        cmocka_unit_test(a_text_that_only_begins_well_is_refused),
        cmocka_unit_test(every_character_that_is_not_of_the_alphabet_is_refused_everywhere),
        cmocka_unit_test(more_bytes_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
