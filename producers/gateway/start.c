// SPDX-License-Identifier: MIT
#include "start.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/hasher.h"
#include "avro/records.h"
#include "avro/topics.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/topics.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "launch.h"
#include "limits.h"
#include "metrics.h"
#include "plans.h"
#include "predict.h"
#include "problem.h"
#include "store/leases.h"
#include "store/migrate.h"
#include "store/sql.h"

enum {
    SCHEMA_MAX = 256 * 1024,
    STEP_MS = 100,
    DATABASE_WAIT_MS = 5000,
    GIVE_UP_MS = 8000,
    READING_QUEUE = 8,
    // Answers come by the transaction, and so do the next calls of those who have them: what comes
    // together goes out in one request for each partition.
    LINGER_US = 500,
};

// ---- settings

static enum err read_origins(struct gateway *gateway, struct why *why)
{
    char *list = gateway->settings.cors_origins;
    gateway->origins = mem_array(strlen(list) + 1, sizeof *gateway->origins);
    for (char *at = list; *at != '\0';) {
        size_t len = strcspn(at, ",");
        bool is_last = at[len] == '\0';
        at[len] = '\0'; // the list is ours; it is not printed after this
        bool has_scheme = strncmp(at, "https://", 8) == 0 || strncmp(at, "http://", 7) == 0;
        const char *host = strstr(at, "://");
        if (!has_scheme || host[3] == '\0' || strchr(host + 3, '/') != NULL)
            return why_say(
                why, ERR_FATAL,
                "CORS_ORIGINS: \"%.100s\" is no origin: https://host or https://host:port", at);
        gateway->origins[gateway->origin_count++] = at;
        at += len + !is_last;
    }
    return ERR_OK;
}

static enum err read_registration(struct gateway *gateway, struct why *why)
{
    static const char *const names[] = {
        [REGISTRATION_OPEN] = "open", [REGISTRATION_INVITE] = "invite", [REGISTRATION_OFF] = "off"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(gateway->settings.registration, names[i]) == 0) {
            gateway->registration = (enum registration)i;
            return ERR_OK;
        }
    return why_say(why, ERR_FATAL, "REGISTRATION is open, invite or off");
}

enum err start_check(struct gateway *gateway, struct why *why)
{
    enum err err = auth_secret_key_check(bytes_from_string(gateway->settings.secret_key), why);
    if (err == ERR_OK)
        err = read_registration(gateway, why);
    return err == ERR_OK ? read_origins(gateway, why) : err;
}

// ---- waiting

static void wait_for(struct gateway *gateway, const char *what, const char *where)
{
    pthread_mutex_lock(&gateway->start_lock);
    IGNORE(why_say(&gateway->starting, ERR_RETRY, "waiting for %s%.150s", what, where)); // words
    pthread_mutex_unlock(&gateway->start_lock);
}

void start_tell(struct gateway *gateway, struct why *why)
{
    pthread_mutex_lock(&gateway->start_lock);
    *why = gateway->starting;
    pthread_mutex_unlock(&gateway->start_lock);
}

static void on_registry_wait(const struct why *why)
{
    log_warn("registry-waits", "why=\"%s\"", why->text);
}

// ---- the schema registry

static enum err register_topic(struct gateway *gateway, enum bus_topic topic, const char *schema,
                               uint32_t *ret, struct why *why)
{
    CLEANUP(mem_free_p)
    char *subject =
        mem_printf("%s%s-value", gateway->settings.topic_prefix, bus_topics[topic].name);
    return registry_register_wait(gateway->registry, subject, schema, ret, why);
}

