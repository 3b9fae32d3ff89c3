// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

#include "base/mem.h"
#include "base/text.h"
#include "planner/rules.h"

// The inside of the rules, shared by the files rules*.c only. Sentences are borrowed from the list
// that is built in, or from `owned`.

enum { SENTENCES_MAX = 6, TOPICS_MAX = 48 };

struct sentences {
    struct bytes list[SENTENCES_MAX];
    size_t count;
};

struct topic {
    struct bytes of, when; // names between blanks
    struct sentences raising[LANGUAGES], lowering[LANGUAGES];
};

// A fact's band that speaks for a topic.
struct situation {
    size_t fact;
    int band;
    const struct topic *topic;
};

struct rules {
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    struct topic any, actionable, general;
    struct topic *own;                 // of attributes without a topic
    const struct topic **of_attribute; // of each attribute of the features
    struct situation *situations;      // in the order of the features' facts
    size_t situation_count;
    char **owned;
    size_t owned_count;
};

// Reads the list that is built in; ERR_FATAL with the line.
MUST_CHECK enum err rules_read(struct rules *rules, struct why *why);
void rules_own(struct rules *rules, char *text); // takes the text
void rules_add_situation(struct rules *rules, size_t fact, int band, const struct topic *topic);
