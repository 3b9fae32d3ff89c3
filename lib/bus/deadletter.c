// SPDX-License-Identifier: MIT
#include "bus/deadletter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

// Headers are text, so that any consumer can read them. A record may be larger than any that we can
// write (it came in a compressed batch, or under the limits of another topic), and a dead letter
// that does not fit would hold its partition up for ever: so everything original has a ceiling,
// what is longer is cut, and a header tells how long it was.

enum {
    HEADERS_MAX = 64,         // original ones
    HEADER_BYTES = 16 * 1024, // of them all, names and values
    KEY_BYTES = 16 * 1024,
    VALUE_BYTES = 1024 * 1024 + 8 * 1024, // dead-letters takes 1 MiB and 64 KiB in all
    OURS = 9,
};

static bool is_ours(const char *name)
{
    return strncmp(name, "dlq.", 4) == 0;
}

static size_t copy_original(const struct bus_message *message, struct bus_header *headers)
{
    size_t count = 0, bytes = 0;
    for (size_t i = 0; count < HEADERS_MAX; i++) {
        struct bus_header header = {0};
        if (!bus_message_header_at(message, i, &header.name, &header.value))
            break;
        size_t len = strlen(header.name) + header.value.len + 16;
        if (is_ours(header.name) || len > HEADER_BYTES - bytes)
            continue;
        bytes += len;
        headers[count++] = header;
    }
    return count;
}

// At most `most` bytes; where it was longer, the original length as a header.
static struct bytes cut(struct bytes in, size_t most, const char *name, char text[24],
                        struct bus_header *headers, size_t *count)
{
    if (in.len <= most)
        return in;
    snprintf(text, 24, "%zu", in.len);
    headers[(*count)++] = (struct bus_header){name, bytes_from_string(text)};
    return bytes_of(in.data, most);
}

// A record whose parts point into the message and into itself.
struct letter {
    struct bus_header headers[HEADERS_MAX + OURS];
    char partition[16], offset[24], timestamp[24], key_bytes[24], value_bytes[24];
    struct bus_record record;
};

static void write_letter(struct letter *letter, const struct bus_message *message,
                         const char *program, const struct why *refusal)
{
    struct bus_header *headers = letter->headers;
    size_t count = copy_original(message, headers);
    snprintf(letter->partition, sizeof letter->partition, "%" PRId32, message->partition);
    snprintf(letter->offset, sizeof letter->offset, "%" PRId64, message->offset);
    snprintf(letter->timestamp, sizeof letter->timestamp, "%" PRId64, message->timestamp_ms);
    const char *const ours[][2] = {
        {"dlq.topic", message->topic},
        {"dlq.partition", letter->partition},
        {"dlq.offset", letter->offset},
        {"dlq.timestamp", letter->timestamp},
        {"dlq.code", refusal->code[0] == '\0' ? "refused" : refusal->code},
        {"dlq.reason", refusal->text},
        {"dlq.program", program}};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        headers[count++] = (struct bus_header){ours[i][0], bytes_from_string(ours[i][1])};
    const struct bytes key =
        cut(message->key, KEY_BYTES, "dlq.key-bytes", letter->key_bytes, headers, &count);
    const struct bytes value =
        cut(message->value, VALUE_BYTES, "dlq.value-bytes", letter->value_bytes, headers, &count);
    letter->record = (struct bus_record){
        .partition = -1, .key = key, .value = value, .headers = headers, .header_count = count};
}

enum err bus_deadletter_send(struct bus_producer *producer, const char *topic,
                             const struct bus_message *message, const char *program,
                             const struct why *refusal, struct why *why)
{
    struct letter letter;
    write_letter(&letter, message, program, refusal);
    letter.record.topic = topic;
    return bus_producer_send(producer, &letter.record, why);
}

static struct bytes copy_to(char **at, struct bytes bytes)
{
    if (bytes.data == NULL)
        return bytes;
    char *from = *at;
    memcpy(from, bytes.data, bytes.len);
    *at += bytes.len;
    return bytes_of(from, bytes.len);
}

struct bus_record *bus_deadletter_keep(const char *topic, const struct bus_message *message,
                                       const char *program, const struct why *refusal)
{
    struct letter letter;
    write_letter(&letter, message, program, refusal);
    const struct bus_record *record = &letter.record;
    size_t len = record->key.len + record->value.len;
    for (size_t i = 0; i < record->header_count; i++)
        len += strlen(record->headers[i].name) + 1 + record->headers[i].value.len;
    struct bus_record *kept =
        mem_zalloc(sizeof *kept + record->header_count * sizeof(struct bus_header) + len);
    struct bus_header *headers = (struct bus_header *)(kept + 1);
    char *at = (char *)(headers + record->header_count);
    *kept = *record;
    kept->topic = topic;
    kept->key = copy_to(&at, record->key);
    kept->value = copy_to(&at, record->value);
    kept->headers = headers;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct bus_header *from = &record->headers[i];
        headers[i].name =
            (const char *)copy_to(&at, bytes_of(from->name, strlen(from->name) + 1)).data;
        headers[i].value = copy_to(&at, from->value);
    }
    return kept;
}
