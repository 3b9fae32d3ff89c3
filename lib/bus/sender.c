// SPDX-License-Identifier: MIT
#include "bus/sender.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bus/client.h"
#include "bus/partition.h"

// librdkafka's queue is the queue, and its threads do the sending; the one thread here serves the
// delivery reports, asks for what must be known of the topics, and makes the client again where it
// has failed for good (an idempotent producer does when the broker has lost what it knew of it). A
// place is counted before anything else is looked at, so that whoever drains sees every record that
// may still be taken.

enum {
    POLL_MS = 50,
    ASK_MS = 300,        // for a topic's partitions, on the thread that serves reports
    ASK_AGAIN_MS = 500,  // while one is not known
    REBUILD_MS = 1000,   // between tries
    PURGE_MS = 1000,     // for the reports of what was given up, which come at once
    RECORD_BYTES = 1000, // of headers and bookkeeping, beside what queue_bytes counts
};

struct topic {
    char *name;
    atomic_int partitions; // 0: not known
    atomic_bool is_absent;
};

struct bus_sender {
    struct bus_opaque opaque; // first: the log callback looks for it here
    char *bootstrap_servers, *client_id;
    char **properties;
    struct bus_config own_config; // of the copies above
    struct bus_sender_options options;
    struct topic *topics;
    pthread_rwlock_t lock; // of rk: read to send, written where it is made again
    rd_kafka_t *rk;        // NULL: could not be made again
    pthread_t thread;
    bool is_started;
    int64_t opened_ms, ask_at_ms, rebuild_at_ms;
    atomic_size_t pending;
    atomic_ullong produce_requests; // written whole to a broker, by any client
    atomic_bool drains, closes;
    pthread_mutex_t idle_lock;
    pthread_cond_t idle;
};

// Who waits for a record. librdkafka's word that one was not persisted is not enough to send it
// again: it says so when a broker that is stopping answers NOT_LEADER or a storage error, which it
// also does to what it has already appended. So what counts is whether any request that could have
// held the record has left since it was taken.
struct waiter {
    unsigned long long produce_requests; // when it was taken
    bus_sent_fn *sent;
    void *context;
};

static void forget_place(struct bus_sender *sender)
{
    if (atomic_fetch_sub(&sender->pending, 1) > 1 || !atomic_load(&sender->drains))
        return;
    pthread_mutex_lock(&sender->idle_lock);
    pthread_cond_broadcast(&sender->idle);
    pthread_mutex_unlock(&sender->idle_lock);
}

static enum err verdict_of(rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    bool is_for_good =
        code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG;
    return is_for_good ? ERR_REJECT : ERR_RETRY;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct bus_sender *sender = opaque;
    struct waiter waiter = *(struct waiter *)message->_private;
    const struct bus_sent sent = {
        .err = verdict_of(message->err),
        .may_be_there = verdict_of(message->err) == ERR_RETRY &&
                        atomic_load(&sender->produce_requests) != waiter.produce_requests,
        .partition = message->partition,
        .offset = message->offset,
        .because =
            message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? NULL : rd_kafka_err2str(message->err),
    };
    free(message->_private);
    waiter.sent(waiter.context, &sent);
    forget_place(sender);
}

