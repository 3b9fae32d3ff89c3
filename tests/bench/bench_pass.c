// SPDX-License-Identifier: MIT
// The floor of the scoring worker: records from one topic to another by librdkafka alone, with the
// settings that a lane's consumer and producer have, and as many bytes out as a prediction has.
// INTERVAL 0: an idempotent producer, and offsets committed now and then; else transactions that
// are open so long, stop and wait: nothing is read while one is being committed. It goes on where
// its group was, or from the beginning, until SIGTERM.
//
// `load` fills the topic: COUNT records, whose event ids are written over so that none comes twice.
//
// What has come out is counted by tests/bench/worker, as it is for all sides.

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "cases.h"

enum { BLOCK = 2000, ID_LEN = 36, ID_AT = 6, VALUE_MAX = 4096, WAIT_MS = 60000, IDLE_MS = 50 };

static atomic_bool is_over;

static void on_signal(int number)
{
    (void)number;
    atomic_store(&is_over, true);
}

static void fail(const char *what, const char *more)
{
    fprintf(stderr, "bench-pass: %s%s%s\n", what, more[0] == '\0' ? "" : ": ", more);
    exit(1);
}

static void must(rd_kafka_resp_err_t code, const char *what)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail(what, rd_kafka_err2str(code));
}

static void must_do(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL)
        fail(what, rd_kafka_error_string(error));
}

// ---- clients

typedef const char *const pairs[][2];

static rd_kafka_conf_t *conf_of(const char *servers, pairs given, size_t count)
{
    static pairs common = {{"client.id", "bench-pass"}, {"socket.nagle.disable", "true"}};
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool is_set = rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text) ==
                  RD_KAFKA_CONF_OK;
    for (size_t i = 0; i < ARRAY_LEN(common) + count; i++) {
        const char *const *pair = i < count ? given[i] : common[i - count];
        is_set = is_set &&
                 rd_kafka_conf_set(conf, pair[0], pair[1], text, sizeof text) == RD_KAFKA_CONF_OK;
    }
    if (!is_set)
        fail("a property is not accepted", text);
    // Not in every version.
    IGNORE(rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "1", text, sizeof text));
    return conf;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk, (void)opaque;
    must(message->err, "a record was not delivered");
}

static rd_kafka_t *open_producer(const char *servers, const char *transactional_id)
{
    pairs producing = {{"enable.idempotence", "true"},
                       {"acks", "all"},
                       {"linger.ms", "5"},
                       {"queue.buffering.max.kbytes", "65536"},
                       {"queue.buffering.max.messages", "1000000"},
                       {"batch.num.messages", "10000"},
                       {"message.max.bytes", "1110000"},
                       {"partitioner", "murmur2_random"},
                       {"transactional.id", transactional_id == NULL ? "" : transactional_id}};
    char text[256];
    rd_kafka_conf_t *conf =
        conf_of(servers, producing, ARRAY_LEN(producing) - (transactional_id == NULL));
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (rk == NULL)
        fail("no producer", text);
    if (transactional_id != NULL)
        must_do(rd_kafka_init_transactions(rk, WAIT_MS), "no transactions");
    return rk;
}

static rd_kafka_t *open_consumer(const char *servers, const char *group, const char *topic)
{
    pairs reading = {{"group.id", group},
                     {"enable.auto.commit", "false"},
                     {"enable.auto.offset.store", "false"},
                     {"auto.offset.reset", "earliest"},
                     {"isolation.level", "read_committed"},
                     {"partition.assignment.strategy", "range"},
                     {"fetch.wait.max.ms", "20"},
                     {"fetch.error.backoff.ms", "20"},
                     {"fetch.max.bytes", "2097152"},
                     {"fetch.message.max.bytes", "524288"},
                     {"receive.message.max.bytes", "20000000"},
                     {"queued.min.messages", "10000000"},
                     {"queued.max.messages.kbytes", "4096"}};
    char text[256];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf_of(servers, reading, ARRAY_LEN(reading)),
                                  text, sizeof text);
    if (rk == NULL)
        fail("no consumer", text);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    must(rd_kafka_subscribe(rk, list), "cannot subscribe");
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

// As long as the queue is full.
static void put(rd_kafka_t *producer, rd_kafka_topic_t *topic, const void *key, size_t key_len,
                const void *value, size_t value_len)
{
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                            (void *)(uintptr_t)value, value_len, key, key_len, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            must(rd_kafka_last_error(), "not taken by the producer");
        rd_kafka_poll(producer, 10);
    }
}

// ---- load

static int run_load(char **arguments)
{
    struct cases cases;
    int64_t count = 0, first = 0;
    if (parse_i64(bytes_from_string(arguments[2]), 1, INT64_MAX, &count, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(arguments[3]), 0, INT64_MAX, &first, NULL) != ERR_OK ||
        !cases_read(arguments[4], &cases))
        fail("wrong arguments", "");
    rd_kafka_t *producer = open_producer(arguments[0], NULL);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, arguments[1], NULL);
    for (int64_t i = first; i < first + count; i++) {
        const struct case_ *one = &cases.list[(size_t)i % cases.count];
        char value[VALUE_MAX], id[ID_LEN + 1], key[24];
        snprintf(id, sizeof id, "00000000-0000-4000-8000-%012" PRIx64, (uint64_t)i);
        snprintf(key, sizeof key, "%010" PRId64, INT64_C(1000000) + i % (int64_t)cases.count);
        if (one->len > sizeof value)
            fail("a message is too long", "");
        memcpy(value, one->bytes, one->len);
        memcpy(value + ID_AT, id, ID_LEN);
        put(producer, topic, key, strlen(key), value, one->len);
        if (i % 1000 == 0)
            rd_kafka_poll(producer, 0);
    }
    must(rd_kafka_flush(producer, WAIT_MS), "not all was sent");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    cases_free(&cases);
    return 0;
}

