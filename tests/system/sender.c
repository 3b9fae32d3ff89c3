// SPDX-License-Identifier: MIT
// lib/bus/sender against a real broker (KAFKA_BOOTSTRAP_SERVERS, TOPIC_PREFIX), which the commands
// KAFKA_KILL and KAFKA_STOP take away and KAFKA_START brings back. PROXY_LIE has what stands before
// it at PROXIED_SERVERS tell of each Produce request that this broker does not lead the partition.
#include "support/check.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/admin.h"
#include "bus/partition.h"
#include "bus/reader.h"
#include "bus/sender.h"

enum { PARTITIONS = 4, WAIT_MS = 30000, RECORDS_MAX = 100000, AT_ONCE_MS = 300 };

static const char *const no_settings[] = {NULL};

// In place of librdkafka's, for the calls of lib/bus: the client has failed for good when we say
// so. What makes a real one fail is a broker that has lost its disk.
static atomic_bool is_broken;

RD_EXPORT rd_kafka_resp_err_t rd_kafka_fatal_error(rd_kafka_t *rk, char *text, size_t size)
{
    (void)rk;
    if (!atomic_exchange(&is_broken, false))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    snprintf(text, size, "broken by the test");
    return RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

// What the callbacks were told, by the record's number.
struct told {
    enum err err;
    int calls;
    bool may_be_there;
    int32_t partition;
    int64_t offset;
};

struct fixture {
    struct bus_config config;
    struct bus_admin *admin;
    char *topic;
    struct bus_sender *sender;
    struct told *told;
    atomic_int acknowledged, given_up;
};

static void make_topic(struct fixture *fixture)
{
    bool is_created = false;
    struct why why = {0};
    assert_ok(bus_admin_create_topic(fixture->admin, fixture->topic, PARTITIONS, 1, no_settings,
                                     &is_created, &why),
              &why);
    assert_true(is_created);
}

// A topic of its own for every test; `without_topic` leaves it out.
static int open_fixture_as(void **state, bool without_topic)
{
    static int number;
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    struct why why = {0};
    fixture->config =
        (struct bus_config){getenv("KAFKA_BOOTSTRAP_SERVERS"), "system-sender", NULL, NULL};
    assert_non_null(fixture->config.bootstrap_servers);
    assert_ok(bus_admin_open(&fixture->config, WAIT_MS, &fixture->admin, &why), &why);
    fixture->topic = mem_printf("%ssent-%d", getenv("TOPIC_PREFIX"), ++number);
    fixture->told = mem_zalloc(RECORDS_MAX * sizeof *fixture->told);
    if (!without_topic)
        make_topic(fixture);
    *state = fixture;
    return 0;
}

static int open_fixture(void **state)
{
    return open_fixture_as(state, false);
}

static int open_fixture_without_topic(void **state)
{
    return open_fixture_as(state, true);
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    bus_sender_close(fixture->sender);
    bus_admin_close(fixture->admin);
    free(fixture->topic);
    free(fixture->told);
    free(fixture);
    return 0;
}

static void wait_until_connected(struct fixture *fixture)
{
    struct why why = {0};
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    while (!bus_sender_is_connected(fixture->sender, &why)) {
        if (clock_mono_ms() > end_ms)
            fail_msg("not connected: %s", why.text);
        IGNORE(program_wait_ms(5)); // with a deadline
    }
}

static void open_sender(struct fixture *fixture, const struct bus_sender_options *options)
{
    struct why why = {0};
    struct bus_sender_options all = *options;
    const char *const topics[] = {fixture->topic};
    all.topics = topics;
    all.topic_count = 1;
    assert_ok(bus_sender_open(&fixture->config, &all, &fixture->sender, &why), &why);
}

// One context per record: its place in `told` and the fixture.
struct sending {
    struct fixture *fixture;
    size_t number;
};

static void on_sent(void *context, const struct bus_sent *sent)
{
    struct sending *sending = context;
    struct told *told = &sending->fixture->told[sending->number];
    *told = (struct told){sent->err, told->calls + 1, sent->may_be_there, sent->partition,
                          sent->offset};
    assert_int_equal(sent->because == NULL, sent->err == ERR_OK);
    atomic_fetch_add(
        sent->err == ERR_OK ? &sending->fixture->acknowledged : &sending->fixture->given_up, 1);
    free(sending);
}

static enum err send_number(struct fixture *fixture, size_t number, struct why *why)
{
    char text[24];
    struct sending *sending = mem_zalloc(sizeof *sending);
    *sending = (struct sending){fixture, number};
    snprintf(text, sizeof text, "%zu", number);
    const struct bus_header header = {"number", bytes_from_string(text)};
    const struct bus_record record = {.topic = fixture->topic,
                                      .partition = -1,
                                      .key = bytes_of(text, 1),
                                      .value = bytes_from_string(text),
                                      .headers = &header,
                                      .header_count = 1};
    enum err err = bus_sender_send(fixture->sender, &record, on_sent, sending, why);
    if (err != ERR_OK)
        free(sending);
    return err;
}

static void wait_until_told(struct fixture *fixture, int count)
{
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    while (atomic_load(&fixture->acknowledged) + atomic_load(&fixture->given_up) < count) {
        if (clock_mono_ms() > end_ms)
            fail_msg("told of %d and %d of %d", atomic_load(&fixture->acknowledged),
                     atomic_load(&fixture->given_up), count);
        IGNORE(program_wait_ms(5)); // with a deadline
    }
}

// Reads the whole topic: what was acknowledged is there once and where it was said to be; what was
// given up is there at most once, and only where it may be; each key's numbers ascend when
// `in_order`. Gives how many records there are.
static int check_topic(struct fixture *fixture, size_t sent_count, bool in_order)
{
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    struct why why = {0};
    int *seen CLEANUP(mem_free_p) = mem_array(sent_count, sizeof *seen);
    size_t last[10] = {0};
    int count = 0;
    bool is_at_end = false;
    const struct bus_reader_options all = {
        .topic = fixture->topic, .partition = BUS_ALL_PARTITIONS, .from = BUS_OFFSET_BEGINNING};
    assert_ok(bus_reader_open(&fixture->config, &all, &reader, &why), &why);
    for (int64_t end = clock_mono_ms() + WAIT_MS; !is_at_end && clock_mono_ms() < end;) {
        struct bus_block block;
        assert_ok(bus_reader_poll(reader, 1000, 100, &block, &is_at_end, &why), &why);
        for (size_t i = 0; i < block.count; i++, count++) {
            const struct bus_message *message = &block.messages[i];
            struct bytes header = {0};
            char text[24] = "";
            memcpy(text, message->value.data, message->value.len);
            size_t number = strtoul(text, NULL, 10), key = (size_t)(text[0] - '0');
            assert_true(number < sent_count);
            seen[number]++;
            assert_true(bus_message_header(message, "number", &header));
            assert_true(bytes_equal(header, message->value));
            assert_int_equal(message->partition, bus_partition(message->key, PARTITIONS));
            assert_true(!in_order || number >= last[key]);
            last[key] = number;
            const struct told *told = &fixture->told[number];
            assert_int_equal(told->calls, 1);
            if (told->err == ERR_OK) {
                assert_int_equal(told->offset, message->offset);
                assert_int_equal(told->partition, message->partition);
            } else {
                assert_true(told->may_be_there);
            }
        }
        bus_reader_release(reader, &block);
    }
    assert_true(is_at_end);
    for (size_t i = 0; i < sent_count; i++) {
        assert_true(seen[i] <= 1);
        assert_true(seen[i] == 1 || fixture->told[i].err != ERR_OK || fixture->told[i].calls == 0);
    }
    return count;
}

// ---- the broker is there

enum { THREADS = 8, EACH = 5000 };

struct load {
    struct fixture *fixture;
    size_t first;
};

static void *send_many(void *argument)
{
    const struct load *load = argument;
    for (size_t i = 0; i < EACH; i++) {
        struct why why = {0};
        enum err err = ERR_RETRY;
        int64_t end_ms = clock_mono_ms() + WAIT_MS;
        while (err == ERR_RETRY && clock_mono_ms() < end_ms) {
            err = send_number(load->fixture, load->first + i, &why);
            if (err == ERR_RETRY && strcmp(why.code, "queue-full") != 0)
                break;
            if (err == ERR_RETRY)
                IGNORE(program_wait_ms(1)); // until there is room
        }
        assert_err(err, ERR_OK, &why);
    }
    return NULL;
}

static void records_of_many_threads_are_there_once_and_where_it_was_said(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    open_sender(fixture, &(struct bus_sender_options){.queue_records = 2000, .linger_us = 500});
    wait_until_connected(fixture);
    assert_int_equal(bus_sender_partitions(fixture->sender, fixture->topic), PARTITIONS);
    pthread_t threads[THREADS];
    struct load loads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        loads[i] = (struct load){fixture, i * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &loads[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_ok(bus_sender_drain(fixture->sender, WAIT_MS, &why), &why);
    assert_int_equal(bus_sender_pending(fixture->sender), 0);
    assert_int_equal(atomic_load(&fixture->acknowledged), THREADS * EACH);
    assert_int_equal(check_topic(fixture, THREADS * EACH, false), THREADS * EACH);
}

static void a_client_that_failed_for_good_is_made_again(void **state)
{
    enum { BREAKS = 5, BETWEEN = 1000 };
    struct fixture *fixture = *state;
    struct why why = {0};
    size_t number = 0;
    open_sender(fixture, &(struct bus_sender_options){.linger_us = 1000});
    wait_until_connected(fixture);
    for (int i = 0; i < BREAKS; i++) {
        for (int j = 0; j < BETWEEN; j++)
            assert_ok(send_number(fixture, number++, &why), &why);
        atomic_store(&is_broken, true);
        for (int64_t end_ms = clock_mono_ms() + WAIT_MS; atomic_load(&is_broken);) {
            assert_ok(send_number(fixture, number++, &why), &why);
            assert_true(clock_mono_ms() < end_ms);
            IGNORE(program_wait_ms(1)); // with a deadline
        }
        wait_until_told(fixture, (int)number);
        assert_ok(send_number(fixture, number++, &why), &why);
        wait_until_told(fixture, (int)number);
        assert_int_equal(fixture->told[number - 1].err, ERR_OK);
    }
    assert_ok(bus_sender_drain(fixture->sender, WAIT_MS, &why), &why);
    check_topic(fixture, number, false);
}

static void a_full_queue_refuses_at_once_and_takes_again_when_there_is_room(void **state)
{
    enum { ROOM = 50 };
    struct fixture *fixture = *state;
    struct why why = {0};
    open_sender(fixture, &(struct bus_sender_options){.queue_records = ROOM, .linger_us = 200000});
    wait_until_connected(fixture);
    size_t taken = 0;
    int64_t from_ms = clock_mono_ms();
    while (send_number(fixture, taken, &why) == ERR_OK)
        taken++;
    assert_string_equal(why.code, "queue-full");
    assert_true(clock_mono_ms() - from_ms < AT_ONCE_MS);
    assert_true(taken >= ROOM);
    wait_until_told(fixture, (int)taken);
    assert_ok(send_number(fixture, taken++, &why), &why);
    assert_ok(bus_sender_drain(fixture->sender, WAIT_MS, &why), &why);
    assert_int_equal(check_topic(fixture, taken, true), taken);
}

static void a_record_that_is_too_large_is_refused_for_good(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    open_sender(fixture, &(struct bus_sender_options){0});
    wait_until_connected(fixture);
    // Over what a client of ours sends, then over what the topic takes.
    size_t const sizes[] = {2000000, 1060000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        void *value CLEANUP(mem_free_p) = mem_zalloc(sizes[i]);
        struct sending *sending = mem_zalloc(sizeof *sending);
        *sending = (struct sending){fixture, i};
        const struct bus_record record = {
            .topic = fixture->topic, .partition = 0, .value = bytes_of(value, sizes[i])};
        enum err err = bus_sender_send(fixture->sender, &record, on_sent, sending, &why);
        if (err != ERR_OK)
            free(sending);
        assert_err(err, i == 0 ? ERR_REJECT : ERR_OK, &why);
    }
    wait_until_told(fixture, 1);
    assert_int_equal(fixture->told[1].err, ERR_REJECT);
    assert_false(fixture->told[1].may_be_there);
    assert_ok(send_number(fixture, 2, &why), &why);
    wait_until_told(fixture, 2);
    assert_int_equal(atomic_load(&fixture->acknowledged), 1);
}

static void a_topic_that_is_not_there_is_told_with_the_remedy_and_found_once_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    open_sender(fixture, &(struct bus_sender_options){0});
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    do {
        assert_err(send_number(fixture, 0, &why), ERR_RETRY, &why);
        assert_false(bus_sender_is_connected(fixture->sender, &why));
        assert_true(clock_mono_ms() < end_ms);
    } while (strcmp(why.code, "no-topic") != 0);
    assert_non_null(strstr(why.text, "retentionctl topics apply"));
    make_topic(fixture);
    wait_until_connected(fixture);
    assert_ok(send_number(fixture, 0, &why), &why);
    wait_until_told(fixture, 1);
    assert_int_equal(check_topic(fixture, 1, true), 1);
}

// ---- the broker goes away

static void run(const char *variable)
{
    const char *command = getenv(variable);
    assert_non_null(command);
    assert_int_equal(system(command), 0);
}

// Sends until nothing more is taken.
static size_t send_until_refused(struct fixture *fixture, size_t number, struct why *why)
{
    int64_t end_ms = clock_mono_ms() + WAIT_MS;
    while (send_number(fixture, number, why) == ERR_OK) {
        number++;
        assert_true(clock_mono_ms() < end_ms);
        IGNORE(program_wait_ms(2)); // about 500 records a second
    }
    return number;
}

static void
a_broker_that_goes_and_comes_loses_and_doubles_nothing_that_was_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    size_t number = 0;
    open_sender(fixture, &(struct bus_sender_options){.away_ms = 1000, .give_up_ms = 4000});
    for (int outage = 0; outage < 2; outage++) {
        wait_until_connected(fixture);
        for (int i = 0; i < 500; i++)
            assert_ok(send_number(fixture, number++, &why), &why);
        run(outage == 0 ? "KAFKA_KILL" : "KAFKA_STOP");
        number = send_until_refused(fixture, number, &why);
        assert_string_equal(why.code, "kafka-away");
        int64_t from_ms = clock_mono_ms();
        assert_err(send_number(fixture, number, &why), ERR_RETRY, &why);
        assert_true(clock_mono_ms() - from_ms < AT_ONCE_MS);
        assert_false(bus_sender_is_connected(fixture->sender, &why));
        wait_until_told(fixture, (int)number); // acknowledged or given up while it is away
        assert_true(atomic_load(&fixture->given_up) > 0);
        run("KAFKA_START");
    }
    wait_until_connected(fixture);
    for (int i = 0; i < 500; i++)
        assert_ok(send_number(fixture, number++, &why), &why);
    assert_ok(bus_sender_drain(fixture->sender, WAIT_MS, &why), &why);
    int there = check_topic(fixture, number, true);
    printf("%zu sent, %d acknowledged, %d given up, %d of these there all the same\n", number,
           atomic_load(&fixture->acknowledged), atomic_load(&fixture->given_up),
           there - atomic_load(&fixture->acknowledged));
    assert_true(atomic_load(&fixture->acknowledged) >= 1500 - 500);
    size_t never_sent = 0;
    for (size_t i = 0; i < number; i++)
        never_sent += fixture->told[i].err != ERR_OK && !fixture->told[i].may_be_there;
    assert_true(never_sent > 0); // what was taken once the broker had gone
    assert_int_equal(atomic_load(&fixture->acknowledged) + atomic_load(&fixture->given_up), number);
}

// The broker takes the record and the client is told, each time, that this is not its leader.
static void a_record_that_was_refused_may_be_there_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    fixture->config.bootstrap_servers = getenv("PROXIED_SERVERS");
    open_sender(fixture, &(struct bus_sender_options){.give_up_ms = 1500});
    fixture->config.bootstrap_servers = getenv("KAFKA_BOOTSTRAP_SERVERS");
    wait_until_connected(fixture);
    run("PROXY_LIE");
    assert_ok(send_number(fixture, 0, &why), &why);
    wait_until_told(fixture, 1);
    assert_err(fixture->told[0].err, ERR_RETRY, &why);
    assert_int_equal(check_topic(fixture, 1, true), 1); // and it may be there
}

