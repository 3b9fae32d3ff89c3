// SPDX-License-Identifier: MIT
// lib/bus against a real broker (KAFKA_BOOTSTRAP_SERVERS, its process KAFKA_PID, TOPIC_PREFIX):
// what a mock cannot show.
#include "support/check.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/admin.h"
#include "bus/client.h"
#include "bus/deadletter.h"
#include "bus/ends.h"
#include "bus/partition.h"
#include "bus/producer.h"
#include "bus/reader.h"

enum { PARTITIONS = 4, WAIT_MS = 30000 };

static const char *const no_settings[] = {NULL};

struct fixture {
    struct bus_config config;
    struct bus_admin *admin;
    char *in, *out, *group, *id;
};

static void make_topic(struct fixture *fixture, const char *name)
{
    bool is_created = false;
    struct why why = {0};
    assert_ok(
        bus_admin_create_topic(fixture->admin, name, PARTITIONS, 1, no_settings, &is_created, &why),
        &why);
    assert_true(is_created);
}

// Topics, group and ids of its own for every test.
static int open_fixture(void **state)
{
    static int number;
    struct fixture *fixture = mem_zalloc(sizeof *fixture);
    struct why why = {0};
    const char *prefix = getenv("TOPIC_PREFIX");
    fixture->config =
        (struct bus_config){getenv("KAFKA_BOOTSTRAP_SERVERS"), "system-bus", NULL, NULL};
    assert_non_null(fixture->config.bootstrap_servers);
    assert_non_null(prefix);
    assert_ok(bus_admin_open(&fixture->config, WAIT_MS, &fixture->admin, &why), &why);
    number++;
    fixture->in = mem_printf("%sin-%d", prefix, number);
    fixture->out = mem_printf("%sout-%d", prefix, number);
    fixture->group = mem_printf("%sgroup-%d", prefix, number);
    fixture->id = mem_printf("%sid-%d", prefix, number);
    make_topic(fixture, fixture->in);
    make_topic(fixture, fixture->out);
    struct bus_position positions[PARTITIONS];
    for (int32_t i = 0; i < PARTITIONS; i++)
        positions[i] = (struct bus_position){fixture->in, i, 0, "gen=7"};
    assert_ok(
        bus_admin_set_group_offsets(fixture->admin, fixture->group, positions, PARTITIONS, &why),
        &why);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    bus_admin_close(fixture->admin);
    free(fixture->in);
    free(fixture->out);
    free(fixture->group);
    free(fixture->id);
    free(fixture);
    return 0;
}

static struct bus_producer *producer_of(struct fixture *fixture, int64_t timeout_ms)
{
    struct bus_producer *producer = NULL;
    struct why why = {0};
    const struct bus_producer_options options = {.transactional_id = fixture->id,
                                                 .transaction_timeout_ms = timeout_ms};
    assert_ok(bus_producer_open(&fixture->config, &options, &producer, &why), &why);
    return producer;
}

static struct bus_consumer *consumer_with(struct fixture *fixture,
                                          const struct bus_consumer_options *options)
{
    struct bus_consumer *consumer = NULL;
    struct why why = {0};
    const char *const topics[] = {fixture->in};
    struct bus_consumer_options all = *options;
    all.group = options->group == NULL ? fixture->group : options->group;
    all.instance_id = fixture->id;
    all.topics = topics;
    all.topic_count = 1;
    assert_ok(bus_consumer_open(&fixture->config, &all, &consumer, &why), &why);
    return consumer;
}

static struct bus_consumer *consumer_of(struct fixture *fixture, const char *group)
{
    return consumer_with(fixture, &(struct bus_consumer_options){.group = group});
}

static void put(struct bus_producer *producer, const char *topic, const char *value)
{
    struct why why = {0};
    const struct bus_record record = {topic, -1, bytes_from_string(value), bytes_from_string(value),
                                      NULL,  0};
    assert_ok(bus_producer_send(producer, &record, &why), &why);
}

static void fill(struct fixture *fixture, int count)
{
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = NULL;
    struct why why = {0};
    const struct bus_producer_options options = {0};
    assert_ok(bus_producer_open(&fixture->config, &options, &producer, &why), &why);
    for (int i = 0; i < count; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        put(producer, fixture->in, value);
    }
    assert_ok(bus_producer_flush(producer, WAIT_MS, &why), &why);
}

