// SPDX-License-Identifier: MIT
#include "bus/client.h"

// A message as consumers and readers hand it out: views into librdkafka's, which stays taken as
// long as its block is out.

void bus_message_fill(struct bus_message *ret, const char *topic, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    *ret = (struct bus_message){
        .topic = topic,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp < 0 ? 0 : timestamp,
        .key = bytes_of(message->key, message->key == NULL ? 0 : message->key_len),
        .value = bytes_of(message->payload, message->payload == NULL ? 0 : message->len),
        .handle = message,
    };
}

bool bus_message_header(const struct bus_message *message, const char *name, struct bytes *ret)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;
    if (rd_kafka_message_headers(message->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *ret = bytes_of(value, value == NULL ? 0 : len);
    return true;
}

bool bus_message_header_at(const struct bus_message *message, size_t index, const char **ret_name,
                           struct bytes *ret)
{
    rd_kafka_headers_t *headers = NULL;
    const void *value = NULL;
    size_t len = 0;
    if (rd_kafka_message_headers(message->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_all(headers, index, ret_name, &value, &len) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    *ret = bytes_of(value, value == NULL ? 0 : len);
    return true;
}