static rd_kafka_resp_err_t on_response(rd_kafka_t *rk, int fd, const char *broker, int32_t id,
                                       int16_t key, int16_t version, int32_t correlation,
                                       size_t size, int64_t took, rd_kafka_resp_err_t code,
                                       void *opaque)
{
    (void)rk, (void)fd, (void)broker, (void)id, (void)key, (void)version, (void)correlation;
    (void)size, (void)took;
    struct bus_sender *sender = opaque;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        atomic_store(&sender->opaque.answered_ms, clock_mono_ms());
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_request(rd_kafka_t *rk, int fd, const char *broker, int32_t id,
                                      int16_t key, int16_t version, int32_t correlation,
                                      size_t size, void *opaque)
{
    enum { PRODUCE = 0 };
    (void)rk, (void)fd, (void)broker, (void)id, (void)version, (void)correlation, (void)size;
    struct bus_sender *sender = opaque;
    if (key == PRODUCE)
        atomic_fetch_add(&sender->produce_requests, 1);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *text, size_t size)
{
    (void)conf, (void)text, (void)size;
    rd_kafka_resp_err_t code =
        rd_kafka_interceptor_add_on_request_sent(rk, "requests", on_request, opaque);
    return code != RD_KAFKA_RESP_ERR_NO_ERROR
               ? code
               : rd_kafka_interceptor_add_on_response_received(rk, "answers", on_response, opaque);
}

static enum err client_open(struct bus_sender *sender, rd_kafka_t **ret, struct why *why)
{
    const struct bus_sender_options *options = &sender->options;
    char give_up[24], linger[32], kbytes[24], records[24];
    int64_t bytes = options->queue_bytes + (int64_t)options->queue_records * RECORD_BYTES;
    snprintf(give_up, sizeof give_up, "%lld", (long long)options->give_up_ms);
    snprintf(linger, sizeof linger, "%lld.%03lld", (long long)options->linger_us / 1000,
             (long long)options->linger_us % 1000);
    snprintf(kbytes, sizeof kbytes, "%lld", (long long)bytes / 1024);
    snprintf(records, sizeof records, "%zu", options->queue_records);
    const struct bus_pair pairs[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"message.timeout.ms", give_up},
        {"linger.ms", linger},
        {"queue.buffering.max.kbytes", kbytes},
        {"queue.buffering.max.messages", records},
        {"batch.num.messages", "10000"},
        {"message.max.bytes", "1110000"}, // as bus_producer's
        {"partitioner", "murmur2_random"},
        {"retry.backoff.ms", "20"},
    };
    rd_kafka_conf_t *conf = NULL;
    enum err err = bus_conf_new(&sender->own_config, pairs, ARRAY_LEN(pairs), sender, &conf, why);
    if (err != ERR_OK)
        return err;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_interceptor_add_on_new(conf, "answers", on_new, sender);
    return bus_client_new(RD_KAFKA_PRODUCER, &conf, ret, why);
}

// What it holds is given up, and told of.
static void client_close(rd_kafka_t *rk)
{
    IGNORE(rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT));
    IGNORE(rd_kafka_flush(rk, PURGE_MS)); // serves the reports of what was purged
    rd_kafka_destroy(rk);
}

// ---- the thread

static void ask_topics(struct bus_sender *sender)
{
    int64_t now_ms = clock_mono_ms();
    if (now_ms < sender->ask_at_ms)
        return;
    for (size_t i = 0; i < sender->options.topic_count && !atomic_load(&sender->closes); i++) {
        struct topic *topic = &sender->topics[i];
        int32_t count = 0;
        if (atomic_load(&topic->partitions) > 0)
            continue;
        sender->ask_at_ms = now_ms + ASK_AGAIN_MS;
        if (bus_count_partitions(sender->rk, topic->name, ASK_MS, &count, NULL) != ERR_OK)
            return; // no broker: nothing is known of the others, either
        atomic_store(&topic->is_absent, count == 0);
        atomic_store(&topic->partitions, count);
    }
}

static void rebuild(struct bus_sender *sender)
{
    rd_kafka_t *fresh = NULL, *old = NULL;
    struct why why = {0};
    if (clock_mono_ms() < sender->rebuild_at_ms)
        return;
    sender->rebuild_at_ms = clock_mono_ms() + REBUILD_MS;
    if (client_open(sender, &fresh, &why) != ERR_OK && sender->opaque.log != NULL)
        sender->opaque.log(3, "SENDER", why.text);
    pthread_rwlock_wrlock(&sender->lock);
    old = sender->rk;
    sender->rk = fresh;
    pthread_rwlock_unlock(&sender->lock);
    if (old != NULL)
        client_close(old);
}