// Counts the records of a topic that readers of committed data see, by their value.
static int count_of(struct fixture *fixture, const char *topic, const char *value)
{
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    struct why why = {0};
    bool is_at_end = false;
    int count = 0;
    const struct bus_reader_options all = {
        .topic = topic, .partition = BUS_ALL_PARTITIONS, .from = BUS_OFFSET_BEGINNING};
    assert_ok(bus_reader_open(&fixture->config, &all, &reader, &why), &why);
    for (int64_t end = clock_mono_ms() + WAIT_MS; !is_at_end && clock_mono_ms() < end;) {
        struct bus_block block;
        assert_ok(bus_reader_poll(reader, 1000, 100, &block, &is_at_end, &why), &why);
        for (size_t i = 0; i < block.count; i++)
            count += value == NULL || bytes_equal_string(block.messages[i].value, value);
        bus_reader_release(reader, &block);
    }
    assert_true(is_at_end);
    return count;
}

static void only_what_is_committed_is_seen(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = producer_of(fixture, 0);
    assert_ok(bus_producer_begin(producer, &why), &why);
    put(producer, fixture->out, "kept");
    assert_ok(bus_producer_commit(producer, NULL, NULL, 0, &why), &why);
    assert_ok(bus_producer_begin(producer, &why), &why);
    put(producer, fixture->out, "dropped");
    assert_ok(bus_producer_abort(producer, &why), &why);
    assert_int_equal(count_of(fixture, fixture->out, "kept"), 1);
    assert_int_equal(count_of(fixture, fixture->out, "dropped"), 0);
}

static void send_to_first(struct bus_producer *producer, const char *topic, const char *value)
{
    struct why why = {0};
    const struct bus_record record = {topic, 0, bytes_from_string("key"), bytes_from_string(value),
                                      NULL,  0};
    assert_ok(bus_producer_send(producer, &record, &why), &why);
}

// What was committed behind somebody else's open transaction is there, but cannot be read yet: a
// reader that said "this is the end" would make its program send again what it has sent.
static void the_end_is_not_reached_while_an_older_transaction_hides_it(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *slow = producer_of(fixture, 0);
    assert_ok(bus_producer_begin(slow, &why), &why);
    send_to_first(slow, fixture->out, "open");
    assert_ok(bus_producer_flush(slow, WAIT_MS, &why), &why);
    CLEANUP(mem_free_p) char *other_id = mem_printf("%s-other", fixture->id);
    const struct bus_producer_options options = {.transactional_id = other_id};
    CLEANUP(bus_producer_close_p) struct bus_producer *other = NULL;
    assert_ok(bus_producer_open(&fixture->config, &options, &other, &why), &why);
    assert_ok(bus_producer_begin(other, &why), &why);
    send_to_first(other, fixture->out, "hidden");
    assert_ok(bus_producer_commit(other, NULL, NULL, 0, &why), &why);

    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    const struct bus_reader_options first = {
        .topic = fixture->out, .partition = 0, .from = BUS_OFFSET_BEGINNING};
    assert_ok(bus_reader_open(&fixture->config, &first, &reader, &why), &why);
    struct bus_block block;
    bool is_at_end = false;
    size_t count = 0;
    for (int64_t end = clock_mono_ms() + 1000; clock_mono_ms() < end;) {
        assert_ok(bus_reader_poll(reader, 100, 100, &block, &is_at_end, &why), &why);
        assert_int_equal(block.count, 0);
        assert_false(is_at_end);
    }
    assert_ok(bus_producer_abort(slow, &why), &why);
    for (int64_t end = clock_mono_ms() + WAIT_MS; !is_at_end && clock_mono_ms() < end;) {
        assert_ok(bus_reader_poll(reader, 100, 100, &block, &is_at_end, &why), &why);
        count += block.count;
    }
    assert_true(is_at_end);
    assert_int_equal(count, 1);
}