// ---- pass

struct pass {
    rd_kafka_t *producer, *consumer;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *out;
    rd_kafka_topic_partition_list_t *next;
    const char *in;
    size_t bytes;
    int64_t interval_ms;
    bool is_open;
    int64_t opened_ms;
};

// Messages of a partition come in runs.
static void take_places(struct pass *pass, rd_kafka_message_t **messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (messages[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR ||
            (i + 1 < count && messages[i + 1]->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
             messages[i + 1]->partition == messages[i]->partition))
            continue;
        rd_kafka_topic_partition_t *place =
            rd_kafka_topic_partition_list_find(pass->next, pass->in, messages[i]->partition);
        if (place == NULL)
            place = rd_kafka_topic_partition_list_add(pass->next, pass->in, messages[i]->partition);
        place->offset = messages[i]->offset + 1;
    }
}

static void commit(struct pass *pass)
{
    if (pass->interval_ms == 0) {
        must(rd_kafka_commit(pass->consumer, pass->next, 1), "offsets were not committed");
    } else {
        rd_kafka_consumer_group_metadata_t *group =
            rd_kafka_consumer_group_metadata(pass->consumer);
        must(rd_kafka_flush(pass->producer, WAIT_MS), "not all was sent");
        must_do(rd_kafka_send_offsets_to_transaction(pass->producer, pass->next, group, WAIT_MS),
                "offsets were not sent");
        must_do(rd_kafka_commit_transaction(pass->producer, WAIT_MS), "not committed");
        rd_kafka_consumer_group_metadata_destroy(group);
    }
    rd_kafka_topic_partition_list_destroy(pass->next);
    pass->next = rd_kafka_topic_partition_list_new(64);
    pass->is_open = false;
}

static void turn(struct pass *pass)
{
    enum { COMMIT_MS = 1000 }; // without transactions
    static uint8_t value[VALUE_MAX];
    rd_kafka_message_t *messages[BLOCK];
    // A call that may wait for more does so although it has some already.
    ssize_t count =
        rd_kafka_consume_batch_queue(pass->queue, pass->is_open ? 1 : IDLE_MS, messages, 1);
    if (count > 0) {
        ssize_t more = rd_kafka_consume_batch_queue(pass->queue, 0, messages + 1, BLOCK - 1);
        count += more > 0 ? more : 0;
    }
    if (count > 0 && !pass->is_open) {
        if (pass->interval_ms > 0)
            must_do(rd_kafka_begin_transaction(pass->producer), "no transaction");
        pass->is_open = true;
        pass->opened_ms = clock_mono_ms();
    }
    for (ssize_t i = 0; i < count; i++)
        if (messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            put(pass->producer, pass->out, messages[i]->key, messages[i]->key_len, value,
                pass->bytes);
        else if (messages[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            must(messages[i]->err, "cannot read");
    take_places(pass, messages, count > 0 ? (size_t)count : 0);
    for (ssize_t i = 0; i < count; i++)
        rd_kafka_message_destroy(messages[i]);
    rd_kafka_poll(pass->producer, 0);
    int64_t most_ms = pass->interval_ms > 0 ? pass->interval_ms : COMMIT_MS;
    if (pass->is_open && clock_mono_ms() - pass->opened_ms >= most_ms)
        commit(pass);
}

static int run_pass(char **arguments)
{
    const char *servers = arguments[0], *group = arguments[3];
    int64_t bytes = 0;
    struct pass pass = {.in = arguments[1]};
    if (parse_i64(bytes_from_string(arguments[4]), 1, VALUE_MAX, &bytes, NULL) != ERR_OK ||
        parse_i64(bytes_from_string(arguments[5]), 0, 60000, &pass.interval_ms, NULL) != ERR_OK)
        fail("wrong arguments", "");
    pass.bytes = (size_t)bytes;
    pass.producer = open_producer(servers, pass.interval_ms > 0 ? group : NULL);
    pass.consumer = open_consumer(servers, group, pass.in);
    pass.queue = rd_kafka_queue_get_consumer(pass.consumer);
    pass.out = rd_kafka_topic_new(pass.producer, arguments[2], NULL);
    pass.next = rd_kafka_topic_partition_list_new(64);
    while (!atomic_load(&is_over))
        turn(&pass);
    must(rd_kafka_flush(pass.producer, WAIT_MS), "not all was sent");
    if (pass.is_open)
        commit(&pass);
    rd_kafka_topic_partition_list_destroy(pass.next);
    rd_kafka_topic_destroy(pass.out);
    rd_kafka_queue_destroy(pass.queue);
    rd_kafka_consumer_close(pass.consumer);
    rd_kafka_destroy(pass.consumer);
    rd_kafka_destroy(pass.producer);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGTERM, on_signal);
    if (argc == 7 && strcmp(argv[1], "load") == 0)
        return run_load(argv + 2);
    if (argc == 8 && strcmp(argv[1], "pass") == 0)
        return run_pass(argv + 2);
    fprintf(stderr, "usage: bench-pass load BROKERS TOPIC COUNT FIRST MESSAGES-FILE\n"
                    "       bench-pass pass BROKERS IN OUT GROUP BYTES INTERVAL-MS\n");
    return 2;
}
