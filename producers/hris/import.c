// SPDX-License-Identifier: MIT
// Rows and the progress record that counts them go into one Kafka transaction, so a reader of
// committed data never sees a row that the next run would send again. Order at the start: the file
// is hashed, then the producer opens and fences every predecessor of this source, and only then the
// progress is read: nobody can move it any more. A transaction whose outcome is not known is
// settled the same way, by reading.
//
// `done` is what is committed, `now` what the open transaction would make of it.

#include "import.h"

#include <stdio.h>
#include <stdlib.h>

#include "avro/encode.h"
#include "avro/topics.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "bus/partition.h"
#include "bus/producer.h"
#include "bus/topics.h"
#include "csv/csv.h"
#include "domain/features.h"
#include "place.h"
#include "registry/registry.h"
#include "rejects.h"
#include "rows.h"
#include "show.h"
#include "source.h"

enum { MESSAGE_BYTES_MAX = 1 << 20, NAMES_MAX = 1000, LOOK_EACH = 64 };

static const int64_t day_ms = 86400000;

struct import {
    const struct import_options *options;
    struct source file;
    struct features *features;
    struct csv *csv;
    struct rows *rows;
    struct rejects *rejects;
    struct registry *registry;
    struct avro_employee_encoder *encoder;
    struct bus_producer *producer;
    char *events_topic, *progress_topic;
    uint32_t event_schema_id, progress_schema_id;
    int32_t progress_partition;
    struct rows_origin origin;
    char event_prefix[ROWS_EVENT_PREFIX];
    int64_t place_offset;  // of the progress record that was there at the start
    struct progress begun; // where this run began
    struct progress done, now;
    bool is_at_end; // the last row was read
    struct text message;
    struct show show;
};

static enum err fill(struct import *import, struct why *why)
{
    size_t room = 0, len = 0;
    uint8_t *place = csv_room(import->csv, &room);
    enum err err = source_read(&import->file, place, room, &len, why);
    if (err == ERR_OK)
        csv_filled(import->csv, len);
    return err;
}

static enum err next_row(struct import *import, struct csv_row *ret, bool *ret_is_end,
                         struct why *why)
{
    enum csv_step step;
    while ((step = csv_next(import->csv, ret)) == CSV_MORE) {
        enum err err = fill(import, why);
        if (err != ERR_OK)
            return err;
    }
    *ret_is_end = step == CSV_END;
    return ERR_OK;
}

static enum err open_header(struct import *import, struct csv_row *ret_header, struct why *why)
{
    const struct settings *settings = import->options->settings;
    const struct csv_options options = {.delimiter = import->options->delimiter,
                                        .row_bytes_max = (size_t)settings->csv_row_bytes,
                                        .field_bytes_max = (size_t)settings->csv_field_bytes,
                                        .columns_max = (size_t)settings->csv_columns};
    import->csv = csv_new(&options);
    bool is_end = false;
    enum err err = next_row(import, ret_header, &is_end, why);
    if (err == ERR_OK && is_end)
        err = why_say(why, ERR_REJECT, "it is empty");
    return err == ERR_OK ? csv_check(import->csv, ret_header, why) : err;
}

static enum err read_header(struct import *import, const struct csv_row *header, struct why *why)
{
    CLEANUP(text_done) struct text ignored = TEXT_INIT(NAMES_MAX);
    CLEANUP(text_done) struct text missing = TEXT_INIT(NAMES_MAX);
    enum err err =
        rows_new(import->features, header, import->options->settings->employee_id_column,
                 import->options->change == CHANGE_LEFT, &import->rows, &ignored, &missing, why);
    if (err == ERR_OK && ignored.len > 0)
        log_info("columns-ignored", "columns=\"%s\"", text_string(&ignored));
    if (err == ERR_OK && missing.len > 0)
        log_warn("columns-missing", "columns=\"%s\" effect=\"null in every event\"",
                 text_string(&missing));
    return err;
}