static void the_end_behind_open_transactions_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = producer_of(fixture, 0);
    CLEANUP(bus_ends_close_p) struct bus_ends *ends = NULL;
    assert_ok(bus_ends_open(&fixture->config, &ends, &why), &why);
    assert_ok(bus_producer_begin(producer, &why), &why);
    send_to_first(producer, fixture->out, "open");
    assert_ok(bus_producer_flush(producer, WAIT_MS, &why), &why);
    int64_t first = -1, committed = -1, end = -1;
    assert_ok(bus_admin_bounds(fixture->admin, fixture->out, 0, &first, &committed, &why), &why);
    assert_ok(bus_ends_ask(ends, fixture->out, 0, WAIT_MS, &end, &why), &why);
    assert_int_equal(committed, 0);
    assert_int_equal(end, 1);
    assert_ok(bus_ends_ask(ends, fixture->out, 1, WAIT_MS, &end, &why), &why);
    assert_int_equal(end, 0);
    assert_int_equal(bus_ends_ask(ends, "there-is-no-such-topic", 0, 500, &end, &why), ERR_RETRY);
    assert_ok(bus_producer_abort(producer, &why), &why);
}

static void a_second_owner_of_the_id_fences_the_first(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *first = producer_of(fixture, 0);
    assert_ok(bus_producer_begin(first, &why), &why);
    put(first, fixture->out, "of the first");
    CLEANUP(bus_producer_close_p) struct bus_producer *second = producer_of(fixture, 0);
    assert_non_null(second);
    assert_err(bus_producer_commit(first, NULL, NULL, 0, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "fenced");
    assert_int_equal(count_of(fixture, fixture->out, NULL), 0);
}

static void whose_the_id_is_can_be_asked_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *first = producer_of(fixture, 0);
    assert_ok(bus_producer_owns_id(first, fixture->out, &why), &why);
    assert_ok(bus_producer_begin(first, &why), &why);
    put(first, fixture->out, "dropped by the question");
    assert_ok(bus_producer_owns_id(first, fixture->out, &why), &why);
    CLEANUP(bus_producer_close_p) struct bus_producer *second = producer_of(fixture, 0);
    for (int i = 0; i < 2; i++) { // and the question takes nothing from the owner
        assert_err(bus_producer_owns_id(first, fixture->out, &why), ERR_FATAL, &why);
        assert_string_equal(why.code, "fenced");
        assert_ok(bus_producer_owns_id(second, fixture->out, &why), &why);
    }
    assert_int_equal(bus_producer_counts(first).rebuilds, 0);
    assert_int_equal(count_of(fixture, fixture->out, NULL), 0);
    assert_ok(bus_producer_begin(second, &why), &why);
    put(second, fixture->out, "kept");
    assert_ok(bus_producer_commit(second, NULL, NULL, 0, &why), &why);
    assert_int_equal(count_of(fixture, fixture->out, "kept"), 1);
}

static void a_transaction_that_slept_is_given_up_and_the_next_one_works(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = producer_of(fixture, 2000);
    assert_ok(bus_producer_begin(producer, &why), &why);
    put(producer, fixture->out, "overslept");
    IGNORE(program_wait_ms(1100)); // the test is about time passing
    assert_err(bus_producer_commit(producer, NULL, NULL, 0, &why), ERR_RETRY, &why);
    assert_int_equal(bus_producer_counts(producer).rebuilds, 1);
    assert_ok(bus_producer_begin(producer, &why), &why);
    put(producer, fixture->out, "awake");
    assert_ok(bus_producer_commit(producer, NULL, NULL, 0, &why), &why);
    assert_int_equal(count_of(fixture, fixture->out, "overslept"), 0);
    assert_int_equal(count_of(fixture, fixture->out, "awake"), 1);
}

struct waking {
    pid_t broker;
    int64_t at_ms;
};

static void *wake_broker(void *argument)
{
    const struct waking *waking = argument;
    while (clock_mono_ms() < waking->at_ms)
        IGNORE(program_wait_ms(10)); // the test is about time passing
    kill(waking->broker, SIGCONT);
    return NULL;
}

