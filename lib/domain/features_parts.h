// SPDX-License-Identifier: MIT
#pragma once

#include <string.h>

#include "domain/features.h"
#include "json/json.h"

// The inside of the reader of the features file, shared by the files features*.c only. Each fills
// what it is given; what was filled before a failure is features_free's.

MUST_CHECK enum err features_read_attribute(const struct json *node, const char *where,
                                            struct attribute *attribute, struct why *why);
// Everything of an attribute beyond its type and its bounds or categories.
MUST_CHECK enum err features_read_extras(const struct json *node, const char *where,
                                         struct attribute *attribute, struct why *why);
// The member `words` of a node, where it has one.
MUST_CHECK enum err features_read_words(const struct json *node, const char *where,
                                        struct words *words, struct why *why);
// The members `rules` and `facts` of the document, where it has them.
MUST_CHECK enum err features_read_rules(const struct json *root, struct features *features,
                                        struct why *why);
MUST_CHECK enum err features_read_facts(const struct json *root, struct features *features,
                                        struct why *why);

// Spellings are short, so reading their ends reads most of them. No byte beyond the text is
// touched.
static inline struct spelling_ends spelling_ends(struct bytes text)
{
    struct spelling_ends ends = {0};
    if (text.len >= sizeof ends.first) {
        memcpy(&ends.first, text.data, sizeof ends.first);
        memcpy(&ends.last, text.data + text.len - sizeof ends.last, sizeof ends.last);
    } else if (text.len >= sizeof(uint32_t)) {
        uint32_t first = 0, last = 0;
        memcpy(&first, text.data, sizeof first);
        memcpy(&last, text.data + text.len - sizeof last, sizeof last);
        ends = (struct spelling_ends){first, last};
    } else if (text.len > 0) {
        ends.first = text.data[0];
        ends.last = (uint64_t)text.data[text.len / 2] << 8 | text.data[text.len - 1];
    }
    return ends;
}

// The place of a hash table, of any size below 2^24, that a text with these ends belongs to.
static inline size_t spelling_hash(struct spelling_ends ends, size_t len)
{
    uint64_t hash = (ends.first ^ (ends.last << 29 | ends.last >> 35) ^ len) * 0x9e3779b97f4a7c15U;
    return (size_t)(hash >> 40);
}
