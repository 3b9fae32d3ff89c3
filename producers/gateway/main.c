// SPDX-License-Identifier: MIT
// retentionai-gateway: the HTTP service in front of the queue.

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/hasher.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "http/ops.h"
#include "limits.h"
#include "metrics.h"
#include "start.h"

enum { END_MS = 1500, CLOSE_MS = 400 }; // beside DRAIN, of which the default leaves 4.5 s

static const struct setting table[] = {
#define SETTING SETTING_ROW
#include "settings.def"
#undef SETTING
};

static const struct settings_spec spec = {
    .program = "retentionai-gateway",
    .purpose =
        "The HTTP interface: registers users, gives tokens, publishes what is asked for to Kafka "
        "and answers with the committed result. Its routes are shown at /docs.",
    .usage = "[settings]",
    .more = "Waits for Kafka, the schema registry and PostgreSQL as long as they are away: the log "
            "and\n"
            "/readyz say for which, and where.\n"
            "Exit status: 0 stopped by a signal; 1 failed, the last lines of the log say why; 2 "
            "settings.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static const struct metric metric_table[] = {
#define METRIC METRIC_ROW
#include "metrics.def"
#undef METRIC
};

static void on_kafka_log(int level, const char *facility, const char *message)
{
    log_line(log_level_of_syslog(level), "kafka", "facility=%s text=\"%s\"", facility, message);
}

static void measure(void *context)
{
    struct gateway *gateway = context;
    struct metrics *metrics = gateway->metrics;
    struct mallinfo2 info = mallinfo2();
    metric_set(metrics_cell(metrics, METRIC_HEAP_BYTES, NULL, NULL),
               (double)(info.uordblks + info.hblkhd));
    if (!atomic_load(&gateway->is_running))
        return;
    metric_set(metrics_cell(metrics, METRIC_DATABASE_QUEUE, NULL, NULL),
               (double)database_waiting(gateway->database));
    metric_set(metrics_cell(metrics, METRIC_HASH_QUEUE, NULL, NULL),
               (double)pool_waiting(gateway->hashing));
    metric_set(metrics_cell(metrics, METRIC_TOKENS_REMEMBERED, NULL, NULL),
               (double)authority_remembered(gateway->authority));
    metric_set(metrics_cell(metrics, METRIC_CONNECTIONS, NULL, NULL),
               (double)http_server_connections(gateway->server));
}

bool gateway_is_ready(struct gateway *gateway, struct why *why)
{
    if (program_is_stopping())
        return why_say(why, ERR_STOP, "the gateway is about to end") == ERR_OK;
    return bus_sender_is_connected(gateway->sender, why) &&
           replies_are_read(gateway->prediction_reader, why) &&
           replies_are_read(gateway->plan_reader, why) &&
           database_is_there(gateway->database, why) && keeper_is_fresh(gateway->keeper, why);
}

// Of the operations port, which is there before the rest.
static bool is_ready(void *context, struct why *why)
{
    struct gateway *gateway = context;
    if (atomic_load(&gateway->is_running))
        return gateway_is_ready(gateway, why);
    start_tell(gateway, why);
    return false;
}

static enum err open_operations(struct gateway *gateway, struct why *why)
{
    gateway->metrics = metrics_new(metric_table, ARRAY_LEN(metric_table));
    gateway->tally = routes_tally_new(gateway->metrics);
    const struct ops_options ops = {.address = gateway->settings.metrics_address,
                                    .port = (uint16_t)gateway->settings.metrics_port,
                                    .metrics = gateway->metrics,
                                    .is_ready = is_ready,
                                    .measure = measure,
                                    .context = gateway};
    return ops_start(&ops, &gateway->ops, why);
}

// What waits gets its result or is told where to find it; new calls are refused meanwhile.
static void drain(struct gateway *gateway)
{
    int64_t drain_ms = gateway->settings.drain_ms;
    log_info("draining", "waiting=%zu open=%zu", pending_count(gateway->pending),
             http_server_open(gateway->server));
    pending_close(gateway->pending, clock_mono_ms() + drain_ms / 2);
    if (!http_server_drain(gateway->server, drain_ms))
        log_warn("drained", "left=%zu", http_server_open(gateway->server));
}

static enum err run(struct gateway *gateway, struct why *why)
{
    enum err err = open_operations(gateway, why);
    if (err == ERR_OK)
        err = start_all(gateway, why);
    if (err != ERR_OK)
        return err;
    atomic_store(&gateway->is_running, true);
    log_info("started", "address=%s port=%u registration=%s partition=%" PRId32,
             gateway->settings.http_address, http_server_port(gateway->server),
             gateway->settings.registration, gateway->reply_partition);
    while (!program_wait_ms(60000))
        ;
    drain(gateway);
    return ERR_STOP;
}