// An abort is begun before the brokers can have timed the transaction out, and answered behind
// that: then "fenced" is no proof of a rival. That there is one here makes the answer certain.
static void fenced_behind_the_time_out_is_no_rival(void **state)
{
    enum { TIMEOUT_MS = 4000, BEGIN_MS = 2200, ANSWER_MS = 4300 };
    struct fixture *fixture = *state;
    struct why why = {0};
    pthread_t thread;
    const char *pid = getenv("KAFKA_PID");
    assert_non_null(pid);
    CLEANUP(bus_producer_close_p) struct bus_producer *first = producer_of(fixture, TIMEOUT_MS);
    int64_t begun_ms = clock_mono_ms();
    struct waking waking = {(pid_t)strtol(pid, NULL, 10), begun_ms + ANSWER_MS};
    assert_ok(bus_producer_begin(first, &why), &why);
    put(first, fixture->out, "overslept");
    CLEANUP(bus_producer_close_p) struct bus_producer *second = producer_of(fixture, 0);
    assert_non_null(second);
    while (clock_mono_ms() < begun_ms + BEGIN_MS)
        IGNORE(program_wait_ms(10)); // the same
    assert_int_equal(kill(waking.broker, SIGSTOP), 0);
    int started = pthread_create(&thread, NULL, wake_broker, &waking);
    if (started != 0)
        kill(waking.broker, SIGCONT);
    assert_int_equal(started, 0);
    enum err err = bus_producer_abort(first, &why);
    pthread_join(thread, NULL);
    assert_ok(err, &why);
    assert_int_equal(bus_producer_counts(first).rebuilds, 1);
    assert_int_equal(count_of(fixture, fixture->out, NULL), 0);
}

// Takes blocks until `count` records were seen; their offsets go into `next` (by partition).
static void take(struct bus_consumer *consumer, struct fixture *fixture, int count,
                 struct bus_position next[PARTITIONS])
{
    for (int32_t i = 0; i < PARTITIONS; i++)
        next[i] = (struct bus_position){fixture->in, i, 0, "gen=8"};
    for (int64_t end = clock_mono_ms() + WAIT_MS; count > 0 && clock_mono_ms() < end;) {
        struct bus_block block;
        struct why why = {0};
        assert_ok(bus_consumer_poll(consumer, (size_t)count, 100, &block, &why), &why);
        for (size_t i = 0; i < block.count; i++, count--) {
            assert_true(block.messages[i].offset >= next[block.messages[i].partition].offset);
            next[block.messages[i].partition].offset = block.messages[i].offset + 1;
        }
        bus_block_release(consumer, &block);
    }
    assert_int_equal(count, 0);
}

// With a record, as a lane does it.
static void commit_offsets(struct fixture *fixture, struct bus_producer *producer,
                           struct bus_consumer *consumer,
                           const struct bus_position next[PARTITIONS])
{
    struct why why = {0};
    enum err err = ERR_RETRY;
    for (int tries = 0; err == ERR_RETRY && tries < 3; tries++) {
        // The first commit to a fresh group may be repeated inside the client while the coordinator
        // loads; the guard cannot tell that from the hazard, and gives the transaction up.
        assert_ok(bus_producer_begin(producer, &why), &why);
        put(producer, fixture->out, "y");
        err = bus_producer_commit(producer, consumer, next, PARTITIONS, &why);
    }
    assert_ok(err, &why);
}

static void offsets_and_their_metadata_travel_with_the_transaction(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    struct bus_position next[PARTITIONS], committed[PARTITIONS];
    fill(fixture, 100);
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = producer_of(fixture, 0);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *consumer = consumer_of(fixture, fixture->group);
    take(consumer, fixture, 100, next);
    struct bus_position *held = NULL;
    assert_int_equal(bus_consumer_assignment(consumer, &held), PARTITIONS);
    assert_string_equal(held[0].metadata, "gen=7");
    free(held);
    // Aborted: the offsets stay, and a rewind brings every record again.
    assert_ok(bus_producer_begin(producer, &why), &why);
    put(producer, fixture->out, "x");
    assert_ok(bus_producer_abort(producer, &why), &why);
    assert_ok(bus_consumer_rewind(consumer, &why), &why);
    take(consumer, fixture, 100, next);
    commit_offsets(fixture, producer, consumer, next);
    assert_ok(bus_admin_group_offsets(fixture->admin, fixture->group, fixture->in, committed,
                                      PARTITIONS, &why),
              &why);
    for (int i = 0; i < PARTITIONS; i++) {
        assert_int_equal(committed[i].offset, next[i].offset);
        assert_string_equal(committed[i].metadata, "gen=8");
    }
}

