// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/text.h"
#include "bus/consumer.h"

// Where the answer to a request is to go, as the request's headers say it (the names are those that
// Spring Kafka made a habit of), and what is passed on from a cause to its effects. The address is
// the asker's own affair: one that is none is counted, and the request is worked on all the same.
// Pure functions, any thread; what they give is borrowed from the message.

enum { REPLY_CORRELATION_MAX = 128, REPLY_TRACE_MAX = 128 };

enum reply_address { REPLY_NO_ADDRESS, REPLY_GOOD_ADDRESS, REPLY_BAD_ADDRESS };

struct reply_to {
    int32_t partition;
    struct bytes correlation_id;
};

// The headers kafka_replyTopic, kafka_replyPartition and kafka_correlationId; data NULL: not there.
struct reply_headers {
    struct bytes topic, partition, correlation_id;
};
struct reply_headers reply_headers_of(const struct bus_message *message);

// Good: to `topic` and no other, to a partition that it has (4 bytes, big-endian), with a
// correlation id of 1 to REPLY_CORRELATION_MAX bytes. *ret is written only then. Without the first
// header there is no address.
enum reply_address reply_read(const struct reply_headers *headers, const char *topic,
                              int32_t partitions, struct reply_to *ret);

// The header traceparent; data NULL where there is none of a sane length.
struct bytes reply_trace(const struct bus_message *message);
