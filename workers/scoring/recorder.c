// SPDX-License-Identifier: MIT
#include "recorder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/health.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/program.h"
#include "bus/admin.h"
#include "bus/consumer.h"
#include "bus/topics.h"
#include "metrics.h"
#include "recorder_batch.h"
#include "recorder_places.h"
#include "store/migrate.h"
#include "store/offsets.h"
#include "store/pg.h"
#include "store/slots.h"
#include "store/sql.h"

// One block of messages is one PostgreSQL transaction: first the compare-and-set of (next, owner)
// of every partition that moved, whose row locks keep other writers of these partitions out, then
// the rows. A block holds what has come since the last one, so batches grow with the backlog by
// themselves; after a small one a short pause lets more come.
//
// There is one way back from everything that may have gone wrong (a time-out, a lost connection
// with an unknown commit, another owner, a rebalance): drop the block and start the partitions
// again. Starting takes each row with a fresh token and reads where it stands in the same
// statement, which waits for a transaction of ours that may still be ending in the server. So what
// was committed after all is simply found behind `next`, and what was not is read again; nothing is
// guessed. While PostgreSQL is away the start is tried again from the polls: the process stays in
// the group, reads nothing and holds no records. A partition that another process has taken from us
// is polled for first; if it is still ours then, it is taken back, else it is gone with the
// assignment.

enum {
    IDLE_MS = 200,
    SMALL_BATCH = 200, // records; after less than that more are waited for
    LINGER_MS = 20,    // since the begin of the last batch
    NOTE_MS = 5000,    // between the offsets that are offered to the group
    ADMIN_WAIT_MS = 10000,
};

struct recorder {
    struct recorder_options options;
    char *group, *identity;
    char **topics; // with the prefix, as in recorder_topics
    size_t topic_count;
    struct pg *pg;
    char owner[SLOTS_OWNER_MAX]; // of the slot
    struct bus_consumer *consumer;
    struct recorder_batch *batch;
    struct recorder_places places;
    bool is_assigned;
    bool is_starting; // partitions came and wait for their offsets
    // A record whose schema cannot be had: its place waits, the others go on, and at restart_at_ms
    // (0: nothing waits) all are started again to try it once more.
    const char *waiting_topic; // NULL: none
    int32_t waiting_partition;
    int64_t waiting_offset;
    int64_t restart_at_ms;
    bool was_lost; // the last transaction moved less than it should: another owner
    int64_t last_batch_ms, noted_ms;
    uint64_t last_batch_records;
    struct health health;
};

struct recorder *recorder_new(const struct recorder_options *options)
{
    struct recorder *recorder = mem_zalloc(sizeof *recorder);
    recorder->options = *options;
    const char *prefix = options->topic_prefix;
    recorder->group = mem_printf("%srecorder", prefix);
    recorder->identity = mem_printf("%sscoring-recorder-%" PRId64, prefix, options->slot);
    const struct recorder_topic *topics = NULL;
    recorder->topic_count = recorder_topics(&topics);
    recorder->topics = mem_array(recorder->topic_count, sizeof *recorder->topics);
    for (size_t i = 0; i < recorder->topic_count; i++)
        recorder->topics[i] = bus_topic_name(prefix, topics[i].topic);
    health_init(&recorder->health, "recorder", options->metrics, METRIC_WAITS);
    for (size_t i = 0; i < recorder->topic_count; i++) // on the page before the first one
        for (size_t gap = 0; gap < RECORDER_GAPS; gap++)
            IGNORE(metrics_cell(options->metrics, METRIC_RECORDER_GAPS,
                                bus_topics[topics[i].topic].name, recorder_gaps[gap]));
    return recorder;
}

void recorder_free(struct recorder *recorder)
{
    if (recorder == NULL)
        return;
    bus_consumer_close(recorder->consumer);
    pg_close(recorder->pg);
    recorder_batch_free(recorder->batch);
    recorder_places_done(&recorder->places);
    for (size_t i = 0; i < recorder->topic_count; i++)
        free(recorder->topics[i]);
    free(recorder->topics);
    free(recorder->group);
    free(recorder->identity);
    health_done(&recorder->health);
    free(recorder);
}

bool recorder_is_ready(struct recorder *recorder, struct why *why)
{
    return health_is_ready(&recorder->health, why);
}

static void count(const struct recorder *recorder, enum metric_id id, const char *label1,
                  const char *label2, uint64_t by)
{
    if (by > 0)
        metric_add(metrics_cell(recorder->options.metrics, id, label1, label2), by);
}

