// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/config.h"
#include "bus/consumer.h"

// What an operator's tool does to topics and groups. Calls wait for the brokers, `wait_ms` each at
// most. One thread.

struct bus_admin;

MUST_CHECK enum err bus_admin_open(const struct bus_config *config, int64_t wait_ms,
                                   struct bus_admin **ret, struct why *why);
void bus_admin_close(struct bus_admin *admin);
DEFINE_CLEANUP(struct bus_admin, bus_admin_close)

// Partitions of a topic; 0: there is no such topic. ERR_RETRY: no broker answers.
MUST_CHECK enum err bus_admin_partitions(struct bus_admin *admin, const char *topic, int32_t *ret,
                                         struct why *why);
// Copies of the partition that has the fewest; 0: there is no such topic. ERR_RETRY: no broker
// answers.
MUST_CHECK enum err bus_admin_replicas(struct bus_admin *admin, const char *topic, int32_t *ret,
                                       struct why *why);
// `settings`: name and value in turn, NULL behind the last. *ret_created false: it was there
// already.
MUST_CHECK enum err bus_admin_create_topic(struct bus_admin *admin, const char *topic,
                                           int32_t partitions, int32_t replicas,
                                           const char *const *settings, bool *ret_created,
                                           struct why *why);
// Makes the topic's settings these where one of them differs, and leaves the others; *ret_changed
// tells.
MUST_CHECK enum err bus_admin_configure_topic(struct bus_admin *admin, const char *topic,
                                              const char *const *settings, bool *ret_changed,
                                              struct why *why);
// Committed offsets of a group for partitions 0..count-1 of a topic (BUS_OFFSET_NONE where there is
// none).
MUST_CHECK enum err bus_admin_group_offsets(struct bus_admin *admin, const char *group,
                                            const char *topic, struct bus_position *positions,
                                            size_t count, struct why *why);
// Sets them, with their metadata; the group must have no members (ERR_REJECT otherwise).
MUST_CHECK enum err bus_admin_set_group_offsets(struct bus_admin *admin, const char *group,
                                                const struct bus_position *positions, size_t count,
                                                struct why *why);
// First offset kept and end of one partition.
MUST_CHECK enum err bus_admin_bounds(struct bus_admin *admin, const char *topic, int32_t partition,
                                     int64_t *ret_first, int64_t *ret_end, struct why *why);