static enum err open_registry(struct gateway *gateway, struct why *why)
{
    struct registry_options options = REGISTRY_OPTIONS(&gateway->settings);
    CLEANUP(text_done) struct text schema = TEXT_INIT(SCHEMA_MAX);
    options.on_wait = on_registry_wait;
    wait_for(gateway, "the schema registry at ", gateway->settings.schema_registry_url);
    enum err err = registry_open(&options, &gateway->registry, why);
    if (err == ERR_OK)
        err = registry_wait(gateway->registry, why);
    if (err == ERR_OK)
        err = features_write_schema(gateway->features, &schema);
    if (err == ERR_OK)
        err = avro_employee_encoder_new(gateway->features, text_bytes(&schema), &gateway->encoder,
                                        why);
    if (err == ERR_OK)
        err = register_topic(gateway, BUS_TOPIC_SCORE_REQUESTS, text_string(&schema),
                             &gateway->requests_schema_id, why);
    if (err == ERR_OK)
        err = register_topic(gateway, BUS_TOPIC_EMPLOYEE_CHANGES, text_string(&schema),
                             &gateway->changes_schema_id, why);
    const struct avro_topic *plans = avro_topic_find(bus_topics[BUS_TOPIC_PLAN_REQUESTS].name);
    if (err == ERR_OK)
        err = register_topic(gateway, BUS_TOPIC_PLAN_REQUESTS, plans->schema,
                             &gateway->plan_requests_schema_id, why);
    gateway->prediction_decoder =
        decoder_new(gateway->registry, avro_prediction_fields, AVRO_PREDICTION_FIELDS);
    gateway->plan_decoder = decoder_new(gateway->registry, avro_plan_fields, AVRO_PLAN_FIELDS);
    return err;
}

// ---- PostgreSQL

static enum err look_at_tables(struct gateway *gateway, struct pg *pg, struct why *why)
{
    const struct sql_migration *migrations = NULL;
    size_t count = sql_migrations(&migrations);
    enum err err = pg_connect(pg, why);
    if (err == ERR_OK)
        err = migrate_check(pg, migrations, count, why);
    return err == ERR_OK ? keeper_first_look(gateway, pg, why) : err;
}

static enum err wait_for_tables(struct gateway *gateway, struct pg *pg, struct why *why)
{
    struct backoff backoff;
    backoff_init(&backoff, 50, 5000);
    wait_for(gateway, "PostgreSQL", "");
    enum err err = look_at_tables(gateway, pg, why);
    while (err == ERR_RETRY) {
        int64_t wait_ms = backoff_next_ms(&backoff);
        if (backoff.tries == 1 || backoff.tries % 10 == 0)
            log_warn("postgresql-waits", "why=\"%s\"", why->text);
        if (program_wait_ms(wait_ms))
            return ERR_STOP;
        err = look_at_tables(gateway, pg, why);
    }
    return err == ERR_REJECT ? ERR_FATAL : err;
}

static enum err open_tables(struct gateway *gateway, struct pg **ret, struct why *why)
{
    const struct settings *settings = &gateway->settings;
    const struct pg_options pg = {.url = settings->database_url,
                                  .application_name = "retentionai-gateway-start",
                                  .session_sql = sql_gateway_session,
                                  .wait_ms = DATABASE_WAIT_MS,
                                  .stop_fd = program_stop_fd()};
    enum err err = pg_open(&pg, ret, why);
    if (err == ERR_OK)
        err = wait_for_tables(gateway, *ret, why);
    const struct database_options database = {.url = settings->database_url,
                                              .connections = (size_t)settings->database_connections,
                                              .queue_max = (size_t)settings->database_queue,
                                              .metrics = gateway->metrics};
    if (err == ERR_OK)
        err = database_open(&database, &gateway->database, why);
    if (err == ERR_OK) {
        gateway->numbers = numbers_new(gateway->database);
        numbers_fill(gateway->numbers);
    }
    return err;
}

// ---- what waits, and who hashes

// What comes with a login, the database's part above all, needs a processor, too.
static size_t hash_threads(int64_t given)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return given > 0 ? (size_t)given : processors >= 4 ? (size_t)processors / 2 : 1;
}

static void *enter_hashing(void *context)
{
    (void)context;
    return auth_hasher_new();
}

static void leave_hashing(void *hasher)
{
    auth_hasher_free(hasher);
}