static enum err register_schema(struct import *import, enum bus_topic topic, const char *schema,
                                uint32_t *ret, struct why *why)
{
    CLEANUP(mem_free_p)
    char *subject =
        mem_printf("%s%s-value", import->options->settings->topic_prefix, bus_topics[topic].name);
    return registry_register_wait(import->registry, subject, schema, ret, why);
}

static enum err open_schemas(struct import *import, struct why *why)
{
    const struct settings *settings = import->options->settings;
    struct registry_options options = REGISTRY_OPTIONS(settings);
    options.on_wait = show_registry_wait;
    CLEANUP(text_done) struct text schema = TEXT_INIT(MESSAGE_BYTES_MAX);
    if (features_write_schema(import->features, &schema) != ERR_OK)
        return why_say(why, ERR_FATAL, "the features file makes too large a schema");
    enum err err =
        avro_employee_encoder_new(import->features, text_bytes(&schema), &import->encoder, why);
    if (err == ERR_OK)
        err = registry_open(&options, &import->registry, why);
    if (err == ERR_OK)
        err = registry_wait(import->registry, why);
    if (err == ERR_OK)
        err = register_schema(import, BUS_TOPIC_EMPLOYEE_CHANGES, text_string(&schema),
                              &import->event_schema_id, why);
    if (err == ERR_OK)
        err = register_schema(import, BUS_TOPIC_HRIS_PROGRESS,
                              avro_topic_find(bus_topics[BUS_TOPIC_HRIS_PROGRESS].name)->schema,
                              &import->progress_schema_id, why);
    return err;
}

// Asks for the partitions while the brokers may still be on their way up.
static enum err find_partitions(struct import *import, struct why *why)
{
    struct backoff backoff;
    backoff_init(&backoff, 100, 2000);
    for (;;) {
        int32_t count = 0;
        enum err err = bus_producer_partitions(import->producer, import->events_topic, &count, why);
        if (err == ERR_OK)
            err = bus_producer_partitions(import->producer, import->progress_topic, &count, why);
        if (err == ERR_OK)
            import->progress_partition =
                bus_partition(bytes_from_string(import->options->source), count);
        if (err != ERR_RETRY)
            return err;
        if (program_wait_ms(backoff_next_ms(&backoff)))
            return ERR_STOP;
    }
}

static enum err open_producer(struct import *import, struct why *why)
{
    const char *prefix = import->options->settings->topic_prefix;
    CLEANUP(mem_free_p) char *id = mem_printf("%shris-%s", prefix, import->options->source);
    const struct bus_producer_options options = {.transactional_id = id,
                                                 .on_wait = show_kafka_wait};
    import->events_topic = bus_topic_name(prefix, BUS_TOPIC_EMPLOYEE_CHANGES);
    import->progress_topic = bus_topic_name(prefix, BUS_TOPIC_HRIS_PROGRESS);
    enum err err = bus_producer_open(import->options->bus, &options, &import->producer, why);
    return err == ERR_OK ? find_partitions(import, why) : err;
}

static enum err read_place(struct import *import, struct place *ret, struct why *why)
{
    const struct place_options options = {.bus = import->options->bus,
                                          .registry = import->registry,
                                          .topic = import->progress_topic,
                                          .partition = import->progress_partition,
                                          .source = import->options->source};
    return place_read(&options, ret, why);
}

// Goes on at the first row that is not in `progress`.
static enum err go_to(struct import *import, const struct progress *progress, struct why *why)
{
    size_t line = 1;
    enum err err =
        source_line(&import->file, progress->bytes_done, csv_newline(import->csv), &line, why);
    if (err == ERR_OK)
        err = source_seek(&import->file, progress->bytes_done, why);
    if (err != ERR_OK)
        return err;
    csv_seek(import->csv, (uint64_t)progress->bytes_done, line);
    import->done = import->now = *progress;
    import->is_at_end = false;
    return ERR_OK;
}

