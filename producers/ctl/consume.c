// SPDX-License-Identifier: MIT
// consume: a topic as JSON lines, outside any group, committed records only. Made for pipes: a
// reader that has seen enough (| head) ends it quietly.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "avro/topics.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "bus/reader.h"
#include "command.h"
#include "record.h"

enum { BLOCK_MESSAGES = 1000, POLL_MS = 200, OUT_BYTES_MAX = 64 << 20 };

#define SETTINGS_DEF "consume.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl consume",
    .purpose = "Prints the records of a topic, decoded, as JSON lines, up to the end that the "
               "topic has now. What is no Avro (dead-letters) is printed with partition, offset, "
               "key and headers, and its bytes as base64.",
    .usage = "[settings] TOPIC (without the prefix)",
    .more = "Exit status 1: a record could not be decoded (named on standard error), or the topic "
            "could not\nbe read.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

struct consume {
    struct settings settings;
    const char *topic; // without the prefix
    int64_t from, since_ms;
    struct bus_reader *reader;
    struct registry *registry;
    struct record_writer *writer;
    struct text out;
    int64_t written;
    uint64_t undecodable;
    bool is_closed; // nobody reads our output any more
};

static enum err read_from(const struct settings *settings, int64_t *ret, struct why *why)
{
    if (strcmp(settings->from, "beginning") == 0)
        *ret = BUS_OFFSET_BEGINNING;
    else if (strcmp(settings->from, "end") == 0)
        *ret = BUS_OFFSET_END;
    else if (parse_i64(bytes_from_string(settings->from), 0, INT64_MAX, ret, NULL) != ERR_OK)
        return command_misuse(why, "--from must be beginning, end or an offset");
    return ERR_OK;
}

static enum err read_options(struct consume *consume, struct record_options *ret, struct why *why)
{
    const struct settings *settings = &consume->settings;
    ret->has_meta = settings->has_meta;
    ret->is_avro = avro_topic_find(consume->topic) != NULL;
    ret->has_event_time = settings->event_time[0] != '\0';
    enum err err = read_from(settings, &consume->from, why);
    if (err == ERR_OK && settings->since[0] != '\0')
        err = command_read_time(settings->since, "--since", &consume->since_ms, why);
    if (err == ERR_OK && ret->has_event_time)
        err = command_read_time(settings->event_time, "--event-time", &ret->event_time_ms, why);
    if (err == ERR_OK && ret->has_event_time && !ret->is_avro)
        err = command_misuse(why, "the records of %s have no event_time", consume->topic);
    return err;
}

// Records that the topic no longer keeps were asked for.
static void tell_gaps(const struct consume *consume)
{
    const struct bus_position *gaps = NULL;
    size_t count = bus_reader_gaps(consume->reader, &gaps);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr,
                "partition %d begins at offset %lld: what was before it is no longer kept\n",
                gaps[i].partition, (long long)gaps[i].offset);
}

static enum err open_all(struct consume *consume, const struct bus_config *config, struct why *why)
{
    const struct settings *settings = &consume->settings;
    const struct registry_options registry = REGISTRY_OPTIONS(settings);
    struct record_options options = {0};
    enum err err = read_options(consume, &options, why);
    if (err == ERR_OK)
        err = registry_open(&registry, &consume->registry, why);
    if (err != ERR_OK)
        return err;
    options.registry = consume->registry;
    consume->writer = record_writer_new(&options);
    CLEANUP(mem_free_p) char *topic = mem_printf("%s%s", settings->topic_prefix, consume->topic);
    struct patience patience = patience_of(settings->wait_ms);
    const struct bus_reader_options reader = {.topic = topic,
                                              .partition = (int32_t)settings->partition,
                                              .from = consume->from,
                                              .from_time_ms = consume->since_ms,
                                              .wait_ms = command_request_ms(settings->wait_ms)};
    do
        err = bus_reader_open(config, &reader, &consume->reader, why);
    while (err == ERR_RETRY && patience_wait(&patience, why));
    if (err == ERR_OK)
        tell_gaps(consume);
    if (err != ERR_FATAL || strcmp(why->code, "no-partition") != 0)
        return err;
    struct why cause = *why;
    return command_misuse(why, "--partition: %s", cause.text);
}