static void nap(int64_t ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

static void *serve(void *argument)
{
    struct bus_sender *sender = argument;
    while (!atomic_load(&sender->closes)) {
        // Only this thread replaces the client, so it needs no lock to use it.
        if (sender->rk == NULL) {
            nap(POLL_MS);
            rebuild(sender);
            continue;
        }
        IGNORE(rd_kafka_poll(sender->rk, POLL_MS)); // the number of reports served
        ask_topics(sender);
        char text[256];
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(sender->rk, text, sizeof text);
        if (fatal == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        if (sender->opaque.log != NULL)
            sender->opaque.log(4, "SENDER", text);
        rebuild(sender);
    }
    return NULL;
}

// ---- opening and closing

static void copy_options(struct bus_sender *sender, const struct bus_config *config,
                         const struct bus_sender_options *options)
{
    sender->opaque.log = config->log;
    sender->bootstrap_servers = mem_dup(config->bootstrap_servers);
    sender->client_id = mem_dup(config->client_id);
    sender->properties = bus_properties_copy(config->properties);
    sender->own_config = (struct bus_config){sender->bootstrap_servers, sender->client_id,
                                             sender->properties, config->log};
    sender->options = *options;
    sender->options.topics = NULL;
    sender->topics = mem_array(options->topic_count, sizeof *sender->topics);
    for (size_t i = 0; i < options->topic_count; i++)
        sender->topics[i].name = mem_dup(options->topics[i]);
    if (sender->options.give_up_ms <= 0)
        sender->options.give_up_ms = 10000;
    if (sender->options.away_ms <= 0)
        sender->options.away_ms = 3000;
    if (sender->options.queue_records == 0)
        sender->options.queue_records = 20000;
    if (sender->options.queue_bytes <= 0)
        sender->options.queue_bytes = 16 * 1024 * 1024;
}

enum err bus_sender_open(const struct bus_config *config, const struct bus_sender_options *options,
                         struct bus_sender **ret, struct why *why)
{
    CLEANUP(bus_sender_close_p) struct bus_sender *sender = mem_zalloc(sizeof *sender);
    pthread_rwlock_init(&sender->lock, NULL);
    pthread_mutex_init(&sender->idle_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sender->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    copy_options(sender, config, options);
    sender->opened_ms = clock_mono_ms();
    enum err err = client_open(sender, &sender->rk, why);
    if (err != ERR_OK)
        return err;
    if (pthread_create(&sender->thread, NULL, serve, sender) != 0)
        return why_say(why, ERR_FATAL, "cannot start a thread");
    sender->is_started = true;
    *ret = TAKE(sender);
    return ERR_OK;
}

void bus_sender_close(struct bus_sender *sender)
{
    if (sender == NULL)
        return;
    atomic_store(&sender->drains, true);
    atomic_store(&sender->closes, true);
    if (sender->is_started)
        pthread_join(sender->thread, NULL);
    if (sender->rk != NULL)
        client_close(sender->rk);
    for (size_t i = 0; i < sender->options.topic_count; i++)
        free(sender->topics[i].name);
    free(sender->topics);
    bus_properties_free(sender->properties);
    free(sender->bootstrap_servers);
    free(sender->client_id);
    pthread_cond_destroy(&sender->idle);
    pthread_mutex_destroy(&sender->idle_lock);
    pthread_rwlock_destroy(&sender->lock);
    free(sender);
}

enum err bus_sender_drain(struct bus_sender *sender, int64_t wait_ms, struct why *why)
{
    int64_t end_ns = clock_mono_ns() + wait_ms * 1000000;
    const struct timespec end = {.tv_sec = end_ns / 1000000000, .tv_nsec = end_ns % 1000000000};
    atomic_store(&sender->drains, true);
    int timed_out = 0;
    pthread_mutex_lock(&sender->idle_lock);
    while (atomic_load(&sender->pending) > 0 && timed_out == 0)
        timed_out = pthread_cond_timedwait(&sender->idle, &sender->idle_lock, &end);
    pthread_mutex_unlock(&sender->idle_lock);
    size_t left = atomic_load(&sender->pending);
    return left == 0 ? ERR_OK : why_say(why, ERR_RETRY, "%zu records are still on their way", left);
}

// ---- sending

static struct topic *find_topic(struct bus_sender *sender, const char *name)
{
    for (size_t i = 0; i < sender->options.topic_count; i++)
        if (strcmp(sender->topics[i].name, name) == 0)
            return &sender->topics[i];
    return NULL;
}

int32_t bus_sender_partitions(struct bus_sender *sender, const char *topic)
{
    struct topic *found = find_topic(sender, topic);
    return found == NULL ? 0 : atomic_load(&found->partitions);
}

size_t bus_sender_pending(struct bus_sender *sender)
{
    return atomic_load(&sender->pending);
}

// The brokers are away: the sentence of it.
static bool is_away(struct bus_sender *sender, struct why *why)
{
    int64_t answered_ms = atomic_load(&sender->opaque.answered_ms);
    int64_t down_ms = atomic_load(&sender->opaque.all_down_ms);
    int64_t now_ms = clock_mono_ms();
    if (answered_ms != 0 && (down_ms <= answered_ms || now_ms - down_ms < sender->options.away_ms))
        return false;
    int64_t since_ms = now_ms - (answered_ms == 0 ? sender->opened_ms : down_ms);
    IGNORE(why_code(why, ERR_RETRY, "kafka-away",
                    "waiting for Kafka at %.150s: no broker could be reached for %lld s",
                    sender->bootstrap_servers, (long long)since_ms / 1000)); // the words count
    return true;
}

static enum err say_unknown(struct bus_sender *sender, struct topic *topic, struct why *why)
{
    if (atomic_load(&topic->is_absent))
        return why_code(why, ERR_RETRY, "no-topic",
                        "topic %s does not exist: run retentionctl topics apply", topic->name);
    return why_code(why, ERR_RETRY, "kafka-away",
                    "waiting for Kafka at %.150s: it has not yet told of topic %.100s",
                    sender->bootstrap_servers, topic->name);
}

bool bus_sender_is_connected(struct bus_sender *sender, struct why *why)
{
    if (is_away(sender, why))
        return false;
    for (size_t i = 0; i < sender->options.topic_count; i++)
        if (atomic_load(&sender->topics[i].partitions) == 0) {
            IGNORE(say_unknown(sender, &sender->topics[i], why)); // its words are what counts
            return false;
        }
    return true;
}

static enum err say_refused(rd_kafka_resp_err_t code, const struct bus_record *record,
                            struct why *why)
{
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return why_code(why, ERR_REJECT, "too-large", "a record of %zu bytes is too large for %s",
                        record->value.len, record->topic);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return why_code(why, ERR_RETRY, "queue-full", "the queue of records to send is full");
    return why_say(why, ERR_RETRY, "cannot send to %s: %s", record->topic, rd_kafka_err2str(code));
}

static enum err enqueue(struct bus_sender *sender, const struct bus_record *record,
                        int32_t partition, struct waiter *waiter, struct why *why)
{
    rd_kafka_headers_t *headers = bus_headers_of(record);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__STATE; // a client that is being made again
    pthread_rwlock_rdlock(&sender->lock);
    if (sender->rk != NULL)
        code = bus_enqueue(sender->rk, record, partition, headers, waiter);
    pthread_rwlock_unlock(&sender->lock);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ERR_OK;
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    return say_refused(code, record, why);
}

// With a place already counted.
static enum err take(struct bus_sender *sender, const struct bus_record *record, bus_sent_fn *sent,
                     void *context, struct why *why)
{
    struct topic *topic = find_topic(sender, record->topic);
    if (topic == NULL)
        return why_say(why, ERR_FATAL, "this sender was not opened for topic %s", record->topic);
    if (atomic_load(&sender->drains))
        return why_code(why, ERR_RETRY, "stopping", "no more records are taken");
    if (is_away(sender, why))
        return ERR_RETRY;
    int32_t count = atomic_load(&topic->partitions);
    if (count == 0)
        return say_unknown(sender, topic, why);
    struct waiter *waiter = mem_zalloc(sizeof *waiter);
    *waiter = (struct waiter){atomic_load(&sender->produce_requests), sent, context};
    int32_t partition =
        record->partition < 0 ? bus_partition(record->key, count) : record->partition;
    enum err err = enqueue(sender, record, partition, waiter, why);
    if (err != ERR_OK)
        free(waiter);
    return err;
}

enum err bus_sender_send(struct bus_sender *sender, const struct bus_record *record,
                         bus_sent_fn *sent, void *context, struct why *why)
{
    enum err err = ERR_RETRY;
    if (atomic_fetch_add(&sender->pending, 1) >= sender->options.queue_records)
        err = say_refused(RD_KAFKA_RESP_ERR__QUEUE_FULL, record, why);
    else
        err = take(sender, record, sent, context, why);
    if (err != ERR_OK)
        forget_place(sender);
    return err;
}
