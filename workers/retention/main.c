// SPDX-License-Identifier: MIT
// retentionai-retention: three retention actions for those at risk.

#include <inttypes.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "avro/topics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/config.h"
#include "bus/topics.h"
#include "domain/plan.h"
#include "http/ops.h"
#include "metrics.h"
#include "retention.h"
#include "settings.h"

enum { GRACE_MS = 4500, SLOT_TAKEN_MS = 60000 };

static const struct setting table[] = {
#define SETTING SETTING_ROW
#include "settings.def"
#undef SETTING
};

static const struct settings_spec spec = {
    .program = "retentionai-retention",
    .purpose =
        "Makes retention plans: reads high-risk and plan-requests, asks a language model (which "
        "learns banded facts and never who the person is) or our own rules for three actions, "
        "checks them, and writes retention-plans and plan-replies.",
    .usage = "[settings]",
    .more = "Waits for Kafka, the schema registry and PostgreSQL as long as they are away: the log "
            "and\n"
            "/readyz say for which, and where.\n"
            "Exit status: 0 stopped by a signal; 1 failed, the last lines of the log say why; 2 "
            "settings;\n"
            "3 another process has this WORKER_SLOT, do not start again.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static const struct metric metric_table[] = {
#define METRIC METRIC_ROW
#include "metrics.def"
#undef METRIC
};

struct worker {
    struct settings settings;
    char **properties;
    struct bus_config bus;
    struct retention_options options;
    struct features *features;
    struct facts_choice facts;
    struct metrics *metrics;
    struct registry *registry;
    struct ops_server *ops;
    struct retention *retention;
    atomic_bool is_running; // the operations port may ask it
};

static void on_kafka_log(int level, const char *facility, const char *message)
{
    log_line(log_level_of_syslog(level), "kafka", "facility=%s text=\"%s\"", facility, message);
}

static void on_registry_wait(const struct why *why)
{
    log_warn("registry-waits", "why=\"%s\"", why->text);
}

static bool is_ready(void *context, struct why *why)
{
    struct worker *worker = context;
    if (atomic_load(&worker->is_running))
        return retention_is_ready(worker->retention, why);
    IGNORE(why_say(why, ERR_RETRY, "waiting for the schema registry at %.150s",
                   worker->settings.schema_registry_url)); // its words are what counts
    return false;
}

static void measure(void *context)
{
    struct worker *worker = context;
    struct mallinfo2 info = mallinfo2();
    metric_set(metrics_cell(worker->metrics, METRIC_HEAP_BYTES, NULL, NULL),
               (double)(info.uordblks + info.hblkhd));
}

static enum err open_worker(struct worker *worker, struct why *why)
{
    const struct settings *settings = &worker->settings;
    worker->metrics = metrics_new(metric_table, ARRAY_LEN(metric_table));
    enum err err = features_load(settings->features_file, &worker->features, why);
    if (err == ERR_OK)
        err = facts_choose(worker->features, bytes_from_string(settings->plan_facts),
                           &worker->facts, why);
    if (err != ERR_OK)
        return err;
    const struct ops_options ops = {.address = settings->metrics_address,
                                    .port = (uint16_t)settings->metrics_port,
                                    .metrics = worker->metrics,
                                    .is_ready = is_ready,
                                    .measure = measure,
                                    .context = worker};
    return ops_start(&ops, &worker->ops, why);
}

static enum err register_plan(struct worker *worker, enum bus_topic topic, uint32_t *ret,
                              struct why *why)
{
    CLEANUP(mem_free_p)
    char *subject = mem_printf("%s%s-value", worker->settings.topic_prefix, bus_topics[topic].name);
    return registry_register_wait(worker->registry, subject,
                                  avro_topic_find(bus_topics[topic].name)->schema, ret, why);
}

static enum err open_registry(struct worker *worker, struct why *why)
{
    const struct settings *settings = &worker->settings;
    struct registry_options options = REGISTRY_OPTIONS(settings);
    options.on_wait = on_registry_wait;
    enum err err = registry_open(&options, &worker->registry, why);
    if (err == ERR_OK)
        err = registry_wait(worker->registry, why);
    // One schema under two subjects has one id.
    if (err == ERR_OK)
        err = register_plan(worker, BUS_TOPIC_PLAN_REPLIES, &worker->options.plan_schema_id, why);
    if (err == ERR_OK)
        err =
            register_plan(worker, BUS_TOPIC_RETENTION_PLANS, &worker->options.plan_schema_id, why);
    return err;
}

static void make_retention(struct worker *worker)
{
    const struct settings *settings = &worker->settings;
    struct retention_options *options = &worker->options;
    options->topic_prefix = settings->topic_prefix;
    options->slot = settings->worker_slot;
    options->bus = &worker->bus;
    options->database_url = settings->database_url;
    options->features = worker->features;
    options->facts = &worker->facts;
    options->registry = worker->registry;
    options->metrics = worker->metrics;
    options->reuse_ms = settings->plan_reuse_ms;
    options->cache_ms = settings->plan_cache_ms;
    options->drain_ms = settings->drain_ms;
    options->ca_file = settings->llm_ca_file;
    options->proxy = settings->llm_proxy;
    options->fetch_ahead_bytes = settings->fetch_ahead_bytes;
    worker->retention = retention_new(options);
}

static enum err run(struct worker *worker, bool *ret_slot_taken, struct why *why)
{
    enum err err = open_worker(worker, why);
    if (err != ERR_OK)
        return err;
    log_info("started", "providers=%s slot=%" PRId64, worker->settings.plan_providers,
             worker->settings.worker_slot);
    err = open_registry(worker, why);
    if (err != ERR_OK)
        return err;
    make_retention(worker);
    atomic_store(&worker->is_running, true);
    int64_t started_ms = clock_mono_ms();
    err = retention_run(worker->retention, why);
    // Fenced soon after the start: the slot belongs to a process that was there before.
    *ret_slot_taken = err == ERR_FATAL && strcmp(why->code, "fenced") == 0 &&
                      clock_mono_ms() - started_ms < SLOT_TAKEN_MS;
    return err;
}