static enum err flush(struct consume *consume, struct why *why)
{
    size_t put =
        fwrite(consume->out.data == NULL ? "" : consume->out.data, 1, consume->out.len, stdout);
    bool is_out = put == consume->out.len && fflush(stdout) == 0;
    text_clear(&consume->out);
    if (is_out)
        return ERR_OK;
    consume->is_closed = errno == EPIPE;
    return consume->is_closed
               ? ERR_OK
               : why_say(why, ERR_FATAL, "cannot write the output: %s", strerrordesc_np(errno));
}

static bool is_enough(const struct consume *consume)
{
    return consume->is_closed ||
           (consume->settings.max > 0 && consume->written >= consume->settings.max);
}

static enum err write_record(struct consume *consume, const struct bus_message *message,
                             struct why *why)
{
    struct patience patience = patience_of(consume->settings.wait_ms);
    bool is_written = false;
    enum err err = ERR_OK;
    do
        err = record_write(consume->writer, message, &consume->out, &is_written, why);
    while (err == ERR_RETRY && patience_wait(&patience, why));
    if (err == ERR_REJECT) {
        fprintf(stderr, "partition %d offset %lld: %s\n", message->partition,
                (long long)message->offset, why->text);
        consume->undecodable++;
        return ERR_OK;
    }
    consume->written += err == ERR_OK && is_written;
    return err;
}

static enum err write_block(struct consume *consume, const struct bus_block *block, struct why *why)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < block->count && !is_enough(consume); i++) {
        if (consume->out.len > OUT_BYTES_MAX / 8)
            err = flush(consume, why);
        if (err == ERR_OK)
            err = write_record(consume, &block->messages[i], why);
    }
    return err == ERR_OK && consume->out.len > 0 ? flush(consume, why) : err;
}

static enum err print_all(struct consume *consume, struct why *why)
{
    bool is_at_end = false;
    struct patience patience = patience_of(consume->settings.wait_ms);
    while (!is_enough(consume) && !program_is_stopping() &&
           (!is_at_end || consume->settings.is_following)) {
        struct bus_block block;
        enum err err =
            bus_reader_poll(consume->reader, BLOCK_MESSAGES, POLL_MS, &block, &is_at_end, why);
        if (err == ERR_OK) {
            patience = patience_of(consume->settings.wait_ms);
            err = write_block(consume, &block, why);
            bus_reader_release(consume->reader, &block);
        } else if (err == ERR_RETRY &&
                   (patience_wait(&patience, why) || consume->settings.is_following)) {
            err = ERR_OK;
        }
        if (err != ERR_OK)
            return err;
    }
    if (program_is_stopping() && !consume->settings.is_following)
        return ERR_STOP;
    if (consume->undecodable > 0)
        return why_say(why, ERR_REJECT, "%llu records could not be decoded",
                       (unsigned long long)consume->undecodable);
    return ERR_OK;
}

int command_consume(int argc, char **argv)
{
    struct consume consume = {.out = TEXT_INIT(OUT_BYTES_MAX)};
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &consume.settings, argc, argv, 1, 1, &status) ||
        !command_check_bus(&spec, &consume.settings, &status))
        return status;
    char **properties = bus_properties_from_environment();
    struct bus_config config = command_bus(consume.settings.kafka_bootstrap_servers, properties);
    consume.topic = argv[1];
    enum err err = open_all(&consume, &config, &why);
    if (err == ERR_OK)
        err = print_all(&consume, &why);
    bus_reader_close(consume.reader);
    record_writer_free(consume.writer);
    registry_close(consume.registry);
    bus_properties_free(properties);
    text_done(&consume.out);
    return command_end(&spec, &consume.settings, err, &why);
}
