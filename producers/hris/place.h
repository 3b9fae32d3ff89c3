// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bus/config.h"
#include "decide.h"
#include "registry/registry.h"

// What hris-progress says of a source, and how it is said. One thread.

struct place {
    bool is_found;
    int64_t offset; // of the record on its partition; -1: none
    struct progress progress;
};

struct place_options {
    const struct bus_config *bus;
    struct registry *registry;
    const char *topic; // with the prefix
    int32_t partition; // of the source's key
    const char *source;
};

// Reads the partition up to the end that it has now and takes the source's latest record, waiting
// as long as brokers or registry are away. ERR_REJECT: the record cannot be read; ret->offset is
// set. ERR_STOP, ERR_FATAL.
MUST_CHECK enum err place_read(const struct place_options *options, struct place *ret,
                               struct why *why);
// The record as a message.
MUST_CHECK enum err place_encode(uint32_t schema_id, const char *source,
                                 const struct progress *progress, struct text *out,
                                 struct why *why);