// First what takes calls in; then what works on them ends one after the other, each telling those
// whose work is left; what they tell of lives until nobody can any more.
static void close_gateway(struct gateway *gateway)
{
    ops_stop(gateway->ops); // asks the others
    http_server_stop(gateway->server);
    keeper_stop(gateway->keeper);
    pool_stop(gateway->hashing);
    pool_stop(gateway->reading);
    database_stop(gateway->database);
    if (gateway->sender != NULL)
        IGNORE(bus_sender_drain(gateway->sender, CLOSE_MS, NULL)); // what is left is given up
    bus_sender_close(gateway->sender);
    if (gateway->pending != NULL)
        pending_end(gateway->pending);
    replies_stop(gateway->prediction_reader);
    replies_stop(gateway->plan_reader);
    rows_stop(gateway->rows, CLOSE_MS);
    pool_free(gateway->hashing);
    pool_free(gateway->reading);
    database_free(gateway->database);
    keeper_free(gateway->keeper);
    numbers_free(gateway->numbers);
    pending_free(gateway->pending);
    decoder_free(gateway->prediction_decoder);
    decoder_free(gateway->plan_decoder);
    documents_close(gateway->documents);
    http_fixed_free(gateway->no_token);
    http_fixed_free(gateway->bad_token);
    authority_free(gateway->authority);
    limits_free(gateway->limits);
    crypto_wipe(&gateway->sealer, sizeof gateway->sealer);
    avro_employee_encoder_free(gateway->encoder);
    registry_close(gateway->registry);
    body_reader_free(gateway->reader);
    features_free(gateway->features);
    free(gateway->tally);
    metrics_free(gateway->metrics);
    start_free_names(gateway);
    bus_properties_free(gateway->properties);
    settings_free(&spec, &gateway->settings);
}

// Everything that can be told to be wrong before anything is touched.
static enum err read_settings(struct gateway *gateway, int argc, char **argv, bool *ret_done,
                              struct why *why)
{
    int rest = 0;
    enum err err = settings_load(&spec, &gateway->settings, argc, argv, &rest, ret_done, why);
    if (err != ERR_OK || *ret_done)
        return err;
    if (rest > 0)
        return why_say(why, ERR_FATAL, "takes no arguments beside settings, see --help");
    gateway->properties = bus_properties_from_environment();
    gateway->bus = (struct bus_config){gateway->settings.kafka_bootstrap_servers, spec.program,
                                       gateway->properties, on_kafka_log};
    err = start_check(gateway, why);
    if (err == ERR_OK)
        err = bus_config_check(&gateway->bus, why);
    return err == ERR_OK ? registry_check_url(gateway->settings.schema_registry_url, why) : err;
}

int main(int argc, char **argv)
{
    static struct gateway gateway = {.start_lock = PTHREAD_MUTEX_INITIALIZER}; // large
    struct why why = {0};
    bool is_done = false;
    int status = EXIT_OK;
    if (auth_hasher_serve(argc, argv, &status))
        return status;
    enum err err = read_settings(&gateway, argc, argv, &is_done, &why);
    if (err != ERR_OK || is_done) {
        if (err != ERR_OK)
            fprintf(stderr, "%s: %s\n", spec.program, why.text);
        close_gateway(&gateway);
        return err == ERR_OK ? EXIT_OK : EXIT_USAGE;
    }
    log_init(spec.program, gateway.settings.log_level);
    mallopt(M_ARENA_MAX, 4); // more threads than that would each keep a heap
    // Each answer of a kilobyte would first merge all that is kept in fast bins.
    mallopt(M_MXFAST, 0);
    program_init(gateway.settings.drain_ms + END_MS);
    // What was acknowledged is in Kafka, whenever the process ends; a 200 and a 202 came after
    // that.
    program_set_late_status(EXIT_OK);
    err = run(&gateway, &why);
    if (err == ERR_STOP)
        err = ERR_OK;
    if (err != ERR_OK)
        log_error("failed", "code=%s why=\"%s\"", why.code, why.text);
    status = err == ERR_OK ? EXIT_OK : EXIT_FAILED;
    program_set_late_status(status);
    program_stop(); // the grace bounds the closing, too
    close_gateway(&gateway);
    log_info("ended", "verdict=%s", err_name(err));
    return status;
}
