// SPDX-License-Identifier: MIT
#include "retention.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "avro/records.h"
#include "base/clock.h"
#include "base/idle.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/topics.h"
#include "metrics.h"
#include "parts.h"
#include "store/migrate.h"
#include "store/providers.h"
#include "store/sql.h"

// One thread does everything, a turn at a time: take what came, look it up, begin calls, store
// their answers, publish what is finished, take answers. No step waits for a provider. What fails
// because a server is away is done again later, while the other steps go on: input is read and the
// group is polled also while PostgreSQL is away. At the end of a turn is its one wait: for answers,
// for input, or for the time that some step has to go on at. Answers that come close to each other
// are taken together, since a turn's statements cost the same for one and for many; a slot that is
// free again has its next call as soon as that is claimed.
//
// All tasks live in the backlogs of their partitions until they are published. After anything but a
// clean commit the input is read from the committed offsets again; a record that is here already
// goes on as it is, one that was published after all is dropped.

enum {
    POLL_MAX = 500,
    IDLE_MS = 100,  // the longest wait of a turn
    GATHER_MS = 40, // how long an answer, or what waits for a time, may wait for others
    FETCH_MS = 250, // for records, in a request of the broker; a paused partition waits for it
    CONTROL_MS = 1000,
    DRAIN_MS = 10,  // wait for answers in a round of a drain
    STOP_MS = 1800, // for the calls in flight when the program stops; PostgreSQL has 2 s then
    ENCODED_MAX = 64 * 1024,
    DATABASE_WAIT_MS = 5000,
};

struct limits_now retention_now(void)
{
    return (struct limits_now){clock_mono_ms(), clock_real_ms()};
}

static void drop_task(struct backlog_item *item)
{
    task_free(task_of(item));
}

static void init_queues(struct retention *retention)
{
    task_queue_init(&retention->looking);
    task_queue_init(&retention->fresh);
    task_queue_init(&retention->again);
    task_queue_init(&retention->requests);
    task_queue_init(&retention->storing);
}

// Nobody else's: so a claim in the ledger that is not ours is never finished by us.
static void make_token(struct retention *retention)
{
    uint64_t token[2];
    while (getrandom(token, sizeof token, 0) != sizeof token) // it fails by a signal alone
        ;
    snprintf(retention->owner, sizeof retention->owner, "%016" PRIx64 "%016" PRIx64, token[0],
             token[1]);
    retention->seed = token[0];
}

static void open_providers(struct retention *retention)
{
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        const struct retention_provider_options *options = &retention->options.providers[i];
        struct retention_provider *provider = &retention->providers[i];
        provider->options = options;
        provider->name = options->is_rules ? plan_maker_name(PLAN_MAKER_RULES)
                                           : provider_kind_name(options->settings.kind);
        if (!options->is_rules)
            provider->limits = limits_new(&options->limits, retention_now());
    }
}

struct retention *retention_new(const struct retention_options *options)
{
    struct retention *retention = mem_zalloc(sizeof *retention);
    retention->options = *options;
    const char *prefix = options->topic_prefix;
    retention->high_risk = bus_topic_name(prefix, BUS_TOPIC_HIGH_RISK);
    retention->plan_requests = bus_topic_name(prefix, BUS_TOPIC_PLAN_REQUESTS);
    retention->plans = bus_topic_name(prefix, BUS_TOPIC_RETENTION_PLANS);
    retention->replies = bus_topic_name(prefix, BUS_TOPIC_PLAN_REPLIES);
    retention->dead_letters = bus_topic_name(prefix, BUS_TOPIC_DEAD_LETTERS);
    retention->predictions = bus_topic_name(prefix, BUS_TOPIC_PREDICTIONS);
    retention->group = bus_group_name(prefix, bus_topics[BUS_TOPIC_HIGH_RISK].group);
    retention->identity = mem_printf("%sretention-%" PRId64, prefix, options->slot);
    make_token(retention);
    retention->high_risk_decoder =
        decoder_new(options->registry, avro_high_risk_fields, AVRO_HIGH_RISK_FIELDS);
    retention->request_decoder =
        decoder_new(options->registry, avro_plan_request_fields, AVRO_PLAN_REQUEST_FIELDS);
    retention->encoded = TEXT_INIT(ENCODED_MAX);
    retention->backlogs.drop = drop_task;
    init_queues(retention);
    health_init(&retention->health, "retention", options->metrics, METRIC_WAITS);
    open_providers(retention);
    return retention;
}

