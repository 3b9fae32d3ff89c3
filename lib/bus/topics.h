// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// The topics: one table (topics.def) from which `retentionctl topics apply` creates them and prints
// what they are for. Static data, any thread.

enum bus_topic {
#define TOPIC(id, name, group, settings, help) BUS_TOPIC_##id,
#include "bus/topics.def"
#undef TOPIC
    BUS_TOPIC_COUNT
};

struct bus_topic_entry {
    const char *name; // without the prefix
    // Consumer group, without the prefix, that keeps its place in it: it starts at offset 0 with
    // metadata gen=1. NULL: none. That of a scoring lane is "scoring-" and the topic's name.
    const char *group;
    const char *const *settings; // name and value in turn, NULL behind the last
    const char *help;
};

extern const struct bus_topic_entry bus_topics[BUS_TOPIC_COUNT];

// prefix + name of the topic; the caller frees (mem_free_p).
char *bus_topic_name(const char *prefix, enum bus_topic topic);
// prefix + name of a group; the caller frees.
char *bus_group_name(const char *prefix, const char *group);
// True where a scoring lane reads the topic.
bool bus_topic_is_lane(const struct bus_topic_entry *entry);