static enum err choose_start(struct import *import, enum start *ret, struct why *why)
{
    const struct import_options *options = import->options;
    struct place place;
    enum err err = read_place(import, &place, why);
    if (err == ERR_REJECT && options->settings->is_restart)
        err = ERR_OK; // what cannot be read need not be
    if (err != ERR_OK)
        return err;
    char content_hash[CRYPTO_SHA256_HEX];
    decide_content(import->file.content_hash, options->change, content_hash);
    const struct wish wish = {.content_hash = content_hash,
                              .size_bytes = import->file.size_bytes,
                              .has_event_time = options->has_event_time,
                              .event_time_ms = options->has_event_time ? options->event_time_ms
                                                                       : import->file.changed_ms,
                              .is_restart = options->settings->is_restart};
    import->place_offset = place.offset;
    return decide_start(place.is_found ? &place.progress : NULL, &wish, ret, &import->begun, why);
}

static enum err open_rejects(struct import *import, const struct csv_row *header, bool is_resume,
                             struct why *why)
{
    size_t line = 1;
    enum err err = ERR_OK;
    if (is_resume)
        err = source_line(&import->file, import->begun.bytes_done, csv_newline(import->csv), &line,
                          why);
    const struct rejects_options options = {.path = import->options->reject_path,
                                            .delimiter = csv_delimiter(import->csv),
                                            .row_bytes_max =
                                                (size_t)import->options->settings->csv_row_bytes,
                                            .next_line = line};
    return err == ERR_OK ? rejects_open(&options, header, &import->rejects, why) : err;
}

static enum err send_event(struct import *import, const struct employee_change *change,
                           struct why *why)
{
    text_clear(&import->message);
    enum err err = avro_employee_encode(import->encoder, import->event_schema_id, change,
                                        &import->message, why);
    if (err != ERR_OK)
        return err;
    const struct bus_record record = {.topic = import->events_topic,
                                      .partition = -1,
                                      .key = change->employee_id,
                                      .value = text_bytes(&import->message)};
    return bus_producer_send(import->producer, &record, why);
}

// One row into the open transaction, or to the rejected ones.
static enum err take_row(struct import *import, const struct csv_row *row, struct why *why)
{
    struct employee_change change;
    struct why refusal = {0};
    enum err err = rows_event(import->rows, import->csv, row, import->now.rows_done + 1,
                              &import->origin, import->event_prefix, &change, &refusal);
    if (err == ERR_OK)
        err = send_event(import, &change, &refusal);
    if (err == ERR_REJECT) {
        err = rejects_add(import->rejects, row, &refusal, why);
        import->now.rejected++;
    } else if (err == ERR_OK) {
        import->now.events_done++;
    } else {
        if (why != NULL)
            *why = refusal;
    }
    import->now.rows_done++;
    import->now.bytes_done = (int64_t)row->next_offset;
    return err;
}

static enum err send_progress(struct import *import, struct why *why)
{
    import->now.is_finished = import->is_at_end;
    if (import->is_at_end)
        import->now.bytes_done = import->file.size_bytes;
    text_clear(&import->message);
    enum err err = place_encode(import->progress_schema_id, import->options->source, &import->now,
                                &import->message, why);
    if (err != ERR_OK)
        return err;
    const struct bus_record record = {.topic = import->progress_topic,
                                      .partition = import->progress_partition,
                                      .key = bytes_from_string(import->options->source),
                                      .value = text_bytes(&import->message)};
    return bus_producer_send(import->producer, &record, why);
}

// Rows until the transaction is large or old enough, the file ends, or the program is stopping.
static enum err take_rows(struct import *import, struct why *why)
{
    const struct settings *settings = import->options->settings;
    const struct chunk_limits limits = {settings->transaction_rows, settings->transaction_ms};
    int64_t begun_ms = clock_mono_ms(), open_ms = 0;
    enum err err = ERR_OK;
    for (int64_t rows = 0; err == ERR_OK && !decide_commit(&limits, rows, open_ms); rows++) {
        struct csv_row row;
        if (rows % LOOK_EACH == 0) {
            if (program_is_stopping())
                break;
            open_ms = clock_mono_ms() - begun_ms;
            show_update(&import->show, &import->now);
        }
        err = next_row(import, &row, &import->is_at_end, why);
        if (err != ERR_OK || import->is_at_end)
            break;
        err = take_row(import, &row, why);
    }
    return err;
}

