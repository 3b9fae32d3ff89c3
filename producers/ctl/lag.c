// SPDX-License-Identifier: MIT
// lag: what lies between the committed offsets of our groups and the ends of their topics. Ends
// are those of committed records. The recorder's place is in PostgreSQL; what it tells Kafka comes
// a little late, so its lag here is an upper bound.

#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "bus/topics.h"
#include "command.h"

#define SETTINGS_DEF "lag.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl lag",
    .purpose =
        "Prints how far each lane, the retention worker and the recorder are behind the ends of "
        "their topics.",
    .usage = "[settings]",
    .more =
        "An offset is a place in a partition, and the mark that ends a transaction takes one, too: "
        "a\nlane that has read everything stands one in front of the end, with a lag of 1 in "
        "each partition\nthat has records.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static const enum bus_topic recorded[] = {BUS_TOPIC_PREDICTIONS,     BUS_TOPIC_EMPLOYEE_CHANGES,
                                          BUS_TOPIC_SCORE_REQUESTS,  BUS_TOPIC_HIGH_RISK,
                                          BUS_TOPIC_RETENTION_PLANS, BUS_TOPIC_PREDICTION_REPLIES,
                                          BUS_TOPIC_PLAN_REPLIES};

static void print_line(const struct settings *settings, const char *group,
                       const struct bus_position *position, int64_t first, int64_t end,
                       bool *has_header)
{
    bool has_offset = position->offset >= 0;
    int64_t lag = end - (has_offset ? position->offset : first);
    if (settings->is_json) {
        printf("{\"group\":\"%s\",\"topic\":\"%s\",\"partition\":%d,\"committed\":", group,
               position->topic, position->partition);
        if (has_offset)
            printf("%" PRId64, position->offset);
        else
            printf("null");
        printf(",\"end\":%" PRId64 ",\"lag\":%" PRId64 "}\n", end, lag);
        return;
    }
    if (!*has_header) // now that there is something to put under it
        printf("%-36s %-32s %9s %12s %12s %12s\n", "GROUP", "TOPIC", "PARTITION", "COMMITTED",
               "END", "LAG");
    *has_header = true;
    char committed[24] = "-";
    if (has_offset)
        snprintf(committed, sizeof committed, "%" PRId64, position->offset);
    printf("%-36s %-32s %9d %12s %12" PRId64 " %12" PRId64 "\n", group, position->topic,
           position->partition, committed, end, lag);
}

static enum err print_group(struct bus_admin *admin, const struct settings *settings,
                            const char *group, enum bus_topic id, struct patience *patience,
                            bool *has_header, struct why *why)
{
    CLEANUP(mem_free_p) char *topic = bus_topic_name(settings->topic_prefix, id);
    int32_t partitions = 0;
    enum err err = ERR_OK;
    do
        err = bus_admin_partitions(admin, topic, &partitions, why);
    while (err == ERR_RETRY && patience_wait(patience, why));
    if (err != ERR_OK)
        return err;
    if (partitions == 0)
        return why_say(why, ERR_FATAL, "topic %s does not exist: run retentionctl topics apply",
                       topic);
    CLEANUP(mem_free_p)
    struct bus_position *positions = mem_zalloc((size_t)partitions * sizeof *positions);
    for (int32_t i = 0; i < partitions; i++)
        positions[i] = (struct bus_position){.topic = topic, .partition = i};
    err = bus_admin_group_offsets(admin, group, topic, positions, (size_t)partitions, why);
    for (int32_t i = 0; err == ERR_OK && i < partitions; i++) {
        int64_t first = 0, end = 0;
        err = bus_admin_bounds(admin, topic, i, &first, &end, why);
        if (err == ERR_OK)
            print_line(settings, group, &positions[i], first, end, has_header);
    }
    return err;
}

static enum err print_all(const struct settings *settings, struct why *why)
{
    CLEANUP(bus_admin_close_p) struct bus_admin *admin = NULL;
    char **properties = bus_properties_from_environment();
    struct bus_config config = command_bus(settings->kafka_bootstrap_servers, properties);
    enum err err = bus_admin_open(&config, command_request_ms(settings->wait_ms), &admin, why);
    bool has_header = false;
    struct patience patience = patience_of(settings->wait_ms);
    for (size_t i = 0; err == ERR_OK && i < BUS_TOPIC_COUNT; i++) {
        if (bus_topics[i].group == NULL)
            continue;
        CLEANUP(mem_free_p)
        char *group = bus_group_name(settings->topic_prefix, bus_topics[i].group);
        err = print_group(admin, settings, group, (enum bus_topic)i, &patience, &has_header, why);
    }
    CLEANUP(mem_free_p) char *recorder = mem_printf("%srecorder", settings->topic_prefix);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(recorded); i++)
        err = print_group(admin, settings, recorder, recorded[i], &patience, &has_header, why);
    if (err == ERR_OK && has_header)
        printf("A lag of 1 may be the mark of a transaction alone: see retentionctl lag --help.\n");
    bus_properties_free(properties);
    return err;
}

int command_lag(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status) ||
        !command_check_bus(&spec, &settings, &status))
        return status;
    return command_end(&spec, &settings, print_all(&settings, &why), &why);
}