// True until the record that was waited for is stored, or belongs to another process.
static bool still_waits(struct recorder *recorder)
{
    if (recorder->waiting_topic == NULL)
        return false;
    const struct recorder_place *place = recorder_places_find(
        &recorder->places, recorder->waiting_topic, recorder->waiting_partition);
    if (place != NULL && place->row.next <= recorder->waiting_offset)
        return true;
    recorder->waiting_topic = NULL;
    return false;
}

static void works_again(struct recorder *recorder)
{
    if (still_waits(recorder))
        return;
    health_works(&recorder->health);
}

// ---- starting partitions

static const struct recorder_topic *topic_of(const struct recorder *recorder, const char *name,
                                             const char **ret_name)
{
    const struct recorder_topic *topics = NULL;
    size_t topic_count = recorder_topics(&topics);
    for (size_t i = 0; i < topic_count; i++)
        if (strcmp(recorder->topics[i], name) == 0) {
            *ret_name = recorder->topics[i];
            return &topics[i];
        }
    return NULL;
}

// Takes one partition and finds where to start it.
static enum err start_place(struct recorder *recorder, struct bus_position *position,
                            struct why *why)
{
    const char *name = NULL;
    const struct recorder_topic *topic = topic_of(recorder, position->topic, &name);
    if (topic == NULL)
        return why_say(why, ERR_FATAL, "the group %s was given a topic that it did not ask for: %s",
                       recorder->group, position->topic);
    struct recorder_place *place =
        recorder_places_add(&recorder->places, topic, name, position->partition);
    const char *gap = NULL;
    enum err err =
        recorder_place_start(place, recorder->pg, recorder->consumer, &position->offset, &gap, why);
    if (err != ERR_OK || gap == NULL)
        return err;
    count(recorder, METRIC_RECORDER_GAPS, bus_topics[topic->topic].name, gap, 1);
    log_error("recorder-gap", "topic=%s partition=%d reason=%s first=%" PRId64, name,
              position->partition, gap, place->log.first);
    return ERR_OK;
}

static enum err on_assigned(void *context, struct bus_position *positions, size_t position_count,
                            struct why *why)
{
    struct recorder *recorder = context;
    recorder_places_clear(&recorder->places);
    recorder->is_starting = true;
    const char *what = "postgresql";
    enum err err = pg_connect(recorder->pg, why);
    for (size_t i = 0; i < position_count && err == ERR_OK; i++) {
        what = "offsets"; // of either server
        err = start_place(recorder, &positions[i], why);
    }
    recorder->is_assigned = err == ERR_OK;
    if (err == ERR_OK) {
        recorder->is_starting = false;
        recorder->restart_at_ms = 0;
        recorder_places_begin(&recorder->places);
        CRASH_POINT("recorder-assigned");
        log_info("recorder-assigned", "partitions=%zu", position_count);
        return ERR_OK;
    }
    recorder_places_clear(&recorder->places);
    pg_rollback(recorder->pg);
    if (err == ERR_RETRY)
        IGNORE(health_back_off(&recorder->health, what, why)); // the consumer asks again by itself
    else
        health_set(&recorder->health, why);
    // A table's rule that stops us here is no record's fault.
    return err == ERR_REJECT ? ERR_FATAL : err;
}

static void on_revoked(void *context, const struct bus_position *positions UNUSED,
                       size_t position_count UNUSED)
{
    struct recorder *recorder = context;
    recorder_places_clear(&recorder->places);
    recorder->is_assigned = false;
    recorder->is_starting = false;
}

// ---- the transaction

// A deliberate bug: sets the positions whoever owns them, and wherever they are.
static enum err advance_anyhow(struct pg *pg, const struct offsets_step *steps, size_t count,
                               size_t *ret_moved, struct why *why)
{
    struct offsets_step *taken CLEANUP(mem_free_p) = mem_array(count, sizeof *taken);
    struct offsets_row *rows CLEANUP(mem_free_p) = mem_array(count, sizeof *rows);
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        err = offsets_take(pg, steps[i].topic, steps[i].partition, &rows[i], why);
        taken[i] = steps[i];
        taken[i].expected = rows[i].next;
        taken[i].owner = rows[i].owner;
    }
    return err != ERR_OK ? err : offsets_advance(pg, taken, count, ret_moved, why);
}

