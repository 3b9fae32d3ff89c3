// SPDX-License-Identifier: MIT
#include "bus/client.h"

#include <string.h>

// A record on its way into librdkafka's queue, the same for transactions and without.

rd_kafka_headers_t *bus_headers_of(const struct bus_record *record)
{
    if (record->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        IGNORE(
            rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value.data,
                                (ssize_t)record->headers[i].value.len)); // fails for no memory only
    return headers;
}

// librdkafka's RD_KAFKA_V macros are statement expressions, which clang's pedantic mode reports.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-statement-expression"
#endif
rd_kafka_resp_err_t bus_enqueue(rd_kafka_t *rk, const struct bus_record *record, int32_t partition,
                                rd_kafka_headers_t *headers, void *opaque)
{
    // producev wants a mutable pointer although it copies; this is the one place where const is
    // dropped.
    void *value = NULL, *key = NULL;
    memcpy(&value, &record->value.data, sizeof value);
    memcpy(&key, &record->key.data, sizeof key);
    if (headers == NULL)
        return rd_kafka_producev(
            rk, RD_KAFKA_V_TOPIC(record->topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, record->key.len),
            RD_KAFKA_V_VALUE(value, record->value.len), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(record->topic), RD_KAFKA_V_PARTITION(partition),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_KEY(key, record->key.len),
                             RD_KAFKA_V_VALUE(value, record->value.len), RD_KAFKA_V_OPAQUE(opaque),
                             RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
}

#ifdef __clang__
#pragma clang diagnostic pop
#endif