// Nothing is unfinished any more.
static void forget_all(struct retention *retention)
{
    retention_drop_calls(retention);
    init_queues(retention);
    memset(&retention->order, 0, sizeof retention->order);
    backlogs_clear(&retention->backlogs);
    retention->is_unsettled = false;
}

void retention_free(struct retention *retention)
{
    if (retention == NULL)
        return;
    bus_consumer_close(retention->consumer); // revokes, which needs the rest
    forget_all(retention);
    backlogs_done(&retention->backlogs);
    bus_producer_close(retention->producer);
    bus_ends_close(retention->ends);
    http_multi_free(retention->http);
    pg_close(retention->pg);
    rules_free(retention->rules);
    check_free(retention->check);
    decoder_free(retention->high_risk_decoder);
    decoder_free(retention->request_decoder);
    for (size_t i = 0; i < retention->options.provider_count; i++)
        limits_free(retention->providers[i].limits);
    text_done(&retention->encoded);
    health_done(&retention->health);
    free(retention->high_risk);
    free(retention->plan_requests);
    free(retention->plans);
    free(retention->replies);
    free(retention->dead_letters);
    free(retention->predictions);
    free(retention->group);
    free(retention->identity);
    free(retention);
}

bool retention_is_ready(struct retention *retention, struct why *why)
{
    return health_is_ready(&retention->health, why);
}

// ---- steps that need PostgreSQL

// Runs the steps in turn. While the tables are out of reach nothing is asked of them.
static enum err ask_tables(struct retention *retention, struct why *why)
{
    if (clock_mono_ms() < retention->database_ms)
        return ERR_OK;
    struct why cause = {0};
    enum err err = pg_connect(retention->pg, &cause);
    if (err == ERR_OK)
        err = retention_control(retention, &cause);
    if (err == ERR_OK)
        err = retention_look(retention, &cause);
    if (err == ERR_OK)
        err = retention_write(retention, true, &cause);
    if (err == ERR_OK)
        retention->database_ms = 0;
    if (err == ERR_RETRY) {
        retention->database_ms =
            clock_mono_ms() + health_back_off(&retention->health, "tables", &cause);
        return ERR_OK;
    }
    if (err != ERR_OK)
        *why = cause;
    return err == ERR_REJECT ? ERR_FATAL : err; // every value was checked: ours is the fault
}

// ---- input

static enum err pause_backlogs(struct retention *retention, struct why *why)
{
    for (size_t i = 0; i < retention->backlogs.count; i++) {
        struct backlog *backlog = &retention->backlogs.list[i];
        bool is_paused = backlog->is_paused ? backlog->count > PARTITION_AGAIN
                                            : backlog->count >= PARTITION_MOST;
        if (is_paused == backlog->is_paused)
            continue;
        enum err err = bus_consumer_pause(retention->consumer, backlog->topic, backlog->partition,
                                          is_paused, why);
        if (err == ERR_FATAL)
            return err;
        if (err == ERR_OK)
            backlog->is_paused = is_paused;
    }
    return ERR_OK;
}

static void resume_all(struct retention *retention)
{
    for (size_t i = 0; i < retention->backlogs.count; i++) {
        struct backlog *backlog = &retention->backlogs.list[i];
        if (backlog->is_paused)
            IGNORE(bus_consumer_pause(retention->consumer, backlog->topic, backlog->partition,
                                      false, NULL)); // one that went is no loss
        backlog->is_paused = false;
    }
}

static const char *topic_of(const struct retention *retention, const char *name)
{
    return strcmp(name, retention->plan_requests) == 0 ? retention->plan_requests
                                                       : retention->high_risk;
}