static void close_worker(struct worker *worker)
{
    ops_stop(worker->ops); // asks the worker, so it ends before it
    retention_free(worker->retention);
    registry_close(worker->registry);
    metrics_free(worker->metrics);
    features_free(worker->features);
    bus_properties_free(worker->properties);
    settings_free(&spec, &worker->settings);
}

// ---- settings

// One name of PLAN_PROVIDERS.
static enum err add_provider(struct worker *worker, struct bytes name, struct why *why)
{
    const struct settings *settings = &worker->settings;
    struct retention_options *options = &worker->options;
    struct retention_provider_options provider = {.is_rules = false};
    enum plan_maker maker = PLAN_MAKER_RULES;
    if (!plan_maker_from_text(name, &maker))
        return why_say(why, ERR_FATAL,
                       "PLAN_PROVIDERS: there is no provider \"%.*s\"; there are gemini, "
                       "openai-compatible and rules",
                       (int)(name.len < 40 ? name.len : 40), (const char *)name.data);
    switch (maker) {
    case PLAN_MAKER_GEMINI:
        provider.settings = PROVIDER_GEMINI_SETTINGS(settings);
        provider.limits = LIMITS_SETTINGS(settings, gemini, true);
        break;
    case PLAN_MAKER_OPENAI:
        provider.settings = PROVIDER_OPENAI_SETTINGS(settings);
        provider.limits = LIMITS_SETTINGS(settings, openai, false);
        break;
    case PLAN_MAKER_RULES:
        provider.is_rules = true;
        break;
    }
    for (size_t i = 0; i < options->provider_count; i++)
        if (options->providers[i].is_rules == provider.is_rules &&
            (provider.is_rules || options->providers[i].settings.kind == provider.settings.kind))
            return why_say(why, ERR_FATAL, "PLAN_PROVIDERS names %s twice", plan_maker_name(maker));
    if (options->provider_count > 0 && options->providers[options->provider_count - 1].is_rules)
        return why_say(
            why, ERR_FATAL,
            "PLAN_PROVIDERS: rules always have an answer, so nobody behind them would be "
            "asked; name them last");
    options->providers[options->provider_count++] = provider;
    options->calls_max += provider.is_rules ? 0 : provider.limits.concurrency;
    return provider.is_rules ? ERR_OK : provider_check(&provider.settings, why);
}

static enum err read_providers(struct worker *worker, struct why *why)
{
    for (const char *at = worker->settings.plan_providers; *at != '\0';) {
        size_t len = strcspn(at, ",");
        enum err err = add_provider(worker, bytes_of(at, len), why);
        if (err != ERR_OK)
            return err;
        at += len + (at[len] == ',');
    }
    return worker->options.provider_count > 0
               ? ERR_OK
               : why_say(why, ERR_FATAL, "PLAN_PROVIDERS names no provider");
}

// Everything that can be told to be wrong before anything is touched.
static enum err read_settings(struct worker *worker, int argc, char **argv, bool *ret_done,
                              struct why *why)
{
    int rest = 0;
    enum err err = settings_load(&spec, &worker->settings, argc, argv, &rest, ret_done, why);
    if (err != ERR_OK || *ret_done)
        return err;
    if (rest > 0)
        return why_say(why, ERR_FATAL, "takes no arguments beside settings, see --help");
    if (!language_from_text(bytes_from_string(worker->settings.plan_language),
                            &worker->options.language))
        return why_say(why, ERR_FATAL, "PLAN_LANGUAGE: plans are written in en or fr");
    worker->properties = bus_properties_from_environment();
    worker->bus = (struct bus_config){worker->settings.kafka_bootstrap_servers, spec.program,
                                      worker->properties, on_kafka_log};
    err = read_providers(worker, why);
    if (err == ERR_OK)
        err = bus_config_check(&worker->bus, why);
    return err == ERR_OK ? registry_check_url(worker->settings.schema_registry_url, why) : err;
}

int main(int argc, char **argv)
{
    struct worker worker = {0};
    struct why why = {0};
    bool is_done = false;
    enum err err = read_settings(&worker, argc, argv, &is_done, &why);
    if (err != ERR_OK || is_done) {
        if (err != ERR_OK)
            fprintf(stderr, "%s: %s\n", spec.program, why.text);
        close_worker(&worker);
        return err == ERR_OK ? EXIT_OK : EXIT_USAGE;
    }
    log_init(spec.program, worker.settings.log_level);
    mallopt(M_ARENA_MAX, 2); // threads of librdkafka would otherwise each keep a heap
    program_init(GRACE_MS);
    // Nothing is half done whenever the process ends: transactions roll back, and the next start
    // goes on. So a stop that servers do not let end in time is no failure.
    program_set_late_status(EXIT_OK);
    bool is_slot_taken = false;
    err = run(&worker, &is_slot_taken, &why);
    if (err == ERR_STOP)
        err = ERR_OK;
    if (err != ERR_OK)
        log_error("failed", "code=%s why=\"%s\"", why.code, why.text);
    int status = err == ERR_OK ? EXIT_OK : is_slot_taken ? EXIT_SLOT_TAKEN : EXIT_FAILED;
    program_set_late_status(status);
    program_stop(); // the grace bounds the closing, too
    close_worker(&worker);
    log_info("ended", "verdict=%s", err_name(err));
    return status;
}
