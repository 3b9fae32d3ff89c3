// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "bus/config.h"

// Where topics end, behind the records whose transaction is still open: whatever was sent before is
// before this end. Readers of committed data see another, earlier end as long as the broker has not
// marked the end of a transaction in that partition, which it does in one partition after the
// other. One thread.

struct bus_ends;

MUST_CHECK enum err bus_ends_open(const struct bus_config *config, struct bus_ends **ret,
                                  struct why *why);
void bus_ends_close(struct bus_ends *ends);
DEFINE_CLEANUP(struct bus_ends, bus_ends_close)

// Waits for the broker, `wait_ms` at most. ERR_RETRY: no answer.
MUST_CHECK enum err bus_ends_ask(struct bus_ends *ends, const char *topic, int32_t partition,
                                 int64_t wait_ms, int64_t *ret, struct why *why);