static void what_is_left_at_the_close_is_told_of(void **state)
{
    enum { LEFT = 50 };
    struct fixture *fixture = *state;
    struct why why = {0};
    open_sender(fixture, &(struct bus_sender_options){.away_ms = 600000, .give_up_ms = 600000});
    wait_until_connected(fixture);
    assert_ok(send_number(fixture, 0, &why), &why);
    wait_until_told(fixture, 1);
    run("KAFKA_STOP");
    for (size_t i = 1; i <= LEFT; i++)
        assert_ok(send_number(fixture, i, &why), &why);
    assert_int_equal(bus_sender_pending(fixture->sender), LEFT);
    assert_err(bus_sender_drain(fixture->sender, 100, &why), ERR_RETRY, &why);
    int64_t from_ms = clock_mono_ms();
    bus_sender_close(fixture->sender);
    fixture->sender = NULL;
    assert_true(clock_mono_ms() - from_ms < 3000);
    assert_int_equal(atomic_load(&fixture->acknowledged), 1);
    assert_int_equal(atomic_load(&fixture->given_up), LEFT);
    run("KAFKA_START");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_of_many_threads_are_there_once_and_where_it_was_said),
        TEST(a_client_that_failed_for_good_is_made_again),
        TEST(a_full_queue_refuses_at_once_and_takes_again_when_there_is_room),
        TEST(a_record_that_is_too_large_is_refused_for_good),
        cmocka_unit_test_setup_teardown(
            a_topic_that_is_not_there_is_told_with_the_remedy_and_found_once_it_is,
            open_fixture_without_topic, close_fixture),
        TEST(a_broker_that_goes_and_comes_loses_and_doubles_nothing_that_was_acknowledged),
        TEST(a_record_that_was_refused_may_be_there_all_the_same),
        TEST(what_is_left_at_the_close_is_told_of),
    };
    program_init(10000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