// One transaction. ERR_RETRY: its outcome is not known, or it was aborted.
static enum err run_transaction(struct import *import, struct why *why)
{
    enum err err = bus_producer_begin(import->producer, why);
    if (err == ERR_OK)
        err = take_rows(import, why);
    if (err == ERR_OK)
        err = send_progress(import, why);
    if (err == ERR_OK)
        err = source_check(&import->file, why);
    if (err == ERR_OK)
        err = rejects_sync(import->rejects, why);
    if (err == ERR_OK)
        err = bus_producer_commit(import->producer, NULL, NULL, 0, why);
    if (err != ERR_OK)
        return err;
    import->done = import->now;
    rejects_keep(import->rejects);
    return ERR_OK;
}

// Finds out what became of the last transaction, and goes on from there.
static enum err recover(struct import *import, struct why *why)
{
    struct place place;
    bool is_committed = false;
    enum err err = bus_producer_abort(import->producer, why);
    if (err == ERR_OK || err == ERR_RETRY)
        err = read_place(import, &place, why);
    if (err == ERR_OK)
        err = decide_after_failure(place.is_found ? &place.progress : NULL,
                                   place.offset > import->place_offset, &import->begun,
                                   &import->done, &import->now, &is_committed, why);
    if (err != ERR_OK)
        return err == ERR_REJECT ? ERR_FATAL : err;
    if (is_committed) {
        import->done = import->now;
        rejects_keep(import->rejects);
        return ERR_OK;
    }
    err = rejects_take_back(import->rejects, why);
    return err == ERR_OK ? go_to(import, &import->done, why) : err;
}

static enum err send_all(struct import *import, struct why *why)
{
    struct backoff backoff;
    backoff_init(&backoff, 50, 2000);
    enum err err = ERR_OK;
    while (err == ERR_OK && !import->done.is_finished) {
        if (program_is_stopping())
            return why_say(why, ERR_STOP, "interrupted after %lld rows",
                           (long long)import->done.rows_done);
        err = run_transaction(import, why);
        if (err == ERR_OK)
            backoff_reset(&backoff);
        if (err != ERR_RETRY)
            continue;
        show_clear(&import->show);
        log_warn("transaction-retried", "rows_done=%lld why=\"%s\"",
                 (long long)import->done.rows_done, why->text);
        if (program_wait_ms(backoff_next_ms(&backoff)))
            return why_say(why, ERR_STOP, "interrupted after %lld rows",
                           (long long)import->done.rows_done);
        err = recover(import, why);
    }
    return err;
}

// From the file to the first row that is to be sent.
static enum err prepare(struct import *import, enum start *ret_start, struct why *why)
{
    struct csv_row header;
    enum err err = features_load(import->options->settings->features_file, &import->features, why);
    if (err != ERR_OK)
        return err;
    err = source_open(import->options->path, &import->file, why);
    if (err == ERR_OK)
        err = open_header(import, &header, why);
    if (err == ERR_OK)
        err = read_header(import, &header, why);
    if (err != ERR_OK)
        return why_prefix(why, err, "%s", import->options->path);
    err = open_schemas(import, why);
    if (err == ERR_OK)
        err = open_producer(import, why);
    if (err == ERR_OK)
        err = choose_start(import, ret_start, why);
    if (err == ERR_OK && *ret_start == START_FRESH)
        import->begun.bytes_done = (int64_t)header.next_offset;
    import->done = import->now = import->begun;
    if (err == ERR_OK && *ret_start != START_DONE)
        err = open_rejects(import, &header, *ret_start == START_RESUME, why);
    return err;
}