// Somebody else has published what is unfinished here: our partitions were theirs for a while.
static bool is_overtaken(struct retention *retention, const struct bus_position *positions,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct backlog *backlog =
            backlogs_find(&retention->backlogs, positions[i].topic, positions[i].partition);
        if (backlog != NULL && !backlog_is_finished_before(backlog, positions[i].offset))
            return true;
    }
    return false;
}

// The partitions held and where they stand. What was published is dropped.
static void take_positions(struct retention *retention)
{
    struct bus_position *positions CLEANUP(mem_free_p) = NULL;
    size_t count = bus_consumer_assignment(retention->consumer, &positions);
    if (is_overtaken(retention, positions, count)) {
        log_warn("overtaken", "what was unfinished is taken up again");
        forget_all(retention);
    }
    for (size_t i = 0; i < count; i++) {
        struct backlog *backlog = backlogs_open(
            &retention->backlogs, topic_of(retention, positions[i].topic), positions[i].partition);
        memcpy(backlog->metadata, positions[i].metadata, sizeof backlog->metadata);
        backlog_settle(&retention->backlogs, backlog, positions[i].offset);
    }
}

// False where the consumer gave up in the middle: a poll will make it again.
static bool knows_positions(const struct retention *retention)
{
    struct bus_position *positions CLEANUP(mem_free_p) = NULL;
    size_t count = bus_consumer_assignment(retention->consumer, &positions);
    bool knows = true;
    for (size_t i = 0; i < count; i++)
        knows &= positions[i].offset >= 0;
    return knows;
}

// Reads the input from its committed offsets again.
static enum err rewind_input(struct retention *retention, struct why *why)
{
    struct why cause = {0};
    resume_all(retention);
    enum err err = bus_consumer_rewind(retention->consumer, &cause);
    if (err == ERR_OK) {
        retention->must_rewind = false;
        retention->is_unsettled &= !knows_positions(retention);
        take_positions(retention);
    } else if (err == ERR_RETRY) {
        retention->input_ms =
            clock_mono_ms() + health_back_off(&retention->health, "offsets", &cause);
        err = ERR_OK;
    } else {
        *why = cause;
    }
    return err;
}

