// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "bus/consumer.h"
#include "registry/registry.h"

// A Kafka record as a line of JSON. One thread.

struct record_writer;

struct record_options {
    struct registry *registry; // borrowed
    bool is_avro;              // otherwise the value is shown as base64, with everything around it
    bool has_meta;
    bool has_event_time; // only records with this one
    int64_t event_time_ms;
};

struct record_writer *record_writer_new(const struct record_options *options);
void record_writer_free(struct record_writer *writer);
DEFINE_CLEANUP(struct record_writer, record_writer_free)

// Appends the record and a line end; *ret_written false: it is not wanted. ERR_REJECT: it cannot
// be decoded. ERR_RETRY: the registry is out of reach. `out` keeps what it had unless ERR_OK.
MUST_CHECK enum err record_write(struct record_writer *writer, const struct bus_message *message,
                                 struct text *out, bool *ret_written, struct why *why);