static enum err check_event_time(const struct progress *begun, struct why *why)
{
    if (begun->event_time_ms <= clock_real_ms() + day_ms)
        return ERR_OK;
    char when[FORMAT_TIME_MAX];
    format_time_ms(begun->event_time_ms, when);
    return why_say(why, ERR_REJECT,
                   "the event time %s is more than a day ahead, and no worker takes such events: "
                   "give one with --event-time",
                   when);
}

// Not an error: the features file may be behind. But most often it is a spelling.
static void tell_unknowns(const struct import *import)
{
    CLEANUP(text_done) struct text list = TEXT_INIT(NAMES_MAX);
    const struct unknowns *unknowns = rows_unknowns(import->rows);
    if (unknowns_rows(unknowns) == 0)
        return;
    unknowns_write(unknowns, &list);
    show_unknowns(unknowns_rows(unknowns), text_string(&list));
}

// Not an error: a day without changes may well be exported. But somebody should look.
static void warn_of_no_rows(const struct import *import)
{
    if (import->done.is_finished && import->done.rows_done == 0)
        log_warn("no-rows", "file=%s why=\"the file has no rows, only a header\"",
                 import->options->path);
}

static enum err run(struct import *import, struct why *why)
{
    static const char *const names[] = {"fresh", "resume", "done"};
    enum start start = START_FRESH;
    enum err err = prepare(import, &start, why);
    if (err == ERR_OK && start != START_DONE)
        err = check_event_time(&import->begun, why);
    if (err != ERR_OK)
        return err;
    char when[FORMAT_TIME_MAX];
    format_time_ms(import->begun.event_time_ms, when);
    log_info("import", "source=\"%s\" start=%s rows_done=%lld content=%.16s event_time=%s",
             import->options->source, names[start], (long long)import->begun.rows_done,
             import->file.content_hash, when);
    show_start(&import->show, import->file.size_bytes, &import->begun);
    if (start == START_DONE) {
        show_done(&import->done, import->options->path, import->options->reject_path);
        warn_of_no_rows(import);
        return ERR_OK;
    }
    import->origin = (struct rows_origin){.source = import->options->source,
                                          .content_hash = import->file.content_hash,
                                          .event_time_ms = import->begun.event_time_ms,
                                          .change = import->options->change};
    rows_event_prefix(&import->origin, import->event_prefix);
    if (start == START_RESUME)
        err = go_to(import, &import->begun, why);
    if (err == ERR_OK)
        err = send_all(import, why);
    if (err != ERR_OK) {
        // Both are done again by the next run; doing them now spares readers the wait for the
        // transaction's time-out, and people a file of rows that were not counted.
        IGNORE(bus_producer_abort(import->producer, NULL));
        IGNORE(rejects_take_back(import->rejects, NULL));
    }
    show_summary(&import->show, &import->done, import->options->path, import->options->reject_path,
                 !import->options->has_event_time);
    tell_unknowns(import);
    if (err == ERR_OK)
        warn_of_no_rows(import);
    return err;
}

struct import *import_new(const struct import_options *options)
{
    struct import *import = mem_zalloc(sizeof *import);
    import->options = options;
    import->file.fd = -1;
    import->message = TEXT_INIT(MESSAGE_BYTES_MAX);
    return import;
}

enum err import_run(struct import *import, struct progress *ret, struct why *why)
{
    enum err err = run(import, why);
    *ret = import->done;
    return err;
}

void import_free(struct import *import)
{
    if (import == NULL)
        return;
    bus_producer_close(import->producer);
    registry_close(import->registry);
    avro_employee_encoder_free(import->encoder);
    rejects_close(import->rejects);
    rows_free(import->rows);
    csv_free(import->csv);
    features_free(import->features);
    source_close(&import->file);
    text_done(&import->message);
    free(import->events_topic);
    free(import->progress_topic);
    free(import);
}