// What a producer that is no member may do, and a coordinator that lost its place amounts to.
static void set_offsets_back(const struct fixture *fixture)
{
    char text[256], id[256];
    snprintf(id, sizeof id, "%s-stranger", fixture->id);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", fixture->config.bootstrap_servers,
                                       text, sizeof text),
                     RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(conf, "transactional.id", id, text, sizeof text),
                     RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(rk);
    assert_null(rd_kafka_init_transactions(rk, WAIT_MS));
    assert_null(rd_kafka_begin_transaction(rk));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(list, fixture->in, i)->offset = 1;
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata_new(fixture->group);
    assert_null(rd_kafka_send_offsets_to_transaction(rk, list, group, WAIT_MS));
    assert_null(rd_kafka_commit_transaction(rk, WAIT_MS));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

static void offsets_that_went_back_are_not_started_from(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    struct bus_position next[PARTITIONS];
    fill(fixture, 100);
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = producer_of(fixture, 0);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *consumer = consumer_of(fixture, fixture->group);
    take(consumer, fixture, 100, next);
    commit_offsets(fixture, producer, consumer, next);
    assert_ok(bus_consumer_rewind(consumer, &why), &why);
    set_offsets_back(fixture);
    assert_err(bus_consumer_rewind(consumer, &why), ERR_RETRY, &why);
    assert_string_equal(why.code, "offset-went-back");
    // The next commit of its own puts them right.
    commit_offsets(fixture, producer, consumer, next);
    assert_ok(bus_consumer_rewind(consumer, &why), &why);
}

static void a_member_whose_place_was_taken_hears_of_it_also_while_it_waits(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    struct bus_position next[PARTITIONS];
    fill(fixture, 1);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *first = consumer_of(fixture, fixture->group);
    take(first, fixture, 1, next);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *second = consumer_of(fixture, fixture->group);
    enum err err = ERR_OK;
    for (int64_t end = clock_mono_ms() + WAIT_MS; err != ERR_FATAL && clock_mono_ms() < end;) {
        struct bus_block block;
        bool is_rebalanced = false;
        struct why unused = {0};
        assert_ok(bus_consumer_poll(second, 1, 20, &block, &unused), &unused);
        bus_block_release(second, &block);
        err = bus_consumer_keep_alive(first, &is_rebalanced, &why);
    }
    assert_err(err, ERR_FATAL, &why);
    assert_string_equal(why.code, "fenced");
}

// What is asked whether a place is ours: says so the second time, if at all.
struct judge {
    bool is_owner;
    int asked;
};

static enum err judge(void *context, struct why *why)
{
    struct judge *judge = context;
    judge->asked++;
    if (!judge->is_owner)
        return why_code(why, ERR_FATAL, "fenced", "not the owner");
    return judge->asked == 1 ? why_say(why, ERR_RETRY, "cannot say yet") : ERR_OK;
}

// Polls both until `one` has a verdict that lasts.
static enum err poll_both(struct bus_consumer *one, struct bus_consumer *other, struct why *why)
{
    enum err err = ERR_OK;
    for (int64_t end = clock_mono_ms() + WAIT_MS;
         (err == ERR_OK || err == ERR_RETRY) && clock_mono_ms() < end;) {
        struct bus_block block;
        struct why unused = {0};
        enum err of_other = bus_consumer_poll(other, 100, 20, &block, &unused);
        assert_true(of_other == ERR_OK || of_other == ERR_RETRY);
        bus_block_release(other, &block);
        err = bus_consumer_poll(one, 1, 20, &block, why);
        bus_block_release(one, &block);
    }
    return err;
}

static void the_owner_of_a_place_takes_it_back(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    struct bus_position next[PARTITIONS];
    struct judge mine = {.is_owner = true}, others = {0};
    fill(fixture, 50);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *owner = consumer_with(
        fixture, &(struct bus_consumer_options){.owns_place = judge, .context = &mine});
    take(owner, fixture, 50, next);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *other = consumer_with(
        fixture, &(struct bus_consumer_options){.owns_place = judge, .context = &others});
    assert_err(poll_both(other, owner, &why), ERR_FATAL, &why);
    assert_string_equal(why.code, "fenced");
    assert_int_equal(others.asked, 1);
    assert_int_equal(mine.asked, 2);
    assert_ok(bus_consumer_rewind(owner, &why), &why); // nothing was committed: all comes again
    take(owner, fixture, 50, next);
}

