// SPDX-License-Identifier: MIT
#include "bus/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "bus/client.h"

// A consumer that assigns itself partitions and commits nothing. Partition EOF events tell where it
// stands, behind control records, which no offset of a record would. An EOF alone is no end: while
// somebody's transaction is open it comes in front of everything that was committed behind that
// transaction's first record. So at a partition's first EOF the high watermark is noted, and the
// end is the first EOF that has reached it.
//
// An offset outside of a partition would be answered by a jump (auto.offset.reset), and nobody
// would know: so offsets are compared with the bounds before they are assigned.

enum { BLOCK_MAX = 10000, ASK_MS = 10000, ENDED = -1 };

struct bus_reader {
    struct bus_opaque opaque; // first: the log callback looks for it here
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    char *topic;
    int wait_ms;
    int partitions; // assigned
    int64_t from;   // records before it are none of ours; negative: all are
    struct bus_position *gaps;
    size_t gap_count;
    int64_t *ends; // by partition number; 0: not yet known, ENDED: passed
    int ended;
    int32_t highest;
    rd_kafka_message_t **taken;
    size_t taken_count;
    struct bus_message *messages;
};

static enum err client_open(struct bus_reader *reader, const struct bus_config *config,
                            struct why *why)
{
    static const struct bus_pair pairs[] = {
        {"group.id", "retentionai-reader"}, // librdkafka wants one; nothing is joined or committed
        {"enable.auto.commit", "false"},         {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},   {"enable.partition.eof", "true"},
        {"auto.offset.reset", "earliest"},       {"fetch.wait.max.ms", "20"},
        {"queued.max.messages.kbytes", "16384"}, {"queued.min.messages", "10000000"},
        {"message.max.bytes", "2000000"},
    };
    rd_kafka_conf_t *conf = NULL;
    enum err err = bus_conf_new(config, pairs, ARRAY_LEN(pairs), reader, &conf, why);
    if (err != ERR_OK)
        return err;
    bus_conf_set_if_known(conf, "fetch.queue.backoff.ms", "1");
    err = bus_client_new(RD_KAFKA_CONSUMER, &conf, &reader->rk, why);
    if (err != ERR_OK)
        return err;
    rd_kafka_poll_set_consumer(reader->rk);
    reader->queue = rd_kafka_queue_get_consumer(reader->rk);
    return ERR_OK;
}

// Puts each partition's beginning inside of what it has.
static enum err fit(struct bus_reader *reader, rd_kafka_topic_partition_list_t *list, int64_t from,
                    struct why *why)
{
    int64_t longest = 0;
    reader->from = from;
    reader->gaps = mem_array((size_t)list->cnt, sizeof *reader->gaps);
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *entry = &list->elems[i];
        int64_t first = 0, end = 0;
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            reader->rk, reader->topic, entry->partition, &first, &end, reader->wait_ms);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return bus_fail(code, reader->topic, why);
        if (from < first)
            reader->gaps[reader->gap_count++] = (struct bus_position){
                .topic = reader->topic, .partition = entry->partition, .offset = first};
        entry->offset = from < first ? first : from > end ? end : from;
        longest = end > longest ? end : longest;
    }
    if (from <= longest)
        return ERR_OK;
    if (list->cnt == 1)
        return why_say(why, ERR_FATAL,
                       "topic %s, partition %d ends at offset %" PRId64 ": there is no offset "
                       "%" PRId64 " to begin at",
                       reader->topic, list->elems[0].partition, longest, from);
    return why_say(why, ERR_FATAL,
                   "topic %s has no offset %" PRId64
                   " to begin at: the longest of its partitions ends at "
                   "%" PRId64,
                   reader->topic, from, longest);
}

static enum err start(struct bus_reader *reader, rd_kafka_topic_partition_list_t *list,
                      int64_t from, int64_t from_time_ms, struct why *why)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    reader->from = -1;
    if (from_time_ms > 0) {
        code = rd_kafka_offsets_for_times(reader->rk, list, reader->wait_ms);
    } else if (from >= 0) {
        enum err err = fit(reader, list, from, why);
        if (err != ERR_OK)
            return err;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = bus_assign(reader->rk, list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK
                                              : bus_fail(code, "cannot start reading", why);
}

static enum err assign(struct bus_reader *reader, const struct bus_reader_options *options,
                       struct why *why)
{
    const int32_t partition = options->partition;
    int32_t count = 0;
    enum err err = bus_count_partitions(reader->rk, reader->topic, reader->wait_ms, &count, why);
    if (err == ERR_OK && count == 0)
        err = bus_no_topic(reader->topic, why);
    if (err != ERR_OK)
        return err;
    if (partition >= count)
        return why_code(why, ERR_FATAL, "no-partition",
                        "topic %s has %d partitions, there is no number %d", reader->topic, count,
                        partition);
    reader->highest = count;
    reader->ends = mem_zalloc((size_t)count * sizeof *reader->ends);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        if (partition != BUS_ALL_PARTITIONS && partition != i)
            continue;
        rd_kafka_topic_partition_list_add(list, reader->topic, i)->offset =
            options->from_time_ms > 0 ? options->from_time_ms : options->from;
        reader->partitions++;
    }
    err = start(reader, list, options->from, options->from_time_ms, why);
    rd_kafka_topic_partition_list_destroy(list);
    return err;
}

