// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

// The topics: one table (topics.def) from which `retentionctl topics apply` creates them and prints
// what they are for. Static data, any thread.

enum bus_topic {
#define TOPIC(id, name, lane, settings, help) BUS_TOPIC_##id,
#include "bus/topics.def"
#undef TOPIC
    BUS_TOPIC_COUNT
};

struct bus_topic_entry {
    const char *name; // without the prefix
    const char *lane; // scoring lane that consumes it, NULL: none: its group starts at offset 0
                      // with metadata gen=1
    const char *const *settings; // name and value in turn, NULL behind the last
    const char *help;
};

extern const struct bus_topic_entry bus_topics[BUS_TOPIC_COUNT];

// prefix + name of the topic; the caller frees (mem_free_p).
char *bus_topic_name(const char *prefix, enum bus_topic topic);
// Consumer group of a scoring lane: prefix + "scoring-" + lane; the caller frees.
char *bus_lane_group(const char *prefix, const char *lane);
