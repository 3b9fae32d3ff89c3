// SPDX-License-Identifier: MIT
// topics new-generation: offsets are only places in one log. When a topic was deleted and made
// again, the lane's committed offsets and the recorder's rows mean the log before, and the programs
// refuse to guess. This tells them, on an operator's word, that the log is a new one: places go to
// its beginning, and the generation, which is part of prediction ids and of the order of states,
// goes up so that nothing of the new log is taken for something of the old.
//
// The group comes first: it must have no members, so a running lane stops the command before
// anything has changed. When the second half fails, the command is given again; a generation that
// was left out does no harm.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bus/topics.h"
#include "command.h"
#include "domain/source.h"
#include "store/offsets.h"

#define SETTINGS_DEF "generation.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl topics new-generation",
    .purpose = "For a topic that was deleted and made again, or that lost records before they were "
               "read: sets its lane and the recorder to its beginning and raises its generation. "
               "Stop the lane first. Records that are read a second time are scored a second time.",
    .usage = "[settings] TOPIC --yes",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

struct change {
    const struct settings *settings;
    const struct bus_topic_entry *entry;
    char *topic; // with the prefix
    struct bus_admin *admin;
    struct pg *pg;
    size_t places; // that are kept of the topic
};

// The name may have the prefix, as the programs' refusals print it, or not.
static const struct bus_topic_entry *find_topic(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);
    for (size_t i = 0; i < BUS_TOPIC_COUNT; i++)
        if (strcmp(name, bus_topics[i].name) == 0 ||
            (strncmp(name, prefix, len) == 0 && strcmp(name + len, bus_topics[i].name) == 0))
            return &bus_topics[i];
    return NULL;
}

// Reads where the group stands and fills `next` with where it is to begin: all partitions at the
// same generation, behind the highest of now.
static enum err plan_group(struct change *change, const char *group, struct bus_position *now,
                           struct bus_position *next, size_t count, struct why *why)
{
    enum err err = bus_admin_group_offsets(change->admin, group, change->topic, now, count, why);
    int highest = 0;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        if (now[i].offset >= 0 && source_generation(now[i].metadata) > highest)
            highest = source_generation(now[i].metadata);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        int64_t first = 0, end = 0;
        err = bus_admin_bounds(change->admin, change->topic, (int32_t)i, &first, &end, why);
        next[i] =
            (struct bus_position){.topic = change->topic, .partition = (int32_t)i, .offset = first};
        snprintf(next[i].metadata, sizeof next[i].metadata, "gen=%d", highest + 1);
    }
    return err;
}

static enum err set_offsets(struct change *change, const char *group,
                            const struct bus_position *next, size_t count, struct why *why)
{
    struct patience patience = patience_of(change->settings->wait_ms);
    enum err err = ERR_OK;
    do
        err = bus_admin_set_group_offsets(change->admin, group, next, count, why);
    while (command_may_wait(err, why) && patience_wait(&patience, why));
    return err;
}

static enum err renew_group(struct change *change, struct why *why)
{
    int32_t partitions = 0;
    enum err err = bus_admin_partitions(change->admin, change->topic, &partitions, why);
    if (err == ERR_OK && partitions == 0)
        err = why_say(why, ERR_FATAL, "topic %s does not exist: run retentionctl topics apply",
                      change->topic);
    if (err != ERR_OK || change->entry->group == NULL)
        return err;
    size_t count = (size_t)partitions;
    CLEANUP(mem_free_p)
    char *group = bus_group_name(change->settings->topic_prefix, change->entry->group);
    CLEANUP(mem_free_p) struct bus_position *now = mem_zalloc(count * sizeof *now);
    CLEANUP(mem_free_p) struct bus_position *next = mem_zalloc(count * sizeof *next);
    err = plan_group(change, group, now, next, count, why);
    if (err == ERR_OK && change->settings->is_meant)
        err = set_offsets(change, group, next, count, why);
    if (err == ERR_REJECT)
        return why_prefix(why, ERR_REJECT, "stop the workers of group %s first", group);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        printf("group %s, partition %zu: offset %" PRId64 " %s -> offset %" PRId64 " %s\n", group,
               i, now[i].offset < 0 ? -1 : now[i].offset,
               now[i].offset < 0 ? "(none)" : now[i].metadata, next[i].offset, next[i].metadata);
    change->places += err == ERR_OK ? count : 0;
    return err;
}

static enum err renew_recorder(struct change *change, struct why *why)
{
    CLEANUP(mem_free_p) struct offsets_place *places = NULL;
    size_t count = 0, changed = 0;
    enum err err = offsets_list(change->pg, change->topic, &places, &count, why);
    if (err == ERR_OK && change->settings->is_meant)
        err = offsets_new_generation(change->pg, change->topic, &changed, why);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        printf("recorder, partition %d: next %" PRId64 " generation %d -> next 0 generation %d\n",
               places[i].partition, places[i].row.next, places[i].row.generation,
               places[i].row.generation + 1);
    change->places += err == ERR_OK ? count : 0;
    return err;
}

static enum err renew(struct change *change, struct why *why)
{
    const struct settings *settings = change->settings;
    char **properties = bus_properties_from_environment();
    struct bus_config config = command_bus(settings->kafka_bootstrap_servers, properties);
    enum err err =
        bus_admin_open(&config, command_request_ms(change->settings->wait_ms), &change->admin, why);
    // Both must be there before either is changed.
    if (err == ERR_OK)
        err = command_connect(settings->database_url, &change->pg, why);
    if (err == ERR_OK)
        err = renew_group(change, why);
    if (err == ERR_OK)
        err = renew_recorder(change, why);
    bus_properties_free(properties);
    if (err == ERR_OK && change->places == 0)
        return why_say(why, ERR_REJECT, "nobody keeps a place in topic %s", change->topic);
    if (err == ERR_OK && !settings->is_meant)
        return why_say(why, ERR_REJECT, "nothing was changed: give --yes to do this");
    return err;
}

int command_topics_new_generation(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status) ||
        !command_check_bus(&spec, &settings, &status))
        return status;
    struct change change = {.settings = &settings,
                            .entry = find_topic(argv[1], settings.topic_prefix)};
    enum err err = ERR_OK;
    if (change.entry == NULL) {
        err = command_misuse(&why, "%s is no topic of ours: see retentionctl topics list", argv[1]);
    } else {
        change.topic = mem_printf("%s%s", settings.topic_prefix, change.entry->name);
        err = renew(&change, &why);
    }
    bus_admin_close(change.admin);
    pg_close(change.pg);
    mem_free_p(&change.topic);
    return command_end(&spec, &settings, err, &why);
}
