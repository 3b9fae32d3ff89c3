// SPDX-License-Identifier: MIT
// retentionai-scoring: scores every change of an employee and records the scores.

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "avro/topics.h"
#include "base/clock.h"
#include "base/idle.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/config.h"
#include "bus/topics.h"
#include "domain/features.h"
#include "http/ops.h"
#include "lane.h"
#include "live_model.h"
#include "metrics.h"
#include "recorder.h"
#include "registry/registry.h"
#include "settings.h"

// One thread per lane; main waits for the stop and for the first lane that ends by itself.

enum {
    GRACE_MS = 4500,
    SLOT_TAKEN_MS = 60000,
    LOOK_MS = 1000,                 // between looks at the model's file
    JOBS_MAX = BUS_TOPIC_COUNT + 1, // each once, and the recorder
};

static const struct setting table[] = {
#define SETTING SETTING_ROW
#include "settings.def"
#undef SETTING
};

static const struct settings_spec spec = {
    .program = "retentionai-scoring",
    .purpose = "Scores every change of an employee and every request: reads employee-changes, "
               "score-requests and employee-rescore, writes predictions, high-risk and replies in "
               "one Kafka transaction each, and records the topics into PostgreSQL.",
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

struct job {
    const char *name;
    const char *topic; // that it scores, without the prefix; NULL: it is the recorder
    struct lane *lane; // one of the two, once it is made
    struct recorder *recorder;
    pthread_t thread;
    bool is_started;
    bool is_slot_taken;
    enum err err;
    struct why why;
};

struct worker {
    struct settings settings;
    char **properties;
    struct bus_config bus;
    struct features *features;
    struct facts_choice facts;
    struct live_model *model;
    struct metrics *metrics;
    struct registry *registry;
    struct ops_server *ops;
    uint32_t prediction_schema_id, high_risk_schema_id, reply_schema_id;
    struct activity activity;
    struct job jobs[JOBS_MAX];
    size_t job_count;
    atomic_bool is_running; // the jobs are made: the operations port may ask them
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
    if (!atomic_load(&worker->is_running)) {
        IGNORE(why_say(why, ERR_RETRY, "waiting for the schema registry at %.150s",
                       worker->settings.schema_registry_url)); // its words are what counts
        return false;
    }
    for (size_t i = 0; i < worker->job_count; i++) {
        struct job *job = &worker->jobs[i];
        bool is_fine = job->lane != NULL ? lane_is_ready(job->lane, why)
                                         : recorder_is_ready(job->recorder, why);
        if (!is_fine)
            return false;
    }
    return true;
}

static void measure(void *context)
{
    struct worker *worker = context;
    struct mallinfo2 info = mallinfo2();
    metric_set(metrics_cell(worker->metrics, METRIC_HEAP_BYTES, NULL, NULL),
               (double)(info.uordblks + info.hblkhd));
}

static void *run_job(void *argument)
{
    struct job *job = argument;
    int64_t started_ms = clock_mono_ms();
    job->err =
        job->lane != NULL ? lane_run(job->lane, &job->why) : recorder_run(job->recorder, &job->why);
    // Fenced soon after the start: the slot belongs to a process that was there before, and to come
    // back would only fence that one.
    bool is_fenced = job->err == ERR_FATAL && strcmp(job->why.code, "fenced") == 0;
    job->is_slot_taken = is_fenced && clock_mono_ms() - started_ms < SLOT_TAKEN_MS;
    if (job->err == ERR_STOP)
        log_info("lane-ended", "lane=%s", job->name);
    else
        log_error("lane-failed", "lane=%s code=%s why=\"%s\"", job->name,
                  why_code_or_verdict(&job->why, job->err), job->why.text);
    if (job->err != ERR_STOP) // also where another lane does not end in time
        program_set_late_status(job->is_slot_taken ? EXIT_SLOT_TAKEN : EXIT_FAILED);
    program_stop();
    return NULL;
}

static enum err register_schema(struct worker *worker, enum bus_topic topic, uint32_t *ret,
                                struct why *why)
{
    CLEANUP(mem_free_p)
    char *subject = mem_printf("%s%s-value", worker->settings.topic_prefix, bus_topics[topic].name);
    const char *schema = avro_topic_find(bus_topics[topic].name)->schema;
    return registry_register_wait(worker->registry, subject, schema, ret, why);
}

static enum err open_worker(struct worker *worker, struct why *why)
{
    const struct settings *settings = &worker->settings;
    worker->metrics = metrics_new(metric_table, ARRAY_LEN(metric_table));
    enum err err = features_load(settings->features_file, &worker->features, why);
    if (err == ERR_OK)
        err = facts_choose(worker->features, bytes_from_string(settings->plan_facts),
                           &worker->facts, why);
    if (err == ERR_OK)
        err = live_model_open(settings->model_file, worker->features, worker->metrics,
                              &worker->model, why);
    if (err != ERR_OK)
        return err;
    const struct ops_options ops = {.address = settings->metrics_address,
                                    .port = (uint16_t)settings->metrics_port,
                                    .metrics = worker->metrics,
                                    .is_ready = is_ready,
                                    .measure = measure,
                                    .context = worker};
    err = ops_start(&ops, &worker->ops, why);
    return err;
}

static enum err open_registry(struct worker *worker, struct why *why)
{
    const struct settings *settings = &worker->settings;
    struct registry_options options = REGISTRY_OPTIONS(settings);
    options.on_wait = on_registry_wait;
    enum err err = registry_open(&options, &worker->registry, why);
    if (err == ERR_OK)
        err = registry_wait(worker->registry, why);
    if (err == ERR_OK)
        err = register_schema(worker, BUS_TOPIC_PREDICTIONS, &worker->prediction_schema_id, why);
    if (err == ERR_OK)
        err = register_schema(worker, BUS_TOPIC_HIGH_RISK, &worker->high_risk_schema_id, why);
    if (err == ERR_OK)
        err = register_schema(worker, BUS_TOPIC_PREDICTION_REPLIES, &worker->reply_schema_id, why);
    return err;
}

static struct lane *make_lane(struct worker *worker, const char *topic)
{
    const struct settings *settings = &worker->settings;
    const struct lane_options options = {
        .topic_prefix = settings->topic_prefix,
        .topic = topic,
        .slot = settings->worker_slot,
        .bus = &worker->bus,
        .features = worker->features,
        .facts = &worker->facts,
        .model = worker->model,
        .registry = worker->registry,
        .metrics = worker->metrics,
        .activity = &worker->activity,
        .prediction_schema_id = worker->prediction_schema_id,
        .high_risk_schema_id = worker->high_risk_schema_id,
        .reply_schema_id = worker->reply_schema_id,
        .commit_interval_ms = settings->commit_interval_ms,
        .transaction_bytes = settings->transaction_bytes,
        .fetch_ahead_bytes = settings->fetch_ahead_bytes,
    };
    return lane_new(&options);
}

static struct recorder *make_recorder(struct worker *worker)
{
    const struct settings *settings = &worker->settings;
    const struct recorder_options options = {
        .topic_prefix = settings->topic_prefix,
        .slot = settings->worker_slot,
        .bus = &worker->bus,
        .database_url = settings->database_url,
        .features = worker->features,
        .registry = worker->registry,
        .metrics = worker->metrics,
        .fetch_ahead_bytes = settings->fetch_ahead_bytes,
    };
    return recorder_new(&options);
}

static void make_jobs(struct worker *worker)
{
    for (size_t i = 0; i < worker->job_count; i++) {
        struct job *job = &worker->jobs[i];
        if (job->topic == NULL)
            job->recorder = make_recorder(worker);
        else
            job->lane = make_lane(worker, job->topic);
    }
}

static enum err run_jobs(struct worker *worker, struct why *why)
{
    for (size_t i = 0; i < worker->job_count; i++) {
        if (pthread_create(&worker->jobs[i].thread, NULL, run_job, &worker->jobs[i]) != 0)
            return why_say(why, ERR_FATAL, "cannot start a thread");
        worker->jobs[i].is_started = true;
    }
    atomic_store(&worker->is_running, true);
    struct idle idle = {0};
    while (!program_wait_ms(LOOK_MS)) {
        live_model_look(worker->model);
        idle_look(&idle);
    }
    enum err err = ERR_OK;
    for (size_t i = 0; i < worker->job_count; i++) {
        pthread_join(worker->jobs[i].thread, NULL);
        worker->jobs[i].is_started = false;
        if (worker->jobs[i].err != ERR_STOP && err == ERR_OK) {
            err = worker->jobs[i].err;
            *why = worker->jobs[i].why;
        }
    }
    return err;
}

static void close_worker(struct worker *worker)
{
    for (size_t i = 0; i < worker->job_count; i++) {
        if (worker->jobs[i].is_started)
            pthread_join(worker->jobs[i].thread, NULL);
    }
    ops_stop(worker->ops); // asks the lanes, so it ends before them
    for (size_t i = 0; i < worker->job_count; i++) {
        lane_free(worker->jobs[i].lane);
        recorder_free(worker->jobs[i].recorder);
    }
    registry_close(worker->registry);
    live_model_close(worker->model);
    metrics_free(worker->metrics);
    features_free(worker->features);
    bus_properties_free(worker->properties);
    settings_free(&spec, &worker->settings);
}

static enum err run(struct worker *worker, struct why *why)
{
    enum err err = open_worker(worker, why);
    if (err != ERR_OK)
        return err;
    const struct model *model = live_model_take(worker->model);
    log_info("started", "model=%s lanes=%s slot=%" PRId64, model_id(model), worker->settings.lanes,
             worker->settings.worker_slot);
    live_model_give(worker->model, model);
    err = open_registry(worker, why);
    if (err != ERR_OK)
        return err;
    make_jobs(worker);
    return run_jobs(worker, why);
}

// "recorder", or the lane of a topic. False where there is none of that name.
static bool find_job(struct bytes name, struct job *ret)
{
    *ret = (struct job){.name = "recorder"};
    if (bytes_equal_string(name, ret->name))
        return true;
    for (size_t i = 0; i < BUS_TOPIC_COUNT; i++)
        if (lane_is_known(bus_topics[i].name) && bytes_equal_string(name, bus_topics[i].name)) {
            *ret = (struct job){.name = bus_topics[i].name, .topic = bus_topics[i].name};
            return true;
        }
    return false;
}

// The jobs that LANES names.
static enum err read_lanes(struct worker *worker, struct why *why)
{
    for (const char *at = worker->settings.lanes; *at != '\0';) {
        size_t len = strcspn(at, ",");
        struct job job;
        if (!find_job(bytes_of(at, len), &job))
            return why_say(why, ERR_FATAL, "LANES: there is no lane \"%.*s\"", (int)len, at);
        for (size_t i = 0; i < worker->job_count; i++)
            if (worker->jobs[i].name == job.name)
                return why_say(why, ERR_FATAL, "LANES names %s twice", job.name);
        worker->jobs[worker->job_count++] = job;
        at += len + (at[len] == ',');
    }
    return worker->job_count > 0 ? ERR_OK : why_say(why, ERR_FATAL, "LANES names no lane");
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
    worker->properties = bus_properties_from_environment();
    worker->bus = (struct bus_config){worker->settings.kafka_bootstrap_servers, spec.program,
                                      worker->properties, on_kafka_log};
    err = read_lanes(worker, why);
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
    // Few arenas: threads of librdkafka and ours would otherwise each keep a heap of freed
    // messages.
    mallopt(M_ARENA_MAX, 2);
    program_init(GRACE_MS);
    // Nothing is half done whenever the process ends: transactions roll back, and the next start
    // goes on. So a stop that servers do not let end in time is no failure.
    program_set_late_status(EXIT_OK);
    err = run(&worker, &why);
    if (err == ERR_STOP)
        err = ERR_OK;
    if (err != ERR_OK)
        log_error("failed", "why=\"%s\"", why.text);
    bool is_slot_taken = false;
    for (size_t i = 0; i < worker.job_count; i++)
        is_slot_taken |= worker.jobs[i].is_slot_taken;
    int status = err == ERR_OK ? EXIT_OK : is_slot_taken ? EXIT_SLOT_TAKEN : EXIT_FAILED;
    program_set_late_status(status);
    program_stop(); // the grace bounds the closing, too
    close_worker(&worker);
    log_info("ended", "verdict=%s", err_name(err));
    return status;
}