static enum err open_pools(struct gateway *gateway, struct why *why)
{
    const struct settings *settings = &gateway->settings;
    const struct pending_options pending = {.most = (size_t)settings->max_waiting,
                                            .metrics = gateway->metrics,
                                            .answer = launch_answer,
                                            .context = gateway};
    gateway->pending = pending_new(&pending);
    const struct rows_options rows = {
        .url = settings->database_url, .metrics = gateway->metrics, .pending = gateway->pending};
    const struct pool_options hashing = {.threads = hash_threads(settings->hash_threads),
                                         .queue_max = (size_t)settings->hash_queue,
                                         .enter = enter_hashing,
                                         .leave = leave_hashing};
    const struct pool_options reading = {.threads = 1, .queue_max = READING_QUEUE};
    enum err err = rows_start(&rows, &gateway->rows, why);
    if (err == ERR_OK)
        err = pool_start(&reading, &gateway->reading, why);
    return err == ERR_OK ? pool_start(&hashing, &gateway->hashing, why) : err;
}

// ---- Kafka

static void name_topics(struct gateway *gateway)
{
    const char *prefix = gateway->settings.topic_prefix;
    gateway->score_requests = bus_topic_name(prefix, BUS_TOPIC_SCORE_REQUESTS);
    gateway->employee_changes = bus_topic_name(prefix, BUS_TOPIC_EMPLOYEE_CHANGES);
    gateway->plan_requests = bus_topic_name(prefix, BUS_TOPIC_PLAN_REQUESTS);
    gateway->prediction_replies = bus_topic_name(prefix, BUS_TOPIC_PREDICTION_REPLIES);
    gateway->plan_replies = bus_topic_name(prefix, BUS_TOPIC_PLAN_REPLIES);
}

void start_free_names(struct gateway *gateway)
{
    free(gateway->score_requests);
    free(gateway->employee_changes);
    free(gateway->plan_requests);
    free(gateway->prediction_replies);
    free(gateway->plan_replies);
    free(gateway->origins);
}

static enum err open_sender(struct gateway *gateway, int32_t *ret_partitions, struct why *why)
{
    // The reply topics, too: their number of partitions is asked for.
    const char *const topics[] = {gateway->score_requests, gateway->employee_changes,
                                  gateway->plan_requests, gateway->prediction_replies,
                                  gateway->plan_replies};
    const struct bus_sender_options options = {.topics = topics,
                                               .topic_count = ARRAY_LEN(topics),
                                               .linger_us = LINGER_US,
                                               .give_up_ms = GIVE_UP_MS};
    enum err err = bus_sender_open(&gateway->bus, &options, &gateway->sender, why);
    if (err != ERR_OK)
        return err;
    wait_for(gateway, "Kafka at ", gateway->settings.kafka_bootstrap_servers);
    for (int tries = 0; !bus_sender_is_connected(gateway->sender, why); tries++) {
        if (tries % 100 == 20)
            log_warn("kafka-waits", "why=\"%s\"", why->text);
        if (program_wait_ms(STEP_MS))
            return ERR_STOP;
    }
    *ret_partitions = bus_sender_partitions(gateway->sender, gateway->prediction_replies);
    return ERR_OK;
}

// A partition of the reply topics of our own, or one that is shared.
static enum err lease_partition(struct gateway *gateway, struct pg *pg, int32_t partitions,
                                struct why *why)
{
    char holder[ID_LEN + 1];
    bool is_taken = false;
    id_new(clock_real_ms(), holder);
    enum err err = leases_take(pg, holder, partitions, REPLY_LEASE_MS, &is_taken,
                               &gateway->reply_partition, why);
    if (err == ERR_OK && is_taken) {
        keeper_set_lease(gateway->keeper, holder, gateway->reply_partition);
        return ERR_OK;
    }
    uint32_t any = 0;
    crypto_random(&any, sizeof any);
    gateway->reply_partition = (int32_t)(any % (uint32_t)partitions);
    log_warn("reply-partition-shared", "partition=%d why=\"%s\"", gateway->reply_partition,
             err == ERR_OK ? "all are leased" : why->text);
    return err == ERR_RETRY ? ERR_OK : err;
}

