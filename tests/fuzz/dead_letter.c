// SPDX-License-Identifier: MIT
// Any message that was refused, with any headers: the dead letter made of it fits, says where it
// came from, and holds what was there, up to the ceilings. The first bytes say how long the parts
// are; a byte of the input stands for many, so that the ceilings are reached.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "bus/deadletter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEADERS_MAX = 200,
    NAME_MAX_BYTES = 40,
    STRETCH = 4096,
    RECORD_MAX = 1024 * 1024 + 64 * 1024, // what the topic takes
};

static struct header {
    char name[NAME_MAX_BYTES + 1];
    struct bytes value;
} headers[HEADERS_MAX];
static size_t header_count;

// In place of a client's message.
bool bus_message_header_at(const struct bus_message *message UNUSED, size_t index,
                           const char **ret_name, struct bytes *ret)
{
    if (index >= header_count)
        return false;
    *ret_name = headers[index].name;
    *ret = headers[index].value;
    return true;
}

enum err bus_producer_send(struct bus_producer *producer UNUSED,
                           const struct bus_record *record UNUSED, struct why *why UNUSED)
{
    return ERR_OK;
}

static struct input {
    const uint8_t *at, *end;
} input;

static size_t take_byte(void)
{
    return input.at < input.end ? *input.at++ : 0;
}

// Up to 255 bytes of the input, or one of them many times; data NULL one time in eight.
static struct bytes take_bytes(uint8_t *many, size_t most)
{
    size_t how = take_byte(), len = take_byte();
    if (how % 8 == 0)
        return (struct bytes){0};
    if (how % 8 == 1) {
        len = len * STRETCH + take_byte();
        len = len < most ? len : most;
        memset(many, (int)take_byte(), len);
        return bytes_of(many, len);
    }
    size_t left = (size_t)(input.end - input.at);
    struct bytes taken = bytes_of(input.at, len < left ? len : left);
    input.at += taken.len;
    return taken;
}

static void take_headers(uint8_t *many, size_t most)
{
    for (header_count = take_byte() % HEADERS_MAX; header_count > 0 && input.at == input.end;)
        header_count--;
    for (size_t i = 0; i < header_count; i++) {
        size_t len = take_byte() % NAME_MAX_BYTES;
        memset(headers[i].name, 0, sizeof headers[i].name);
        for (size_t c = 0; c < len; c++)
            headers[i].name[c] = (char)take_byte();
        headers[i].value = take_bytes(many, most);
    }
}

static const struct bus_header *find(const struct bus_record *letter, const char *name)
{
    const struct bus_header *found = NULL;
    for (size_t i = 0; i < letter->header_count; i++)
        if (strcmp(letter->headers[i].name, name) == 0) {
            if (found != NULL)
                abort(); // one of ours is there once, whatever was there before
            found = &letter->headers[i];
        }
    return found;
}

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_part(const struct bus_record *letter, struct bytes was, struct bytes is,
                       const char *length_name)
{
    char text[24];
    const struct bus_header *length = find(letter, length_name);
    must((was.data == NULL) == (is.data == NULL) && is.len <= was.len &&
         (is.len == 0 || memcmp(is.data, was.data, is.len) == 0));
    must((length != NULL) == (is.len < was.len));
    snprintf(text, sizeof text, "%zu", was.len);
    must(length == NULL || bytes_equal_string(length->value, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t many_key[256 * STRETCH], many_value[512 * STRETCH], many_header[64 * STRETCH];
    input = (struct input){data, data + size};
    const struct bytes key = take_bytes(many_key, sizeof many_key);
    struct bytes value = take_bytes(many_value, sizeof many_value);
    if (take_byte() % 4 == 0 && value.data == many_value) { // beyond any ceiling
        memset(many_value, 'v', sizeof many_value);
        value = bytes_of(many_value, sizeof many_value);
    }
    take_headers(many_header, sizeof many_header);
    const struct bus_message message = {.topic = "employee-changes",
                                        .partition = (int32_t)take_byte(),
                                        .offset = INT64_MAX - (int64_t)take_byte(),
                                        .timestamp_ms = (int64_t)take_byte() - 1,
                                        .key = key,
                                        .value = value};
    struct why refusal = {0};
    IGNORE(why_code(&refusal, ERR_REJECT, take_byte() % 2 == 0 ? "bad-magic" : "",
                    "a sentence of %zu", take_byte()));
    struct bus_record *letter CLEANUP(mem_free_p) =
        bus_deadletter_keep("dead-letters", &message, "fuzz", &refusal);
    size_t bytes = letter->key.len + letter->value.len;
    for (size_t i = 0; i < letter->header_count; i++)
        bytes += strlen(letter->headers[i].name) + letter->headers[i].value.len + 16;
    must(bytes < RECORD_MAX);
    check_part(letter, key, letter->key, "dlq.key-bytes");
    check_part(letter, value, letter->value, "dlq.value-bytes");
    static const char *const ours[] = {"dlq.topic", "dlq.partition", "dlq.offset", "dlq.timestamp",
                                       "dlq.code",  "dlq.reason",    "dlq.program"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        const struct bus_header *header = find(letter, ours[i]);
        if (header == NULL || (i == 0 && !bytes_equal_string(header->value, message.topic)) ||
            (strcmp(ours[i], "dlq.code") == 0 && header->value.len == 0))
            abort();
    }
    return 0;
}
