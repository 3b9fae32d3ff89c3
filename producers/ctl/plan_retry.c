// SPDX-License-Identifier: MIT
// plans retry: a request as the gateway will write them, for a prediction that is in the tables.
// Its id is made by the database, which has whom the prediction is about as well.

#include <stdio.h>

#include "avro/encode.h"
#include "avro/topics.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/producer.h"
#include "bus/topics.h"
#include "command.h"
#include "domain/features.h"
#include "plan_print.h"
#include "registry/registry.h"
#include "store/sql.h"

enum { MESSAGE_BYTES_MAX = 16 * 1024, SEND_WAIT_MS = 30000, STEP_MS = 200 };

#define SETTINGS_DEF "plan_retry.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl plans retry",
    .purpose = "Asks for a retention plan that follows from a prediction (its id, as in "
               "predictions_history), and prints the id of the request. A plan that is fresh "
               "enough is given again, unless --anew is said.",
    .usage = "[settings] PREDICTION_ID",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err encode(const struct settings *settings, const struct plan_request *request,
                       struct text *out, struct why *why)
{
    const struct registry_options options = REGISTRY_OPTIONS(settings);
    CLEANUP(registry_close_p) struct registry *registry = NULL;
    CLEANUP(mem_free_p)
    char *subject =
        mem_printf("%s%s-value", settings->topic_prefix, bus_topics[BUS_TOPIC_PLAN_REQUESTS].name);
    const char *schema = avro_topic_find(bus_topics[BUS_TOPIC_PLAN_REQUESTS].name)->schema;
    uint32_t schema_id = 0;
    enum err err = registry_open(&options, &registry, why);
    if (err == ERR_OK)
        err = registry_register(registry, subject, schema, &schema_id, why);
    return err == ERR_OK ? avro_encode_plan_request(schema_id, request, out, why) : err;
}

static enum err send(const struct settings *settings, const struct plan_request *request,
                     struct why *why)
{
    CLEANUP(text_done) struct text message = TEXT_INIT(MESSAGE_BYTES_MAX);
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = NULL;
    CLEANUP(mem_free_p)
    char *topic = bus_topic_name(settings->topic_prefix, BUS_TOPIC_PLAN_REQUESTS);
    const struct bus_producer_options options = {0};
    char **properties = bus_properties_from_environment();
    struct bus_config config = command_bus(settings->kafka_bootstrap_servers, properties);
    enum err err = encode(settings, request, &message, why);
    if (err == ERR_OK)
        err = bus_producer_open(&config, &options, &producer, why);
    const struct bus_record record = {.topic = topic,
                                      .partition = -1,
                                      .key = request->employee_id,
                                      .value = text_bytes(&message)};
    if (err == ERR_OK)
        err = bus_producer_send(producer, &record, why);
    if (err == ERR_OK)
        err = bus_producer_flush(producer, SEND_WAIT_MS, why);
    bus_producer_close(TAKE(producer)); // it borrows the properties
    bus_properties_free(properties);
    return err;
}

static enum err wait_plan(struct pg *pg, const struct settings *settings, const char *request_id,
                          struct why *why)
{
    int64_t end_ms = clock_mono_ms() + settings->wait_ms;
    struct plan_printed printed;
    for (;;) {
        enum err err = plan_print(pg, request_id, settings->is_json, &printed, why);
        if (err == ERR_OK && printed.is_refused)
            return why_say(why, ERR_REJECT, "the plan was refused");
        if (err != ERR_OK || printed.is_found)
            return err;
        if (clock_mono_ms() >= end_ms)
            return why_say(why, ERR_RETRY,
                           "no plan came in time: see retentionctl lag, plans status, and later "
                           "plans show %s",
                           request_id);
        if (program_wait_ms(STEP_MS))
            return ERR_STOP;
    }
}

static enum err retry(const struct settings *settings, const char *prediction_id, struct why *why)
{
    enum { EMPLOYEE, REQUEST_ID };
    enum language language = LANGUAGE_EN;
    enum err err = settings->language[0] == '\0'
                       ? ERR_OK
                       : command_read_language(settings->language, &language, why);
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    if (err == ERR_OK)
        err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = pg_exec(pg, sql_plan_request_new, (struct pg_param[]){PG_STRING(prediction_id)}, 1,
                      &rows, why);
    if (err == ERR_OK && pg_count(rows) == 0)
        err = why_say(why, ERR_REJECT, "there is no prediction %s in the database", prediction_id);
    if (err != ERR_OK)
        return err;
    const struct plan_request request = {
        .request_id = pg_get_text(rows, 0, REQUEST_ID),
        .prediction_id = bytes_from_string(prediction_id),
        .employee_id = pg_get_text(rows, 0, EMPLOYEE),
        .language = settings->language[0] == '\0' ? (struct bytes){0}
                                                  : bytes_from_string(settings->language),
        .requested_at_ms = clock_real_ms(),
        .is_anew = settings->is_anew,
    };
    err = send(settings, &request, why);
    if (err != ERR_OK)
        return err;
    CLEANUP(mem_free_p)
    char *request_id = mem_dup_bytes(request.request_id.data, request.request_id.len);
    printf(settings->is_json ? "{\"request_id\":\"%s\"}\n" : "%s\n", request_id);
    fflush(stdout); // whoever waits may want it before the plan
    return settings->wait_ms == 0 ? ERR_OK : wait_plan(pg, settings, request_id, why);
}

int command_plans_retry(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status) ||
        !command_check_bus(&spec, &settings, &status))
        return status;
    return command_end(&spec, &settings, retry(&settings, argv[1], &why), &why);
}
