// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "store/copy.h"

static void the_bytes_are_those_of_the_format(void **state)
{
    (void)state;
    CLEANUP(copy_done) struct copy copy;
    copy_init(&copy, 1024);
    copy_begin(&copy);
    copy_row(&copy, 9);
    copy_int4(&copy, -2);
    copy_int8(&copy, 3);
    copy_int2(&copy, 4);
    copy_float8(&copy, 1.5);
    copy_text(&copy, bytes_from_string("ab"));
    copy_text(&copy, bytes_of(NULL, 0));
    copy_bool(&copy, true);
    copy_null(&copy);
    copy_time_ms(&copy, 946684800001);
    struct bytes bytes;
    struct why why = {0};
    assert_ok(copy_finish(&copy, &bytes, &why), &why);
    static const uint8_t expected[] = {
        'P',  'G',  'C',  'O',  'P',  'Y',  '\n', 0xff, '\r', '\n', 0,       // signature
        0,    0,    0,    0,    0,    0,    0,    0,                         // flags, extension
        0,    9,                                                             // fields
        0,    0,    0,    4,    0xff, 0xff, 0xff, 0xfe,                      // int4
        0,    0,    0,    8,    0,    0,    0,    0,    0,    0,    0, 3,    // int8
        0,    0,    0,    2,    0,    4,                                     // int2
        0,    0,    0,    8,    0x3f, 0xf8, 0,    0,    0,    0,    0, 0,    // float8
        0,    0,    0,    2,    'a',  'b',                                   // text
        0xff, 0xff, 0xff, 0xff,                                              // null text
        0,    0,    0,    1,    1,                                           // bool
        0xff, 0xff, 0xff, 0xff,                                              // null
        0,    0,    0,    8,    0,    0,    0,    0,    0,    0,    3, 0xe8, // one ms after 2000
        0xff, 0xff,                                                          // end
    };
    assert_int_equal(bytes.len, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
}

static void an_empty_batch_is_a_header_and_an_end(void **state)
{
    (void)state;
    CLEANUP(copy_done) struct copy copy;
    copy_init(&copy, 1024);
    struct bytes bytes;
    struct why why = {0};
    for (int round = 0; round < 2; round++) {
        copy_begin(&copy);
        assert_ok(copy_finish(&copy, &bytes, &why), &why);
        assert_int_equal(bytes.len, 19 + 2);
        assert_int_equal(copy.rows, 0);
    }
}

static void a_batch_over_its_ceiling_is_refused_and_the_next_is_not(void **state)
{
    (void)state;
    CLEANUP(copy_done) struct copy copy;
    copy_init(&copy, 64);
    copy_begin(&copy);
    char *large = calloc(1, 100);
    copy_row(&copy, 2);
    copy_text(&copy, bytes_of(large, 100));
    copy_int4(&copy, 1); // would fit: must not slip in behind the hole
    free(large);
    struct bytes bytes;
    struct why why = {0};
    assert_err(copy_finish(&copy, &bytes, &why), ERR_REJECT, &why);
    copy_begin(&copy);
    copy_row(&copy, 1);
    copy_int4(&copy, 1);
    assert_ok(copy_finish(&copy, &bytes, &why), &why);
    assert_int_equal(bytes.len, 19 + 2 + 8 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_format),
        cmocka_unit_test(an_empty_batch_is_a_header_and_an_end),
        cmocka_unit_test(a_batch_over_its_ceiling_is_refused_and_the_next_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