static enum err start_readers(struct gateway *gateway, struct why *why)
{
    struct replies_options options = {.bus = &gateway->bus,
                                      .topic = gateway->prediction_replies,
                                      .name = bus_topics[BUS_TOPIC_PREDICTION_REPLIES].name,
                                      .partition = gateway->reply_partition,
                                      .metrics = gateway->metrics,
                                      .take = predict_take_reply,
                                      .context = gateway};
    struct metrics *metrics = gateway->metrics;
    gateway->replies_answered[0] = metrics_cell(metrics, METRIC_REPLIES, options.name, "answered");
    gateway->replies_unknown[0] = metrics_cell(metrics, METRIC_REPLIES, options.name, "unknown");
    enum err err = replies_start(&options, &gateway->prediction_reader, why);
    options.topic = gateway->plan_replies;
    options.name = bus_topics[BUS_TOPIC_PLAN_REPLIES].name;
    options.take = plans_take_reply;
    gateway->replies_answered[1] = metrics_cell(metrics, METRIC_REPLIES, options.name, "answered");
    gateway->replies_unknown[1] = metrics_cell(metrics, METRIC_REPLIES, options.name, "unknown");
    if (err == ERR_OK)
        err = replies_start(&options, &gateway->plan_reader, why);
    // Before that every call would only be told to come again.
    while (err == ERR_OK && !(replies_are_read(gateway->prediction_reader, why) &&
                              replies_are_read(gateway->plan_reader, why)))
        err = program_wait_ms(STEP_MS) ? ERR_STOP : ERR_OK;
    return err;
}

// ---- HTTP

static enum err start_server(struct gateway *gateway, struct why *why)
{
    const struct settings *settings = &gateway->settings;
    struct http_server_options options = {.address = settings->http_address,
                                          .port = (uint16_t)settings->http_port,
                                          .threads = (unsigned)settings->http_threads,
                                          .context = gateway,
                                          .finished = routes_finished,
                                          .origins = gateway->origins,
                                          .origin_count = gateway->origin_count,
                                          .hsts_s = settings->hsts_ms / 1000,
                                          .connections_max = (size_t)settings->http_connections,
                                          .per_address_max = (size_t)settings->http_per_address};
    options.routes = routes_table(&options.route_count);
    return http_server_start(&options, &gateway->server, why);
}

enum err start_all(struct gateway *gateway, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    int32_t partitions = 0;
    enum err err = crypto_init(why);
    if (err == ERR_OK)
        err = auth_sealer_init(&gateway->sealer, bytes_from_string(gateway->settings.secret_key),
                               why);
    if (err == ERR_OK)
        err = features_load(gateway->settings.features_file, &gateway->features, why);
    if (err != ERR_OK)
        return err;
    gateway->reader = body_reader_new(gateway->features);
    gateway->authority = authority_new(&(struct authority_options){
        .issuer = gateway->settings.issuer, .metrics = gateway->metrics});
    gateway->no_token =
        problem_fixed(PROBLEM_NO_TOKEN, "send the header Authorization: Bearer with the access "
                                        "token of /login");
    gateway->bad_token = problem_fixed(PROBLEM_BAD_TOKEN, "log in again, or use the refresh token");
    if (gateway->settings.rate_limit > 0)
        gateway->limits = limits_new(gateway->settings.rate_limit);
    name_topics(gateway);
    err = documents_open(gateway, &gateway->documents, why);
    if (err == ERR_OK)
        err = open_registry(gateway, why);
    if (err == ERR_OK)
        err = open_tables(gateway, &pg, why);
    if (err == ERR_OK)
        err = open_pools(gateway, why);
    if (err == ERR_OK)
        err = open_sender(gateway, &partitions, why);
    if (err == ERR_OK)
        err = keeper_start(gateway, &gateway->keeper, why);
    if (err == ERR_OK)
        err = lease_partition(gateway, pg, partitions, why);
    if (err == ERR_OK)
        err = start_readers(gateway, why);
    return err == ERR_OK ? start_server(gateway, why) : err;
}
