// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/health.h"
#include "base/metrics.h"
#include "bus/config.h"
#include "bus/consumer.h"
#include "bus/sender.h"

// Reads one partition of a reply topic, from its end on, with a thread of its own: what is said
// there goes to whoever waits for it here. Which partition is the same for both topics; others may
// read it too, and their replies are nobody's here.

struct replies_options {
    const struct bus_config *bus;
    const char *topic;
    int32_t partition;
    struct metrics *metrics;
    const char *name; // of the topic without its prefix: metrics, sentences
    // One reply. ERR_RETRY: its schema cannot be had now, it comes again; anything else but ERR_OK
    // is counted as refused.
    enum err (*take)(void *context, const struct bus_message *message, struct why *why);
    void *context;
};

struct replies;

MUST_CHECK enum err replies_start(const struct replies_options *options, struct replies **ret,
                                  struct why *why);
void replies_stop(struct replies *replies);
DEFINE_CLEANUP(struct replies, replies_stop)

// From now on nothing that is answered is missed; else why not. Any thread.
bool replies_are_read(struct replies *replies, struct why *why);
