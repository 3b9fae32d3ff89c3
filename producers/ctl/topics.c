// SPDX-License-Identifier: MIT
// topics apply. It is idempotent and may be interrupted anywhere: each topic is looked at as it is
// now. A worker refuses to start without a committed offset, so that a lost one
// is never mistaken for a new topic; the first one is given here, and only where there is none.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bus/topics.h"
#include "command.h"

#define SETTINGS_DEF "topics.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl topics apply",
    .purpose = "Creates the topics that are missing, corrects settings that differ, and commits "
               "offset 0 for the group of each lane and of the retention worker where it has none. "
               "Can be repeated.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

// Gives the group its first offset on partitions that have none; *ret_given: how many.
static enum err give_offsets(struct bus_admin *admin, const char *group, const char *topic,
                             int32_t partitions, size_t *ret_given, struct why *why)
{
    size_t count = (size_t)partitions, given = 0;
    CLEANUP(mem_free_p)
    struct bus_position *positions = mem_zalloc(count * sizeof *positions);
    for (size_t i = 0; i < count; i++)
        positions[i] = (struct bus_position){.topic = topic, .partition = (int32_t)i};
    enum err err = bus_admin_group_offsets(admin, group, topic, positions, count, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        if (positions[i].offset >= 0)
            continue;
        positions[given] = (struct bus_position){
            .topic = topic, .partition = (int32_t)i, .offset = 0, .metadata = "gen=1"};
        given++;
    }
    *ret_given = given;
    if (given > 0)
        err = bus_admin_set_group_offsets(admin, group, positions, given, why);
    // A worker that refused to start for want of an offset is a member still.
    if (err == ERR_REJECT && strcmp(why->code, "group-in-use") == 0)
        return why_say(why, ERR_RETRY,
                       "group %s has members: stop its workers; one that has ended counts until "
                       "its session is over, 10 seconds",
                       group);
    return err;
}

// Two topics of different counts would put one employee into two partition numbers.
static enum err check_partitions(struct bus_admin *admin, const char *topic, int64_t expected,
                                 struct why *why)
{
    int32_t partitions = 0;
    enum err err = bus_admin_partitions(admin, topic, &partitions, why);
    if (err == ERR_OK && partitions == 0)
        return why_say(why, ERR_RETRY, "the brokers do not yet tell of topic %s", topic);
    if (err == ERR_OK && partitions != expected)
        return why_say(why, ERR_FATAL,
                       "topic %s has %d partitions, not %" PRId64
                       ": all topics must have the same number, and a topic's own number must not "
                       "change; give --partitions %d, or another TOPIC_PREFIX",
                       topic, partitions, expected, partitions);
    return err;
}

// More than was asked for is as good. Copies are made of data that is there, over hours and on
// chosen brokers: that is the work of Kafka's own tool.
static enum err check_replicas(struct bus_admin *admin, const char *topic, int64_t expected,
                               struct why *why)
{
    int32_t replicas = 0;
    enum err err = bus_admin_replicas(admin, topic, &replicas, why);
    if (err == ERR_OK && replicas < expected)
        return why_say(why, ERR_FATAL,
                       "topic %s has %d replicas, not %" PRId64
                       ": this command does not move data; use kafka-reassign-partitions.sh, or "
                       "give --replicas %d",
                       topic, replicas, expected, replicas);
    return err;
}

// What was done to a topic, over all tries.
struct outcome {
    bool was_created, was_changed;
    size_t given;
};

static enum err try_topic(struct bus_admin *admin, const struct settings *settings,
                          const struct bus_topic_entry *entry, struct outcome *outcome,
                          struct why *why)
{
    CLEANUP(mem_free_p) char *topic = mem_printf("%s%s", settings->topic_prefix, entry->name);
    bool is_new = false, is_changed = false;
    size_t given = 0;
    enum err err =
        bus_admin_create_topic(admin, topic, (int32_t)settings->partitions,
                               (int32_t)settings->replicas, entry->settings, &is_new, why);
    outcome->was_created |= err == ERR_OK && is_new;
    if (err == ERR_OK)
        err = check_partitions(admin, topic, settings->partitions, why);
    if (err == ERR_OK)
        err = check_replicas(admin, topic, settings->replicas, why);
    if (err == ERR_OK)
        err = bus_admin_configure_topic(admin, topic, entry->settings, &is_changed, why);
    outcome->was_changed |= err == ERR_OK && is_changed;
    if (err == ERR_OK && entry->group != NULL) {
        CLEANUP(mem_free_p) char *group = bus_group_name(settings->topic_prefix, entry->group);
        err = give_offsets(admin, group, topic, (int32_t)settings->partitions, &given, why);
    }
    if (err == ERR_OK)
        outcome->given = given;
    return err;
}

static enum err apply_topic(struct bus_admin *admin, const struct settings *settings,
                            const struct bus_topic_entry *entry, struct patience *patience,
                            struct why *why)
{
    struct outcome outcome = {0};
    enum err err = ERR_OK;
    do
        err = try_topic(admin, settings, entry, &outcome, why);
    while (command_may_wait(err, why) && patience_wait(patience, why));
    if (err != ERR_OK)
        return err;
    printf("%s%s: %s", settings->topic_prefix, entry->name,
           outcome.was_created   ? "created"
           : outcome.was_changed ? "settings corrected"
                                 : "as it should be");
    if (outcome.given > 0)
        printf(", first offset given to its group (%zu partitions)", outcome.given);
    printf("\n");
    return ERR_OK;
}

static enum err apply_all(const struct settings *settings, struct why *why)
{
    CLEANUP(bus_admin_close_p) struct bus_admin *admin = NULL;
    char **properties = bus_properties_from_environment();
    struct bus_config config = command_bus(settings->kafka_bootstrap_servers, properties);
    struct patience patience = patience_of(settings->wait_ms);
    enum err err = bus_admin_open(&config, command_request_ms(settings->wait_ms), &admin, why);
    for (size_t i = 0; err == ERR_OK && i < BUS_TOPIC_COUNT; i++)
        err = apply_topic(admin, settings, &bus_topics[i], &patience, why);
    bus_properties_free(properties);
    return err;
}

int command_topics_apply(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status) ||
        !command_check_bus(&spec, &settings, &status))
        return status;
    return command_end(&spec, &settings, apply_all(&settings, &why), &why);
}