// Else the client ends the process.
static void partitions_are_given_again_before_they_have_stopped(void **state)
{
    enum { TIMES = 300 };
    struct fixture *fixture = *state;
    struct bus_position next[PARTITIONS];
    fill(fixture, 50);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *consumer = consumer_of(fixture, NULL);
    take(consumer, fixture, 50, next);
    for (int i = 0; i < PARTITIONS; i++)
        next[i].offset = 0;
    rd_kafka_topic_partition_list_t *list = bus_list_of(next, PARTITIONS);
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(bus_assign(bus_consumer_client(consumer), list),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    take(consumer, fixture, 50, next);
}

static void a_group_without_offsets_is_refused_with_the_remedy(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(mem_free_p) char *stranger = mem_printf("%s-stranger", fixture->group);
    CLEANUP(bus_consumer_close_p) struct bus_consumer *consumer = consumer_of(fixture, stranger);
    struct why why = {0};
    enum err err = ERR_OK;
    for (int64_t end = clock_mono_ms() + WAIT_MS; err == ERR_OK && clock_mono_ms() < end;) {
        struct bus_block block;
        err = bus_consumer_poll(consumer, 10, 100, &block, &why);
        bus_block_release(consumer, &block);
    }
    assert_err(err, ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "retentionctl topics apply"));
}

static void keeping_alive_and_seeking_lose_no_record(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    struct bus_position next[PARTITIONS];
    bool is_rebalanced = false;
    fill(fixture, 200);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *consumer = consumer_of(fixture, fixture->group);
    take(consumer, fixture, 50, next);
    for (int i = 0; i < 5; i++) {
        assert_ok(bus_consumer_keep_alive(consumer, &is_rebalanced, &why), &why);
        assert_false(is_rebalanced);
    }
    take(consumer, fixture, 150, next);
    int64_t end = next[2].offset;
    assert_ok(bus_consumer_seek(consumer, fixture->in, 2, 0, &why), &why);
    for (int64_t seen = 0; seen < end;) {
        struct bus_block block;
        assert_ok(bus_consumer_poll(consumer, 100, 1000, &block, &why), &why);
        assert_true(block.count > 0);
        for (size_t i = 0; i < block.count; i++) {
            assert_int_equal(block.messages[i].partition, 2);
            assert_int_equal(block.messages[i].offset, seen++);
        }
        bus_block_release(consumer, &block);
    }
}

static void check_letter(struct fixture *fixture, struct bus_reader *reader, struct bytes key,
                         struct bytes value)
{
    struct why why = {0};
    struct bus_block letters = {0};
    for (int64_t end = clock_mono_ms() + WAIT_MS; letters.count == 0 && clock_mono_ms() < end;)
        assert_ok(bus_reader_poll(reader, 1, 100, &letters, NULL, &why), &why);
    assert_int_equal(letters.count, 1);
    assert_true(bytes_equal(letters.messages[0].value, value));
    assert_true(bytes_equal(letters.messages[0].key, key));
    const char *const expected[][2] = {{"dlq.topic", fixture->in},
                                       {"dlq.offset", "0"},
                                       {"dlq.code", "bad-thing"},
                                       {"dlq.reason", "it is bad"},
                                       {"dlq.program", "system-bus"}};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct bytes text = {0};
        assert_true(bus_message_header(&letters.messages[0], expected[i][0], &text));
        assert_true(bytes_equal_string(text, expected[i][1]));
    }
}

