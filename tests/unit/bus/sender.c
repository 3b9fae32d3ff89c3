// SPDX-License-Identifier: MIT
// What a sender does where no broker ever answered; the rest is in tests/system/sender.c.
#include "support/check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "bus/sender.h"

enum { AT_ONCE_MS = 1000 };

static const char *const topics[] = {"one", "two"};

static enum err open_with(const char *name, const char *value, struct bus_sender **ret,
                          struct why *why)
{
    char *const properties[] = {strdup(name), strdup(value), NULL};
    const struct bus_config config = {"127.0.0.1:1", "test", properties, NULL};
    const struct bus_sender_options options = {.topics = topics, .topic_count = 2};
    enum err err = bus_sender_open(&config, &options, ret, why);
    free(properties[0]); // the sender has copies
    free(properties[1]);
    return err;
}

static void must_not_be_called(void *context, const struct bus_sent *sent)
{
    (void)context, (void)sent;
    fail_msg("told of a record that was not taken");
}

static void without_a_broker_nothing_is_taken_and_the_sentence_says_where_it_looks(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(bus_sender_close_p) struct bus_sender *sender = NULL;
    assert_ok(open_with("linger.ms", "1", &sender, &why), &why);
    const struct bus_record record = {.topic = "one",
                                      .partition = -1,
                                      .key = bytes_from_string("key"),
                                      .value = bytes_from_string("value")};
    int64_t from_ms = clock_mono_ms();
    assert_err(bus_sender_send(sender, &record, must_not_be_called, NULL, &why), ERR_RETRY, &why);
    assert_string_equal(why.code, "kafka-away");
    assert_non_null(strstr(why.text, "127.0.0.1:1"));
    assert_false(bus_sender_is_connected(sender, &why));
    assert_non_null(strstr(why.text, "waiting for Kafka at 127.0.0.1:1"));
    assert_int_equal(bus_sender_pending(sender), 0);
    assert_int_equal(bus_sender_partitions(sender, "one"), 0);
    assert_true(clock_mono_ms() - from_ms < AT_ONCE_MS);
}

static void a_topic_that_was_not_named_is_a_bug_of_ours(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(bus_sender_close_p) struct bus_sender *sender = NULL;
    assert_ok(open_with("linger.ms", "1", &sender, &why), &why);
    const struct bus_record record = {.topic = "three", .partition = 0};
    assert_err(bus_sender_send(sender, &record, must_not_be_called, NULL, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "three"));
    assert_int_equal(bus_sender_pending(sender), 0);
}

static void what_exactly_once_rests_on_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"acks", "0"}, {"enable.idempotence", "false"}, {"compression.type", "sometimes"}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct why why = {0};
        struct bus_sender *sender = NULL;
        assert_err(open_with(wrong[i][0], wrong[i][1], &sender, &why), ERR_FATAL, &why);
        assert_non_null(strstr(why.text, wrong[i][0]));
        assert_null(sender);
    }
}

static void a_sender_that_drains_takes_nothing_more(void **state)
{
    (void)state;
    struct why why = {0};
    CLEANUP(bus_sender_close_p) struct bus_sender *sender = NULL;
    assert_ok(open_with("linger.ms", "1", &sender, &why), &why);
    int64_t from_ms = clock_mono_ms();
    assert_ok(bus_sender_drain(sender, 10 * AT_ONCE_MS, &why), &why);
    assert_true(clock_mono_ms() - from_ms < AT_ONCE_MS);
    const struct bus_record record = {.topic = "one", .partition = 0};
    assert_err(bus_sender_send(sender, &record, must_not_be_called, NULL, &why), ERR_RETRY, &why);
    assert_string_equal(why.code, "stopping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_broker_nothing_is_taken_and_the_sentence_says_where_it_looks),
        cmocka_unit_test(a_topic_that_was_not_named_is_a_bug_of_ours),
        cmocka_unit_test(what_exactly_once_rests_on_is_refused),
        cmocka_unit_test(a_sender_that_drains_takes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
