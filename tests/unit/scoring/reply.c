// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/compiler.h"
#include "reply.h"

enum { PARTITIONS = 8 };

static struct reply_headers good_headers(void)
{
    static const uint8_t five[] = {0, 0, 0, 5};
    return (struct reply_headers){.topic = bytes_from_string("t-prediction-replies"),
                                  .partition = bytes_of(five, sizeof five),
                                  .correlation_id = bytes_from_string("request-1")};
}

static enum reply_address read(const struct reply_headers *headers, struct reply_to *ret)
{
    return reply_read(headers, "t-prediction-replies", PARTITIONS, ret);
}

static void a_whole_address_is_good(void **state)
{
    (void)state;
    const struct reply_headers headers = good_headers();
    struct reply_to to;
    assert_int_equal(read(&headers, &to), REPLY_GOOD_ADDRESS);
    assert_int_equal(to.partition, 5);
    assert_true(bytes_equal_string(to.correlation_id, "request-1"));
}

static void without_a_topic_nobody_waits(void **state)
{
    (void)state;
    struct reply_headers headers = good_headers();
    struct reply_to to;
    headers.topic = (struct bytes){0};
    assert_int_equal(read(&headers, &to), REPLY_NO_ADDRESS);
    assert_int_equal(read(&(struct reply_headers){0}, &to), REPLY_NO_ADDRESS);
}

static void whatever_is_wrong_makes_the_address_a_bad_one(void **state)
{
    (void)state;
    static const uint8_t eight[] = {0, 0, 0, 8}, negative[] = {255, 255, 255, 255},
                         long_one[] = {0, 0, 0, 0, 5}, digits[] = {'5'};
    static char large[REPLY_CORRELATION_MAX + 2];
    memset(large, 'x', REPLY_CORRELATION_MAX + 1);
    const struct bytes topics[] = {bytes_from_string("t-plan-replies"), bytes_from_string(""),
                                   bytes_from_string("prediction-replies"),
                                   bytes_from_string("t-prediction-replies2")};
    const struct bytes partitions[] = {bytes_of(eight, 4), bytes_of(negative, 4),
                                       bytes_of(long_one, 5), bytes_of(digits, 1),
                                       (struct bytes){0}};
    const struct bytes ids[] = {bytes_from_string(""), bytes_from_string(large), (struct bytes){0}};
    struct reply_to to;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct reply_headers headers = good_headers();
        headers.topic = topics[i];
        assert_int_equal(read(&headers, &to), REPLY_BAD_ADDRESS);
    }
    for (size_t i = 0; i < ARRAY_LEN(partitions); i++) {
        struct reply_headers headers = good_headers();
        headers.partition = partitions[i];
        assert_int_equal(read(&headers, &to), REPLY_BAD_ADDRESS);
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct reply_headers headers = good_headers();
        headers.correlation_id = ids[i];
        assert_int_equal(read(&headers, &to), REPLY_BAD_ADDRESS);
    }
    struct reply_headers longest = good_headers();
    longest.correlation_id = bytes_of(large, REPLY_CORRELATION_MAX);
    assert_int_equal(read(&longest, &to), REPLY_GOOD_ADDRESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_address_is_good),
        cmocka_unit_test(without_a_topic_nobody_waits),
        cmocka_unit_test(whatever_is_wrong_makes_the_address_a_bad_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
