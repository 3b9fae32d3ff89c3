// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/quick.h"

// The oracle is jansson: what is read quickly must be what it would have read.

enum { DEPTH = 8 };

static json_t *by_jansson(struct bytes in)
{
    return json_loadb((const char *)in.data, in.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                      NULL);
}

// Equal with the order of members, which json_equal does not look at.
static bool is_same(const json_t *a, const json_t *b)
{
    char *x = json_dumps(a, JSON_ENCODE_ANY), *y = json_dumps(b, JSON_ENCODE_ANY);
    bool is_same = x != NULL && y != NULL && strcmp(x, y) == 0 && json_equal(a, b);
    free(x);
    free(y);
    return is_same;
}

// True: it was read quickly.
static bool expect_as_jansson(struct bytes in)
{
    json_t *quick = json_quick(in, DEPTH);
    if (quick == NULL)
        return false;
    json_t *slow = by_jansson(in);
    if (slow == NULL || !is_same(quick, slow))
        fail_msg("%.*s", (int)in.len, (const char *)in.data);
    json_decref(quick);
    json_decref(slow);
    return true;
}

static const char *const ordinary[] = {
    "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"{\\\"action_1\\\": \\\"Gr\xc3\xa2"
    "ce \xc3\xa0 eux.\\\"}\\n\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0,"
    "\"avgLogprobs\":-0.2607}],\"usageMetadata\":{\"promptTokenCount\":1204,"
    "\"candidatesTokenCount\":98},\"modelVersion\":\"m\"}",
    " { \"a\" : [ 1 , -2 , 0 , -0 , 1.5 , -0.0 , 1e3 , 2E-7 , 3e+1 ] ,\r\n\t\"b\" : { } , "
    "\"c\" : [ ] } ",
    "[true,false,null,\"\",\"\\b\\f\\n\\r\\t\\/\\\\\\\"\",\"eight by\",\"seven b\",\"nine byte\"]",
    "\"a string alone\"",
    "123456789012345678",
    "0.1000000000000000055511151231257827",
    "null",
    "{\"b\":1,\"a\":2,\"\":3}",
    "[[[[[[[[1]]]]]]]]",
};

static void what_is_ordinary_is_read_as_jansson_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ordinary); i++)
        if (!expect_as_jansson(bytes_from_string(ordinary[i])))
            fail_msg("not read: %s", ordinary[i]);
}

static void what_is_rare_or_wrong_is_left_to_jansson(void **state)
{
    (void)state;
    static const char *const left[] = {"",
                                       " ",
                                       "{",
                                       "[1",
                                       "[1,]",
                                       "{\"a\":1,}",
                                       "{\"a\":1,\"a\":2}",
                                       "{\"a\\n\":1}",
                                       "{\"a\"}",
                                       "{a:1}",
                                       "[1] x",
                                       "[1 2]",
                                       "\"\xff\"",
                                       "\"\xc3\"",
                                       "\"\\u00e9\"",
                                       "\"\\u0000\"",
                                       "\"\\x\"",
                                       "\"\\",
                                       "\"a\nb\"",
                                       "\"abc",
                                       "[1e999]",
                                       "[1234567890123456789]",
                                       "[01]",
                                       "[-]",
                                       "[1.]",
                                       "[.5]",
                                       "[1e]",
                                       "[+1]",
                                       "[0x10]",
                                       "nan",
                                       "tru",
                                       "truex",
                                       "[[[[[[[[[1]]]]]]]]]"};
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        json_t *root = json_quick(bytes_from_string(left[i]), DEPTH);
        if (root != NULL)
            fail_msg("read: %s", left[i]);
    }
    assert_null(json_quick(bytes_of("1\0", 2), DEPTH));
    assert_null(json_quick((struct bytes){0}, DEPTH));
}

// xorshift64: the same changes in every run.
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

// A document with a few bytes changed, left out or put in; memory of its own size, so that a read
// behind its end is found.
static uint8_t *mutate(const char *from, uint64_t *seed, size_t *ret_len)
{
    static const char bytes[] = "{}[]\",:\\ 0123456789-+.eEtrufalsn\x01\x1f\x7f\x80\xc3\xa9\xff\n";
    size_t len = strlen(from);
    uint8_t *copy = mem_array(len + 8, 1);
    memcpy(copy, from, len);
    for (uint64_t changes = draw(seed) % 4; changes > 0 && len > 1; changes--) {
        size_t at = draw(seed) % len;
        uint8_t byte = (uint8_t)bytes[draw(seed) % (sizeof bytes - 1)];
        switch (draw(seed) % 3) {
        case 0:
            copy[at] = byte;
            break;
        case 1:
            memmove(copy + at, copy + at + 1, --len - at);
            break;
        default:
            memmove(copy + at + 1, copy + at, len++ - at);
            copy[at] = byte;
            break;
        }
    }
    *ret_len = len;
    return mem_grow(copy, len, 1);
}

static void nothing_is_read_that_jansson_would_read_otherwise(void **state)
{
    (void)state;
    uint64_t seed = 7;
    size_t read = 0;
    for (int i = 0; i < 100000; i++) {
        size_t len = 0;
        uint8_t *text = mutate(ordinary[draw(&seed) % ARRAY_LEN(ordinary)], &seed, &len);
        read += expect_as_jansson(bytes_of(text, len)) ? 1 : 0;
        free(text);
    }
    assert_in_range(read, 20000, 90000); // both ways were gone often
}

static void plain_bytes_are_counted_up_to_the_first_that_is_not(void **state)
{
    (void)state;
    uint8_t text[24];
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (uint8_t)byte;
            bool is_plain = byte >= 0x20 && byte != '"' && byte != '\\';
            assert_int_equal(json_plain(text, sizeof text), is_plain ? sizeof text : at);
            memset(text, 0xff, sizeof text);
            text[at] = (uint8_t)byte;
            assert_int_equal(json_plain(text, sizeof text), is_plain ? sizeof text : at);
        }
    assert_int_equal(json_plain(text, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ordinary_is_read_as_jansson_reads_it),
        cmocka_unit_test(what_is_rare_or_wrong_is_left_to_jansson),
        cmocka_unit_test(nothing_is_read_that_jansson_would_read_otherwise),
        cmocka_unit_test(plain_bytes_are_counted_up_to_the_first_that_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
