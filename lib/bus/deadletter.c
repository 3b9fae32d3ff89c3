// SPDX-License-Identifier: MIT
#include "bus/deadletter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Headers are text, so that any consumer can read them. The original ones are kept in their order,
// a limited number of them: a hostile record may carry thousands.

enum { ORIGINAL_MAX = 64, OURS = 7 };

static const char *const names[OURS] = {"dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp",
                                        "dlq.code",  "dlq.reason",    "dlq.program"};

static bool is_ours(const char *name)
{
    return strncmp(name, "dlq.", 4) == 0;
}

enum err bus_deadletter_send(struct bus_producer *producer, const char *topic,
                             const struct bus_message *message, const char *program,
                             const struct why *refusal, struct why *why)
{
    struct bus_header headers[ORIGINAL_MAX + OURS];
    size_t count = 0;
    for (size_t i = 0; count < ORIGINAL_MAX; i++) {
        struct bus_header header = {0};
        if (!bus_message_header_at(message, i, &header.name, &header.value))
            break;
        if (!is_ours(header.name))
            headers[count++] = header;
    }
    char partition[16], offset[24], timestamp[24];
    snprintf(partition, sizeof partition, "%" PRId32, message->partition);
    snprintf(offset, sizeof offset, "%" PRId64, message->offset);
    snprintf(timestamp, sizeof timestamp, "%" PRId64, message->timestamp_ms);
    const char *values[OURS] = {message->topic,
                                partition,
                                offset,
                                timestamp,
                                refusal->code[0] == '\0' ? "refused" : refusal->code,
                                refusal->text,
                                program};
    for (size_t i = 0; i < OURS; i++)
        headers[count++] = (struct bus_header){names[i], bytes_from_string(values[i])};
    const struct bus_record record = {.topic = topic,
                                      .partition = -1,
                                      .key = message->key,
                                      .value = message->value,
                                      .headers = headers,
                                      .header_count = count};
    return bus_producer_send(producer, &record, why);
}
