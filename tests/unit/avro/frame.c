// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "avro/frame.h"

static void a_written_frame_is_read_back(void **state)
{
    (void)state;
    static const uint32_t ids[] = {0, 1, 255, 256, 0x01020304, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        uint8_t message[AVRO_FRAME_BYTES + 2] = {[AVRO_FRAME_BYTES] = 7,
                                                 [AVRO_FRAME_BYTES + 1] = 8};
        avro_frame_write(ids[i], message);
        struct why why = {0};
        uint32_t id = 99;
        struct bytes body = {0};
        assert_ok(avro_frame_read(bytes_of(message, sizeof message), &id, &body, &why), &why);
        assert_true(id == ids[i]);
        assert_int_equal(body.len, 2);
        assert_ptr_equal(body.data, message + AVRO_FRAME_BYTES);
    }
}

static void the_id_is_big_endian(void **state)
{
    (void)state;
    uint8_t out[AVRO_FRAME_BYTES];
    avro_frame_write(0x0a0b0c0d, out);
    static const uint8_t expected[] = {0, 0x0a, 0x0b, 0x0c, 0x0d};
    assert_memory_equal(out, expected, sizeof expected);
}

static void a_body_may_be_empty(void **state)
{
    (void)state;
    struct why why = {0};
    uint32_t id = 0;
    struct bytes body = {0};
    assert_ok(avro_frame_read(bytes_of("\0\0\0\0\5", 5), &id, &body, &why), &why);
    assert_int_equal(id, 5);
    assert_int_equal(body.len, 0);
}

static void short_and_foreign_frames_are_refused_with_their_code(void **state)
{
    (void)state;
    static const struct {
        struct bytes message;
        const char *code;
    } cases[] = {
        {{NULL, 0}, "short-frame"},
        {{(const uint8_t *)"\0\0\0\0", 4}, "short-frame"},
        {{(const uint8_t *)"\1\0\0\0\5x", 6}, "bad-magic"},
        {{(const uint8_t *)"{\"a\":1}", 7}, "bad-magic"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct why why = {0};
        uint32_t id = 77;
        struct bytes body = {0};
        assert_err(avro_frame_read(cases[i].message, &id, &body, &why), ERR_REJECT, &why);
        assert_string_equal(why.code, cases[i].code);
        assert_int_equal(id, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_frame_is_read_back),
        cmocka_unit_test(the_id_is_big_endian),
        cmocka_unit_test(a_body_may_be_empty),
        cmocka_unit_test(short_and_foreign_frames_are_refused_with_their_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
