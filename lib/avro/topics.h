// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Which schema the values of a topic have: the texts of schemas/*.avsc, built in. Static data, any
// thread.

struct avro_topic {
    const char
        *topic; // without the prefix: "predictions"; the subject is prefix + topic + "-value"
    const char *schema; // JSON text
    // The text is the shipped one; programs register what features_write_schema makes of their
    // features file instead.
    bool is_from_features;
};

// All topics that have a schema; returns how many.
size_t avro_topics(const struct avro_topic **ret);
// NULL where the topic (without its prefix) has no schema.
const struct avro_topic *avro_topic_find(const char *topic);