static enum err take_block(struct retention *retention, const struct bus_block *block,
                           struct why *why)
{
    for (size_t i = 0; i < block->count; i++) {
        const struct bus_message *message = &block->messages[i];
        struct backlog *backlog =
            backlogs_find(&retention->backlogs, message->topic, message->partition);
        if (backlog == NULL || message->offset < backlog->next)
            continue; // not ours any more, or here already
        struct why cause = {0};
        enum err err = retention_take(retention, backlog, message, &cause);
        if (err == ERR_RETRY) { // its schema: the registry is away
            retention->must_rewind = true;
            retention->unread = (struct bus_position){.topic = backlog->topic,
                                                      .partition = backlog->partition,
                                                      .offset = message->offset};
            retention->input_ms =
                clock_mono_ms() + health_back_off(&retention->health, "record", &cause);
            return ERR_OK;
        }
        if (err != ERR_OK) {
            *why = cause;
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_input(struct retention *retention, struct why *why)
{
    if (clock_mono_ms() < retention->input_ms)
        return ERR_OK;
    if (retention->must_rewind) {
        enum err err = rewind_input(retention, why);
        if (err != ERR_OK || retention->must_rewind)
            return err;
    }
    struct bus_block block;
    struct why cause = {0};
    enum err err = bus_consumer_poll(retention->consumer, POLL_MAX, 0, &block, &cause);
    retention->is_turn_due |= block.count == POLL_MAX;
    if (block.was_rebalanced) {
        // Messages of the old and the new assignment may be mixed: all are read again.
        retention->must_rewind = block.count > 0;
        take_positions(retention);
        log_info("retention-assigned", "partitions=%zu", retention->backlogs.count);
    } else if (retention->backlogs.count == 0) {
        take_positions(retention); // a pending assignment was started without a rebalance
        if (retention->backlogs.count > 0)
            log_info("retention-assigned", "partitions=%zu", retention->backlogs.count);
    }
    if (err == ERR_OK)
        retention->input_ms = 0;
    if (err == ERR_OK && !block.was_rebalanced)
        err = take_block(retention, &block, &cause);
    bool was_empty = block.count == 0;
    bus_block_release(retention->consumer, &block);
    if (err == ERR_RETRY) {
        retention->must_rewind = true;
        retention->input_ms =
            clock_mono_ms() + health_back_off(&retention->health, "kafka", &cause);
        return ERR_OK;
    }
    if (err != ERR_OK) {
        *why = cause;
        return err;
    }
    if (was_empty && !bus_consumer_is_connected(retention->consumer, &cause))
        health_set(&retention->health, &cause);
    return pause_backlogs(retention, why);
}

// ---- a turn

// A record that could not be read is still to come.
static bool has_unread(struct retention *retention)
{
    const struct bus_position *unread = &retention->unread;
    if (unread->topic == NULL)
        return false;
    const struct backlog *backlog =
        backlogs_find(&retention->backlogs, unread->topic, unread->partition);
    if (backlog == NULL || backlog->next > unread->offset)
        retention->unread.topic = NULL;
    return unread->topic != NULL;
}

// Ready: nothing is waited for, and where plans are to be made, somebody may be asked.
static void tell_health(struct retention *retention)
{
    struct why why = {0};
    if (retention->database_ms != 0 || retention->input_ms != 0 || has_unread(retention) ||
        !bus_consumer_is_connected(retention->consumer, &why))
        return;
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        const struct retention_provider *provider = &retention->providers[i];
        if (provider->limits == NULL)
            continue;
        struct limits_state state;
        limits_show(provider->limits, retention_now(), &state);
        if (state.is_stopped) {
            backoff_reset(&retention->health.backoff);
            IGNORE(why_prefix(&state.why, ERR_RETRY, "%s", provider->name)); // its words count
            health_set(&retention->health, &state.why);
            return;
        }
    }
    health_works(&retention->health);
}

static enum err publish(struct retention *retention, struct why *why)
{
    // Without brokers a transaction would only be waited for, and no stop could end that.
    if (retention->is_unsettled || !bus_consumer_is_connected(retention->consumer, NULL))
        return ERR_OK;
    struct why cause = {0};
    enum err err = retention_publish(retention, &cause);
    if (err == ERR_OK && !retention->must_rewind && backlogs_items(&retention->backlogs) == 0)
        err = bus_producer_commit_ends(retention->producer, retention->consumer, &cause);
    if (err == ERR_RETRY) {
        log_warn("transaction-lost", "why=\"%s\"", cause.text);
        retention->must_rewind = retention->is_unsettled = true;
        retention->published_ms = 0; // again as soon as it can be
        retention->input_ms =
            clock_mono_ms() + health_back_off(&retention->health, "kafka", &cause);
        return ERR_OK;
    }
    if (err != ERR_OK)
        *why = cause;
    return err;
}

int64_t retention_next_ms(const struct task_queue *queue, int64_t now_ms, int64_t until_ms)
{
    for (const struct task *task = queue->first; task != NULL; task = task->next)
        if (task->due_ms > now_ms && task->due_ms < until_ms)
            until_ms = task->due_ms;
    return until_ms;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

// When the next turn has something to do although nothing comes.
static int64_t next_turn_ms(const struct retention *retention, int64_t now_ms)
{
    int64_t at_ms = now_ms + IDLE_MS;
    if (retention->is_turn_due || retention->order.has_next)
        return now_ms;
    if (retention->must_rewind || retention->input_ms != 0)
        at_ms = least(at_ms, retention->input_ms);
    if (retention->database_ms != 0)
        return least(at_ms, retention->database_ms);
    at_ms = least(at_ms, retention->control_ms + CONTROL_MS);
    int64_t due_ms = retention_next_ms(&retention->looking, now_ms, at_ms);
    due_ms = retention_next_ms(&retention->requests, now_ms, due_ms);
    due_ms = retention_next_ms(&retention->again, now_ms, due_ms);
    const struct task *first = retention->fresh.first; // it speaks for them all
    if (first != NULL && first->due_ms > now_ms)
        due_ms = least(due_ms, first->due_ms);
    return least(at_ms, due_ms > now_ms + GATHER_MS ? due_ms : now_ms + GATHER_MS);
}

static enum err turn(struct retention *retention, struct why *why)
{
    health_turn(&retention->health);
    retention->is_turn_due = retention->order.has_next = false;
    enum err err = read_input(retention, why);
    if (err == ERR_OK && retention->failure != ERR_OK) {
        *why = retention->failure_why;
        return retention->failure;
    }
    if (err == ERR_OK)
        err = ask_tables(retention, why);
    if (err == ERR_OK)
        err = publish(retention, why);
    int64_t now_ms = clock_mono_ms();
    if (err == ERR_OK)
        err = retention_take_answers(retention, next_turn_ms(retention, now_ms) - now_ms, why);
    if (err == ERR_OK)
        tell_health(retention);
    return err;
}

// Lets the calls in flight end, for a while, and publishes what is finished; begins nothing.
static enum err drain(struct retention *retention, int64_t most_ms, struct why *why)
{
    int64_t end_ms = clock_mono_ms() + most_ms;
    enum err err = ERR_OK;
    while (err == ERR_OK && retention->calling + retention->storing.count > 0 &&
           clock_mono_ms() < end_ms) {
        health_turn(&retention->health);
        err = retention_take_answers(retention, DRAIN_MS, why);
        struct why cause = {0};
        enum err stored = pg_connect(retention->pg, &cause);
        if (stored == ERR_OK)
            stored = retention_write(retention, false, &cause);
        if (stored != ERR_OK)
            break; // what was paid for is lost with the tables out of reach
    }
    retention_drop_calls(retention);
    retention->published_ms = 0;
    bool can_publish =
        !retention->is_unsettled && bus_consumer_is_connected(retention->consumer, NULL);
    return err == ERR_OK && can_publish ? retention_publish(retention, why) : err;
}

static void on_revoked(void *context, const struct bus_position *positions UNUSED,
                       size_t count UNUSED)
{
    struct retention *retention = context;
    struct why why = {0};
    enum err err =
        program_is_stopping() ? ERR_OK : drain(retention, retention->options.drain_ms, &why);
    if (err == ERR_FATAL) {
        retention->failure = err;
        retention->failure_why = why;
    }
    resume_all(retention);
    forget_all(retention);
}

// ---- the life of a worker

static enum err open_database(struct retention *retention, struct why *why)
{
    const struct pg_options options = {.url = retention->options.database_url,
                                       .application_name = retention->identity,
                                       .session_sql = sql_retention_session,
                                       .wait_ms = DATABASE_WAIT_MS,
                                       .stop_fd = program_stop_fd()};
    enum err err = pg_open(&options, &retention->pg, why);
    const struct sql_migration *migrations = NULL;
    size_t migration_count = sql_migrations(&migrations);
    while (err == ERR_OK) {
        err = pg_connect(retention->pg, why);
        if (err == ERR_OK)
            err = migrate_check(retention->pg, migrations, migration_count, why);
        if (err != ERR_RETRY)
            return err;
        err = health_wait(&retention->health, "tables", why);
    }
    return err;
}

// What was used today, by all processes, counts for the ceilings of the day.
static enum err load_days(struct retention *retention, struct why *why)
{
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        const struct retention_provider *provider = &retention->providers[i];
        if (provider->limits == NULL)
            continue;
        struct limits_now now = retention_now();
        struct providers_usage usage;
        enum err err = ERR_RETRY;
        while (err == ERR_RETRY) {
            err = pg_connect(retention->pg, why);
            if (err == ERR_OK)
                err = providers_usage_since(retention->pg, provider->name,
                                            limits_day_start_ms(provider->limits, now.real_ms),
                                            &usage, why);
            if (err == ERR_RETRY && health_wait(&retention->health, "tables", why) != ERR_OK)
                return ERR_STOP;
        }
        if (err != ERR_OK)
            return err;
        const struct limits_day day = {.requests = usage.calls,
                                       .tokens = usage.input_tokens + usage.output_tokens,
                                       .micro_usd = usage.cost_microusd};
        limits_load_day(provider->limits, &day, now);
    }
    return ERR_OK;
}

static void on_kafka_wait(void *context, const struct why *why)
{
    struct retention *retention = context;
    health_tell(&retention->health, "kafka", why);
}

static enum err open_producer(struct retention *retention, struct why *why)
{
    const struct bus_producer_options options = {
        .transactional_id = retention->identity, .on_wait = on_kafka_wait, .context = retention};
    enum err err = bus_producer_open(retention->options.bus, &options, &retention->producer, why);
    const char *const topics[] = {retention->dead_letters, retention->high_risk,
                                  retention->plan_requests, retention->replies, retention->plans};
    for (size_t i = 0; i < ARRAY_LEN(topics) && err == ERR_OK; i++) {
        err = bus_producer_partitions(retention->producer, topics[i], &retention->partitions, why);
        while (err == ERR_RETRY) {
            if (health_wait(&retention->health, "kafka", why) != ERR_OK)
                return ERR_STOP;
            err = bus_producer_partitions(retention->producer, topics[i], &retention->partitions,
                                          why);
        }
    }
    return err;
}

static void on_input(void *context)
{
    const struct retention *retention = context;
    http_multi_wake(retention->http);
}

static enum err owns_place(void *context, struct why *why)
{
    struct retention *retention = context;
    return bus_producer_owns_id(retention->producer, retention->dead_letters, why);
}

static enum err open_consumer(struct retention *retention, struct why *why)
{
    const char *const topics[] = {retention->high_risk, retention->plan_requests};
    const struct bus_consumer_options options = {.group = retention->group,
                                                 .instance_id = retention->identity,
                                                 .topics = topics,
                                                 .topic_count = ARRAY_LEN(topics),
                                                 .revoked = on_revoked,
                                                 .owns_place = owns_place,
                                                 .came = on_input,
                                                 .context = retention,
                                                 .fetch_wait_ms = FETCH_MS,
                                                 .queue_bytes =
                                                     retention->options.fetch_ahead_bytes};
    return bus_consumer_open(retention->options.bus, &options, &retention->consumer, why);
}

static enum err open_http(struct retention *retention, struct why *why)
{
    bool allows_http = false;
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        const struct provider_settings *settings = &retention->options.providers[i].settings;
        // provider_check has judged the addresses.
        allows_http |= settings->base_url != NULL && strncmp(settings->base_url, "http:", 5) == 0;
    }
    const struct http_multi_options options = {.ca_file = retention->options.ca_file,
                                               .proxy = retention->options.proxy,
                                               .calls_max = (size_t)retention->options.calls_max,
                                               .gather_ms = GATHER_MS,
                                               .allows_http = allows_http};
    return http_multi_new(&options, &retention->http, why);
}

static enum err open_all(struct retention *retention, struct why *why)
{
    const struct features *features = retention->options.features;
    enum err err = check_new(features, &retention->check, why);
    if (err == ERR_OK)
        err = rules_new(features, retention->check, &retention->rules, why);
    if (err == ERR_OK)
        err = open_http(retention, why);
    if (err == ERR_OK)
        err = open_database(retention, why);
    if (err == ERR_OK)
        err = load_days(retention, why);
    // Taking the transactional id ends what a predecessor left open: the committed offsets that the
    // consumer then reads are final.
    if (err == ERR_OK)
        err = open_producer(retention, why);
    return err == ERR_OK ? open_consumer(retention, why) : err;
}

enum err retention_run(struct retention *retention, struct why *why)
{
    enum err err = open_all(retention, why);
    if (err == ERR_OK)
        log_info("retention-started", "group=%s transactional_id=%s", retention->group,
                 retention->identity);
    struct idle idle = {0};
    while (err == ERR_OK && !program_is_stopping()) {
        err = turn(retention, why);
        idle_look(&idle);
    }
    if (err == ERR_OK)
        err = drain(retention, STOP_MS, why);
    health_set(&retention->health, &(struct why){.text = "the worker has stopped"});
    return err == ERR_OK || err == ERR_RETRY ? ERR_STOP : err;
}
