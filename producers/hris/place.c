// SPDX-License-Identifier: MIT
// The whole partition is read, and only the source's last record is decoded: the topic is compacted
// and small. Whoever reads has fenced every earlier writer of this source, so what is committed now
// is all there will be until it writes itself; the reader's end is the high watermark, so a record
// of ours behind somebody else's open transaction is waited for and not overlooked.

#include "place.h"

#include <string.h>

#include "avro/encode.h"
#include "avro/frame.h"
#include "avro/program.h"
#include "avro/records.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/program.h"
#include "bus/reader.h"

enum { BLOCK_MESSAGES = 1000, POLL_MS = 200, SILENT_MS = 1000, VALUE_BYTES_MAX = 64 * 1024 };

// Leaves the latest value in `value` (empty: none, or a tombstone).
static enum err take_block(const struct place_options *options, const struct bus_block *block,
                           struct place *ret, struct text *value, struct why *why)
{
    for (size_t i = 0; i < block->count; i++) {
        const struct bus_message *message = &block->messages[i];
        if (!bytes_equal_string(message->key, options->source))
            continue;
        ret->offset = message->offset;
        text_clear(value);
        if (text_append(value, message->value.data, message->value.len) != ERR_OK)
            return why_say(why, ERR_REJECT, "it has more than %d bytes", VALUE_BYTES_MAX);
    }
    return ERR_OK;
}

static enum err read_latest(const struct place_options *options, struct place *ret,
                            struct text *value, struct why *why)
{
    CLEANUP(bus_reader_close_p) struct bus_reader *reader = NULL;
    const struct bus_reader_options from = {
        .topic = options->topic, .partition = options->partition, .from = BUS_OFFSET_BEGINNING};
    enum err err = bus_reader_open(options->bus, &from, &reader, why);
    bool is_at_end = false, has_spoken = false;
    for (int64_t begun_ms = clock_mono_ms(); err == ERR_OK && !is_at_end;) {
        struct bus_block block;
        if (!has_spoken && clock_mono_ms() - begun_ms > SILENT_MS) {
            log_info("waiting",
                     "topic=%s partition=%d for=\"the end of another source's open "
                     "transaction, or for brokers\"",
                     options->topic, options->partition);
            has_spoken = true;
        }
        if (program_is_stopping())
            return why_say(why, ERR_STOP, "stopped while the progress was read");
        err = bus_reader_poll(reader, BLOCK_MESSAGES, POLL_MS, &block, &is_at_end, why);
        if (err == ERR_OK)
            err = take_block(options, &block, ret, value, why);
        bus_reader_release(reader, &block);
    }
    return err;
}

static enum err decode(const struct place_options *options, struct bytes message,
                       struct progress *ret, struct why *why)
{
    uint32_t id = 0;
    struct bytes body;
    const char *schema = NULL;
    CLEANUP(avro_program_free_p) struct avro_program *program = NULL;
    struct value values[AVRO_PROGRESS_FIELDS];
    struct hris_progress record;
    enum err err = avro_frame_read(message, &id, &body, why);
    if (err == ERR_OK)
        err = registry_schema(options->registry, id, &schema, why);
    if (err == ERR_OK)
        err = avro_program_compile(bytes_from_string(schema), avro_progress_fields,
                                   AVRO_PROGRESS_FIELDS, &program, why);
    if (err == ERR_OK)
        err = avro_program_run(program, body, values, why);
    if (err == ERR_OK)
        err = avro_progress_from_values(values, &record, why);
    if (err == ERR_OK && record.content_hash.len >= sizeof ret->content_hash)
        err = why_say(why, ERR_REJECT, "its content hash is too long");
    if (err != ERR_OK)
        return err;
    *ret = (struct progress){.bytes_done = record.bytes_done,
                             .rows_done = record.rows_done,
                             .events_done = record.events_done,
                             .rejected = record.rejected,
                             .event_time_ms = record.event_time_ms,
                             .is_finished = record.is_finished};
    memcpy(ret->content_hash, record.content_hash.data, record.content_hash.len);
    return ERR_OK;
}

enum err place_read(const struct place_options *options, struct place *ret, struct why *why)
{
    CLEANUP(text_done) struct text value = TEXT_INIT(VALUE_BYTES_MAX);
    struct backoff backoff;
    backoff_init(&backoff, 100, 2000);
    for (;;) {
        text_clear(&value);
        *ret = (struct place){.offset = -1};
        enum err err = read_latest(options, ret, &value, why);
        if (err == ERR_OK && value.len > 0)
            err = decode(options, text_bytes(&value), &ret->progress, why);
        ret->is_found = err == ERR_OK && value.len > 0;
        if (err == ERR_REJECT)
            return why_prefix(why, ERR_REJECT, "the progress record of source %s", options->source);
        if (err != ERR_RETRY)
            return err;
        if (program_wait_ms(backoff_next_ms(&backoff)))
            return ERR_STOP;
    }
}

enum err place_encode(uint32_t schema_id, const char *source, const struct progress *progress,
                      struct text *out, struct why *why)
{
    const struct hris_progress record = {.source = bytes_from_string(source),
                                         .content_hash = bytes_from_string(progress->content_hash),
                                         .bytes_done = progress->bytes_done,
                                         .rows_done = progress->rows_done,
                                         .events_done = progress->events_done,
                                         .rejected = progress->rejected,
                                         .event_time_ms = progress->event_time_ms,
                                         .is_finished = progress->is_finished,
                                         .updated_at_ms = clock_real_ms()};
    return avro_encode_progress(schema_id, &record, out, why);
}
