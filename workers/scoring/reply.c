// SPDX-License-Identifier: MIT
#include "reply.h"

static struct bytes header_of(const struct bus_message *message, const char *name)
{
    struct bytes value = {0};
    return bus_message_header(message, name, &value) ? value : (struct bytes){0};
}

struct reply_headers reply_headers_of(const struct bus_message *message)
{
    return (struct reply_headers){header_of(message, "kafka_replyTopic"),
                                  header_of(message, "kafka_replyPartition"),
                                  header_of(message, "kafka_correlationId")};
}

enum reply_address reply_read(const struct reply_headers *headers, const char *topic,
                              int32_t partitions, struct reply_to *ret)
{
    if (headers->topic.data == NULL)
        return REPLY_NO_ADDRESS;
    struct bytes partition = headers->partition, id = headers->correlation_id;
    if (!bytes_equal_string(headers->topic, topic) || partition.data == NULL ||
        partition.len != 4 || id.data == NULL || id.len == 0 || id.len > REPLY_CORRELATION_MAX)
        return REPLY_BAD_ADDRESS;
    uint32_t number = 0;
    for (size_t i = 0; i < partition.len; i++)
        number = number << 8 | partition.data[i];
    if (number >= (uint32_t)partitions)
        return REPLY_BAD_ADDRESS;
    *ret = (struct reply_to){(int32_t)number, id};
    return REPLY_GOOD_ADDRESS;
}

struct bytes reply_trace(const struct bus_message *message)
{
    struct bytes trace = header_of(message, "traceparent");
    return trace.len > 0 && trace.len <= REPLY_TRACE_MAX ? trace : (struct bytes){0};
}