static enum err store_once(struct recorder *recorder, const struct offsets_step *steps,
                           size_t step_count, bool is_careful, struct why *why)
{
    struct pg *pg = recorder->pg;
    enum err err = recorder_batch_prepare(recorder->batch, pg, why);
    if (err == ERR_OK)
        err = pg_begin(pg, why);
    size_t moved = 0;
    if (err == ERR_OK)
        err = PLANT("no-compare-and-set") || PLANT("overwriting-zombie")
                  ? advance_anyhow(pg, steps, step_count, &moved, why)
                  : offsets_advance(pg, steps, step_count, &moved, why);
    if (err == ERR_OK && moved != step_count) {
        recorder->was_lost = true;
        err = why_say(why, ERR_RETRY, "another process has taken %zu of %zu partitions",
                      step_count - moved, step_count);
    }
    CRASH_POINT("recorder-advanced");
    if (PLANT("recorder-offsets-first") && err == ERR_OK)
        err = pg_commit(pg, why) == ERR_OK ? pg_begin(pg, why) : ERR_RETRY;
    if (err == ERR_OK)
        err = recorder_batch_store(recorder->batch, pg, is_careful, why);
    CRASH_POINT("recorder-stored");
    if (err == ERR_OK)
        err = pg_commit(pg, why);
    CRASH_POINT("recorder-committed");
    if (err != ERR_OK)
        pg_rollback(pg);
    return err;
}

// The block in one transaction; nothing where it moves no place (an end that was known).
static enum err store(struct recorder *recorder, struct why *why)
{
    const struct offsets_step *steps = NULL;
    size_t step_count = recorder_places_steps(&recorder->places, &steps);
    if (step_count == 0)
        return ERR_OK;
    recorder->last_batch_ms = clock_mono_ms();
    int64_t from_ns = clock_mono_ns();
    enum err err = store_once(recorder, steps, step_count, false, why);
    if (err == ERR_REJECT && strcmp(why->code, "23505") == 0) {
        count(recorder, METRIC_RECORDER_BATCHES, "careful", NULL, 1);
        err = store_once(recorder, steps, step_count, true, why);
    }
    if (err == ERR_REJECT) // every record was checked: the check or the tables are wrong
        return why_prefix(why, ERR_FATAL, "a batch does not fit the tables");
    if (err != ERR_OK)
        return err;
    metric_observe_ns(
        metrics_cell(recorder->options.metrics, METRIC_RECORDER_BATCH_SECONDS, NULL, NULL),
        clock_mono_ns() - from_ns);
    count(recorder, METRIC_RECORDER_BATCHES, "commit", NULL, 1);
    return ERR_OK;
}

static void count_committed(struct recorder *recorder)
{
    recorder->last_batch_records = 0;
    for (size_t i = 0; i < recorder->places.count; i++) {
        const struct recorder_place *place = &recorder->places.items[i];
        recorder->last_batch_records += place->records;
        count(recorder, METRIC_RECORDER_RECORDS, bus_topics[place->topic->topic].name, NULL,
              place->records);
    }
    size_t conflicts = recorder_batch_count(recorder->batch, recorder->options.metrics);
    if (conflicts > 0)
        log_error("recorder-conflict",
                  "count=%zu why=\"records came again with other content, see the table "
                  "recorder_conflict\"",
                  conflicts);
}

// For lag tools only.
static void note_offsets(struct recorder *recorder)
{
    size_t place_count = recorder->places.count;
    struct bus_position *positions CLEANUP(mem_free_p) = mem_array(place_count, sizeof *positions);
    for (size_t i = 0; i < place_count; i++) {
        const struct recorder_place *place = &recorder->places.items[i];
        positions[i] = (struct bus_position){.topic = place->log.topic,
                                             .partition = place->log.partition,
                                             .offset = place->row.next};
    }
    bus_consumer_note(recorder->consumer, positions, place_count);
    recorder->noted_ms = clock_mono_ms();
}

// ---- a block

static void hold_up(struct recorder *recorder, struct recorder_place *place, int64_t offset,
                    const struct why *cause)
{
    place->is_held_up = true;
    if (recorder->restart_at_ms != 0)
        return;
    recorder->waiting_topic = place->log.topic;
    recorder->waiting_partition = place->log.partition;
    recorder->waiting_offset = offset;
    recorder->restart_at_ms = clock_mono_ms() + health_back_off(&recorder->health, "schema", cause);
}

static enum err read_message(struct recorder *recorder, const struct bus_message *message,
                             struct why *why)
{
    struct recorder_place *place =
        recorder_places_find(&recorder->places, message->topic, message->partition);
    if (place == NULL)
        return ERR_OK;
    bool applies = false;
    enum err err = recorder_place_look(place, recorder->consumer, message, &applies, why);
    if (err != ERR_OK || !applies)
        return err;
    err = recorder_batch_add(recorder->batch, place->topic, message, place->row.generation, why);
    if (err == ERR_RETRY) {
        hold_up(recorder, place, message->offset, why);
        return ERR_OK; // what is before it gets stored
    }
    if (err == ERR_OK || err == ERR_REJECT)
        recorder_place_pass(place, message);
    return err == ERR_REJECT ? ERR_OK : err;
}