enum err bus_reader_open(const struct bus_config *config, const struct bus_reader_options *options,
                         struct bus_reader **ret, struct why *why)
{
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = mem_zalloc(sizeof *reader);
    reader->opaque.log = config->log;
    reader->topic = mem_dup(options->topic);
    reader->wait_ms = options->wait_ms > 0 ? (int)options->wait_ms : ASK_MS;
    reader->taken = mem_array(BLOCK_MAX, sizeof(rd_kafka_message_t *));
    reader->messages = mem_array(BLOCK_MAX, sizeof *reader->messages);
    enum err err = client_open(reader, config, why);
    if (err == ERR_OK)
        err = assign(reader, options, why);
    if (err != ERR_OK)
        return err;
    *ret = TAKE(reader);
    return ERR_OK;
}

static void release_taken(struct bus_reader *reader)
{
    for (size_t i = 0; i < reader->taken_count; i++)
        rd_kafka_message_destroy(reader->taken[i]);
    reader->taken_count = 0;
}

void bus_reader_close(struct bus_reader *reader)
{
    if (reader == NULL)
        return;
    release_taken(reader);
    if (reader->queue != NULL)
        rd_kafka_queue_destroy(reader->queue);
    if (reader->rk != NULL) {
        rd_kafka_consumer_close(reader->rk);
        rd_kafka_destroy(reader->rk);
    }
    free(reader->taken);
    free(reader->messages);
    free(reader->ends);
    free(reader->gaps);
    free(reader->topic);
    free(reader);
}

size_t bus_reader_gaps(const struct bus_reader *reader, const struct bus_position **ret)
{
    *ret = reader->gaps;
    return reader->gap_count;
}

static void take_eof(struct bus_reader *reader, int32_t partition, int64_t offset)
{
    if (partition >= reader->highest || reader->ends[partition] == ENDED)
        return;
    int64_t first = 0, end = 0;
    // The client's own note of the last fetch, taken after the reader opened: no request.
    if (reader->ends[partition] == 0 &&
        rd_kafka_get_watermark_offsets(reader->rk, reader->topic, partition, &first, &end) ==
            RD_KAFKA_RESP_ERR_NO_ERROR)
        reader->ends[partition] = end;
    if (offset >= reader->ends[partition]) {
        reader->ends[partition] = ENDED;
        reader->ended++;
    }
}

static enum err take_event(struct bus_reader *reader, const rd_kafka_message_t *message,
                           struct why *why)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        take_eof(reader, message->partition, message->offset);
        return ERR_OK;
    }
    return why_say(why, bus_verdict(message->err), "%s: %s", reader->topic,
                   rd_kafka_message_errstr(message));
}

enum err bus_reader_poll(struct bus_reader *reader, size_t max, int64_t wait_ms,
                         struct bus_block *ret, bool *ret_at_end, struct why *why)
{
    release_taken(reader);
    size_t got =
        bus_fetch(reader->queue, reader->taken, max < BLOCK_MAX ? max : BLOCK_MAX, wait_ms);
    enum err err = ERR_OK;
    size_t count = 0;
    reader->taken_count = got;
    for (size_t i = 0; i < reader->taken_count; i++) {
        const rd_kafka_message_t *message = reader->taken[i];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            err = err == ERR_OK ? take_event(reader, message, why) : err;
        else if (message->offset >= reader->from)
            bus_message_fill(&reader->messages[count++], reader->topic, message);
    }
    *ret = (struct bus_block){.messages = reader->messages, .count = count};
    if (ret_at_end != NULL)
        *ret_at_end = reader->ended == reader->partitions;
    return err == ERR_RETRY && count > 0 ? ERR_OK : err;
}

void bus_reader_release(struct bus_reader *reader, struct bus_block *block)
{
    release_taken(reader);
    *block = (struct bus_block){0};
}
