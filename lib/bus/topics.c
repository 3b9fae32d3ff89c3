// SPDX-License-Identifier: MIT
#include "bus/topics.h"

#include "base/mem.h"

#define SETTINGS(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct bus_topic_entry bus_topics[BUS_TOPIC_COUNT] = {
#define TOPIC(id, name, lane, settings, help) [BUS_TOPIC_##id] = {name, lane, settings, help},
#include "bus/topics.def"
#undef TOPIC
};

char *bus_topic_name(const char *prefix, enum bus_topic topic)
{
    return mem_printf("%s%s", prefix, bus_topics[topic].name);
}

char *bus_lane_group(const char *prefix, const char *lane)
{
    return mem_printf("%sscoring-%s", prefix, lane);
}
