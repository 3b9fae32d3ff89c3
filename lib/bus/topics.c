// SPDX-License-Identifier: MIT
#include "bus/topics.h"

#include <string.h>

#include "base/mem.h"

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct bus_topic_entry bus_topics[BUS_TOPIC_COUNT] = {
#define TOPIC(id, name, group, settings, help) [BUS_TOPIC_##id] = {name, group, settings, help},
#include "bus/topics.def"
#undef TOPIC
};

char *bus_topic_name(const char *prefix, enum bus_topic topic)
{
    return mem_printf("%s%s", prefix, bus_topics[topic].name);
}

char *bus_group_name(const char *prefix, const char *group)
{
    return mem_printf("%s%s", prefix, group);
}

bool bus_topic_is_lane(const struct bus_topic_entry *entry)
{
    return entry->group != NULL && strncmp(entry->group, "scoring-", strlen("scoring-")) == 0;
}
