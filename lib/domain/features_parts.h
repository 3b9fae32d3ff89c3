// SPDX-License-Identifier: MIT
#pragma once

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
// The place of a hash table that a text belongs to, and the ends that tell it from others.
size_t features_hash(struct bytes text, uint64_t *ret_first, uint64_t *ret_last);