static void a_dead_letter_has_the_bytes_and_the_reason(void **state)
{
    struct fixture *fixture = *state;
    struct why why = {0};
    fill(fixture, 1);
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = producer_of(fixture, 0);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *consumer = consumer_of(fixture, fixture->group);
    struct bus_block block = {0};
    for (int64_t end = clock_mono_ms() + WAIT_MS; block.count == 0 && clock_mono_ms() < end;)
        assert_ok(bus_consumer_poll(consumer, 1, 100, &block, &why), &why);
    assert_int_equal(block.count, 1);
    struct why refusal = {0};
    IGNORE(why_code(&refusal, ERR_REJECT, "bad-thing", "it is bad"));
    assert_ok(bus_producer_begin(producer, &why), &why);
    assert_ok(bus_deadletter_send(producer, fixture->out, &block.messages[0], "system-bus",
                                  &refusal, &why),
              &why);
    // One that is sent when its message is gone.
    CLEANUP(text_done) struct text value = TEXT_INIT(1000), key = TEXT_INIT(1000);
    assert_int_equal(text_append(&value, block.messages[0].value.data, block.messages[0].value.len),
                     ERR_OK);
    assert_int_equal(text_append(&key, block.messages[0].key.data, block.messages[0].key.len),
                     ERR_OK);
    struct bus_record *kept CLEANUP(mem_free_p) =
        bus_deadletter_keep(fixture->out, &block.messages[0], "system-bus", &refusal);
    bus_block_release(consumer, &block);
    assert_ok(bus_producer_send(producer, kept, &why), &why);
    assert_ok(bus_producer_commit(producer, NULL, NULL, 0, &why), &why);
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    const struct bus_reader_options all = {
        .topic = fixture->out, .partition = BUS_ALL_PARTITIONS, .from = BUS_OFFSET_BEGINNING};
    assert_ok(bus_reader_open(&fixture->config, &all, &reader, &why), &why);
    for (int letter = 0; letter < 2; letter++)
        check_letter(fixture, reader, text_bytes(&key), text_bytes(&value));
}

static void a_paused_partition_gives_nothing_until_it_is_continued(void **state)
{
    enum { ALL = 300, QUIET_POLLS = 5 };
    struct fixture *fixture = *state;
    struct why why = {0};
    fill(fixture, ALL);
    CLEANUP(bus_consumer_close_p)
    struct bus_consumer *consumer = consumer_of(fixture, fixture->group);
    int64_t next[PARTITIONS] = {0};
    int32_t paused = -1;
    int taken = 0, quiet = 0;
    bool was_paused = false;
    for (int64_t end = clock_mono_ms() + WAIT_MS; taken < ALL;) {
        assert_true(clock_mono_ms() < end);
        struct bus_block block;
        assert_ok(bus_consumer_poll(consumer, 5, 100, &block, &why), &why);
        for (size_t i = 0; i < block.count; i++) {
            assert_int_not_equal(block.messages[i].partition, paused);
            assert_int_equal(block.messages[i].offset, next[block.messages[i].partition]++);
        }
        taken += (int)block.count;
        quiet = block.count == 0 ? quiet + 1 : 0;
        if (paused < 0 && !was_paused && block.count > 0) {
            paused = block.messages[0].partition;
            was_paused = true;
            assert_ok(bus_consumer_pause(consumer, fixture->in, paused, true, &why), &why);
        } else if (paused >= 0 && quiet == QUIET_POLLS) {
            assert_ok(bus_consumer_pause(consumer, fixture->in, paused, false, &why), &why);
            paused = -1;
        }
        bus_block_release(consumer, &block);
    }
    assert_true(was_paused && paused < 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_paused_partition_gives_nothing_until_it_is_continued),
        TEST(only_what_is_committed_is_seen),
        TEST(the_end_is_not_reached_while_an_older_transaction_hides_it),
        TEST(the_end_behind_open_transactions_is_told),
        TEST(a_second_owner_of_the_id_fences_the_first),
        TEST(whose_the_id_is_can_be_asked_and_leaves_nothing),
        TEST(a_transaction_that_slept_is_given_up_and_the_next_one_works),
        TEST(fenced_behind_the_time_out_is_no_rival),
        TEST(offsets_and_their_metadata_travel_with_the_transaction),
        TEST(offsets_that_went_back_are_not_started_from),
        TEST(a_member_whose_place_was_taken_hears_of_it_also_while_it_waits),
        TEST(the_owner_of_a_place_takes_it_back),
        TEST(partitions_are_given_again_before_they_have_stopped),
        TEST(a_group_without_offsets_is_refused_with_the_remedy),
        TEST(keeping_alive_and_seeking_lose_no_record),
        TEST(a_dead_letter_has_the_bytes_and_the_reason),
    };
    program_init(10000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