// Everything that the block says.
static enum err read_block(struct recorder *recorder, const struct bus_block *block,
                           struct why *why)
{
    recorder_batch_clear(recorder->batch);
    recorder_places_begin(&recorder->places);
    for (size_t i = 0; i < block->count; i++) {
        enum err err = read_message(recorder, &block->messages[i], why);
        if (err != ERR_OK)
            return err;
    }
    for (size_t i = 0; i < block->end_count; i++) {
        const struct bus_position *end = &block->ends[i];
        struct recorder_place *place =
            recorder_places_find(&recorder->places, end->topic, end->partition);
        if (place == NULL)
            continue;
        enum err err = recorder_place_end(place, recorder->consumer, end->offset, why);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

// Starts all partitions again, from where the tables are.
static enum err restart(struct recorder *recorder, struct why *why)
{
    recorder->restart_at_ms = 0;
    enum err err = bus_consumer_restart(recorder->consumer, why);
    return err == ERR_RETRY ? ERR_OK : err; // the polls go on trying
}

static enum err start_again(struct recorder *recorder, const char *what, const struct why *cause,
                            struct why *why)
{
    if (health_wait(&recorder->health, what, cause) != ERR_OK)
        return ERR_STOP;
    if (recorder->was_lost) {
        // A rebalance that we have not heard of yet is the likely reason.
        recorder->was_lost = false;
        bool was_rebalanced = false;
        enum err err = bus_consumer_keep_alive(recorder->consumer, &was_rebalanced, why);
        if (err != ERR_OK && err != ERR_RETRY)
            return err;
    }
    return restart(recorder, why);
}

// Reads and stores a block and gives it back. What has to be done again comes again: the partitions
// are started anew.
static enum err work(struct recorder *recorder, struct bus_block *block, struct why *why)
{
    enum err err = read_block(recorder, block, why);
    CRASH_POINT("recorder-read");
    const char *what = "kafka";
    if (err == ERR_OK) {
        err = store(recorder, why);
        what = recorder->was_lost ? "ownership" : "postgresql";
    }
    if (err == ERR_OK) {
        recorder_places_commit(&recorder->places);
        count_committed(recorder);
        works_again(recorder);
    }
    bus_block_release(recorder->consumer, block);
    if (err != ERR_RETRY)
        return err;
    count(recorder, METRIC_RECORDER_BATCHES, recorder->was_lost ? "lost" : "retry", NULL, 1);
    const struct why cause = *why;
    return start_again(recorder, what, &cause, why);
}

static bool has_news(const struct bus_block *block)
{
    return block->count > 0 || block->end_count > 0;
}

static void linger(const struct recorder *recorder)
{
    if (recorder->last_batch_records >= SMALL_BATCH)
        return;
    int64_t left_ms = recorder->last_batch_ms + LINGER_MS - clock_mono_ms();
    if (left_ms > 0)
        IGNORE(program_wait_ms(left_ms)); // a stop is seen by the loop
}

static enum err turn(struct recorder *recorder, struct why *why)
{
    health_turn(&recorder->health);
    linger(recorder);
    if (recorder->restart_at_ms != 0 && clock_mono_ms() >= recorder->restart_at_ms)
        return restart(recorder, why);
    struct bus_block block;
    enum err err = bus_consumer_poll(recorder->consumer, RECORDER_BATCH_MAX, IDLE_MS, &block, why);
    if (block.was_rebalanced && (err == ERR_OK || err == ERR_RETRY)) {
        // Records of the old and the new assignment may be mixed: all of it is read again.
        bool must_restart = has_news(&block);
        bus_block_release(recorder->consumer, &block);
        if (!recorder->is_assigned && !recorder->is_starting)
            works_again(recorder); // more processes than partitions: a spare is ready, too
        return must_restart ? restart(recorder, why) : ERR_OK;
    }
    if (err == ERR_RETRY)
        return health_wait(&recorder->health, "kafka", why);
    if (err != ERR_OK)
        return err;
    struct why cause = {0};
    if (has_news(&block))
        err = work(recorder, &block, why);
    else if (!bus_consumer_is_connected(recorder->consumer, &cause))
        health_set(&recorder->health, &cause);
    else if (recorder->is_assigned && !pg_is_alive(recorder->pg))
        err = start_again(recorder, "postgresql",
                          &(struct why){.text = "PostgreSQL has ended the session"}, why);
    else if (recorder->is_assigned)
        works_again(recorder);
    if (err == ERR_OK && clock_mono_ms() - recorder->noted_ms >= NOTE_MS)
        note_offsets(recorder);
    return err;
}

// ---- the life of a recorder

static enum err open_database(struct recorder *recorder, struct why *why)
{
    const struct pg_options options = {.url = recorder->options.database_url,
                                       .application_name = recorder->identity,
                                       .session_sql = sql_recorder_session,
                                       .stop_fd = program_stop_fd()};
    enum err err = pg_open(&options, &recorder->pg, why);
    if (err != ERR_OK)
        return err;
    const struct sql_migration *migrations = NULL;
    size_t migration_count = sql_migrations(&migrations);
    for (;;) {
        err = pg_connect(recorder->pg, why);
        if (err == ERR_OK)
            err = migrate_check(recorder->pg, migrations, migration_count, why);
        if (err == ERR_OK)
            err = slots_take(recorder->pg, recorder->identity, recorder->owner, why);
        if (err != ERR_RETRY)
            return err;
        if (health_wait(&recorder->health, "postgresql", why) != ERR_OK)
            return ERR_STOP;
    }
}

// Subscribing to a topic that is not there would wait for ever, without a word.
static enum err check_topic(struct recorder *recorder, struct bus_admin *admin, const char *topic,
                            struct why *why)
{
    for (;;) {
        int32_t partitions = 0;
        enum err err = bus_admin_partitions(admin, topic, &partitions, why);
        if (err == ERR_OK && partitions == 0)
            return why_code(why, ERR_FATAL, "no-topic",
                            "there is no topic %s: run retentionctl topics apply", topic);
        if (err != ERR_RETRY)
            return err;
        IGNORE(why_prefix(why, err, "waiting for Kafka at %.150s",
                          recorder->options.bus->bootstrap_servers)); // its words are what counts
        if (health_wait(&recorder->health, "kafka", why) != ERR_OK)
            return ERR_STOP;
    }
}

static enum err owns_place(void *context, struct why *why)
{
    struct recorder *recorder = context;
    bool is_owned = false;
    enum err err = pg_connect(recorder->pg, why);
    if (err == ERR_OK)
        err = slots_is_owner(recorder->pg, recorder->identity, recorder->owner, &is_owned, why);
    if (err != ERR_OK || is_owned)
        return err == ERR_REJECT ? ERR_FATAL : err;
    return why_code(why, ERR_FATAL, "fenced", "another process has taken the slot %s",
                    recorder->identity);
}

static enum err open_consumer(struct recorder *recorder, struct why *why)
{
    CLEANUP(bus_admin_close_p) struct bus_admin *admin = NULL;
    enum err err = bus_admin_open(recorder->options.bus, ADMIN_WAIT_MS, &admin, why);
    for (size_t i = 0; i < recorder->topic_count && err == ERR_OK; i++)
        err = check_topic(recorder, admin, recorder->topics[i], why);
    if (err != ERR_OK)
        return err;
    const char **topics CLEANUP(mem_free_p) = mem_array(recorder->topic_count, sizeof(char *));
    for (size_t i = 0; i < recorder->topic_count; i++)
        topics[i] = recorder->topics[i];
    const struct bus_consumer_options options = {.group = recorder->group,
                                                 .instance_id = recorder->identity,
                                                 .topics = topics,
                                                 .topic_count = recorder->topic_count,
                                                 .assigned = on_assigned,
                                                 .revoked = on_revoked,
                                                 .owns_place = owns_place,
                                                 .context = recorder,
                                                 .queue_bytes = recorder->options.fetch_ahead_bytes,
                                                 .wants_end = true};
    return bus_consumer_open(recorder->options.bus, &options, &recorder->consumer, why);
}

enum err recorder_run(struct recorder *recorder, struct why *why)
{
    enum err err = recorder_batch_new(recorder->options.features, recorder->options.registry,
                                      &recorder->batch, why);
    if (err == ERR_OK)
        err = open_database(recorder, why);
    if (err == ERR_OK)
        err = open_consumer(recorder, why);
    if (err == ERR_OK)
        log_info("recorder-started", "group=%s", recorder->group);
    while (err == ERR_OK && !program_is_stopping())
        err = turn(recorder, why);
    if (recorder->consumer != NULL)
        note_offsets(recorder);
    health_set(&recorder->health, &(struct why){.text = "the recorder has stopped"});
    return err == ERR_OK ? ERR_STOP : err;
}
