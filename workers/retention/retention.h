// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/metrics.h"
#include "bus/config.h"
#include "domain/facts.h"
#include "domain/features.h"
#include "planner/limits.h"
#include "planner/provider.h"
#include "registry/registry.h"

// The retention worker: for each risk episode, and for each plan that somebody asks for, three
// actions, or one sentence why there are none. It reads `high-risk` and `plan-requests`, asks
// providers, and writes `retention-plans` and `plan-replies` together with the source offsets in
// one Kafka transaction, in the order of the offsets. A ledger in PostgreSQL keeps what was paid
// for.

enum { RETENTION_PROVIDERS_MAX = 3 };

struct retention_provider_options {
    bool is_rules; // our own: no call, no limits
    struct provider_settings settings;
    struct limits_settings limits;
};

struct retention_options {
    const char *topic_prefix;
    int64_t slot;
    const struct bus_config *bus;
    const char *database_url;
    const struct features *features;
    const struct facts_choice *facts;
    struct registry *registry;
    struct metrics *metrics;
    uint32_t plan_schema_id;
    enum language language; // of plans that nobody asked for, and of requests that name none
    struct retention_provider_options providers[RETENTION_PROVIDERS_MAX]; // in the order of trial
    size_t provider_count;
    int64_t calls_max; // in flight, of all providers
    int64_t reuse_ms;  // a request gets a plan that is not older; 0: always a new one
    int64_t cache_ms;  // an answer to an equal prompt is used so long; 0: never
    int64_t drain_ms;  // how long calls may go on when partitions go
    const char *ca_file, *proxy;
    int64_t fetch_ahead_bytes;
};

struct retention;

// Everything in `options` is borrowed for the life of the worker.
struct retention *retention_new(const struct retention_options *options);
void retention_free(struct retention *retention);
DEFINE_CLEANUP(struct retention, retention_free)

// Works until the program stops (ERR_STOP) or something needs a person (ERR_FATAL; the code
// "fenced" where another process has this slot).
MUST_CHECK enum err retention_run(struct retention *retention, struct why *why);

// True while it can work and every provider may be called; else the sentence says what is in the
// way, also where the next provider makes the plans meanwhile. Any thread.
bool retention_is_ready(struct retention *retention, struct why *why);
