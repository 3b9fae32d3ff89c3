// SPDX-License-Identifier: MIT
// What is needed to read a schema's values is made once per schema id and kept: there are few of
// them in a topic.

#include "record.h"

#include <stdlib.h>

#include "avro/frame.h"
#include "avro/json.h"
#include "avro/program.h"
#include "base/mem.h"
#include "base/parse.h"
#include "json/json.h"

enum { SCHEMAS_MAX = 256, HEADERS_MAX = 256 };

struct known {
    uint32_t id;
    struct avro_json *json;
    struct avro_program *event_time; // NULL: not needed
};

struct record_writer {
    struct record_options options;
    struct known known[SCHEMAS_MAX];
    size_t known_count;
};

struct record_writer *record_writer_new(const struct record_options *options)
{
    struct record_writer *writer = mem_zalloc(sizeof *writer);
    writer->options = *options;
    return writer;
}

static void forget(struct known *known)
{
    avro_json_free(known->json);
    avro_program_free(known->event_time);
    *known = (struct known){0};
}

void record_writer_free(struct record_writer *writer)
{
    if (writer == NULL)
        return;
    for (size_t i = 0; i < writer->known_count; i++)
        forget(&writer->known[i]);
    free(writer);
}

static enum err learn(struct record_writer *writer, uint32_t id, struct known *ret, struct why *why)
{
    static const struct avro_field event_time = {"event_time", AVRO_TAKES_INTEGER | AVRO_TAKES_NULL,
                                                 false};
    const char *schema = NULL;
    *ret = (struct known){.id = id};
    enum err err = registry_schema(writer->options.registry, id, &schema, why);
    if (err == ERR_OK)
        err = avro_json_new(bytes_from_string(schema), &ret->json, why);
    if (err == ERR_OK && writer->options.has_event_time)
        err =
            avro_program_compile(bytes_from_string(schema), &event_time, 1, &ret->event_time, why);
    if (err != ERR_OK)
        forget(ret);
    return err;
}

static enum err find(struct record_writer *writer, uint32_t id, struct known **ret, struct why *why)
{
    for (size_t i = 0; i < writer->known_count; i++)
        if (writer->known[i].id == id) {
            *ret = &writer->known[i];
            return ERR_OK;
        }
    struct known known;
    enum err err = learn(writer, id, &known, why);
    if (err != ERR_OK)
        return err;
    size_t place = writer->known_count < SCHEMAS_MAX ? writer->known_count++ : SCHEMAS_MAX - 1;
    forget(&writer->known[place]);
    writer->known[place] = known;
    *ret = &writer->known[place];
    return ERR_OK;
}

static bool is_wanted(const struct record_writer *writer, const struct known *known,
                      struct bytes body)
{
    struct value value = {.kind = VALUE_NULL};
    if (!writer->options.has_event_time)
        return true;
    return avro_program_run(known->event_time, body, &value, NULL) == ERR_OK &&
           value.kind == VALUE_INTEGER && value.integer == writer->options.event_time_ms;
}

static enum err write_base64(struct text *out, struct bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum err err = text_append_string(out, "\"");
    for (size_t i = 0; err == ERR_OK && i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)bytes.data[i + 2] : 0;
        char quad[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
                        digits[group & 63]};
        if (left < 3)
            quad[3] = '=';
        if (left < 2)
            quad[2] = '=';
        err = text_append(out, quad, sizeof quad);
    }
    return err == ERR_OK ? text_append_string(out, "\"") : err;
}

static enum err write_text(struct text *out, struct bytes text)
{
    return text.data == NULL ? text_append_string(out, "null") : json_write_string(out, text);
}

// Of headers that stand more than once, the last counts, as for our programs.
static bool is_last_of_its_name(const struct bus_message *message, size_t index, const char *name)
{
    const char *other = NULL;
    struct bytes value;
    for (size_t i = index + 1; i < HEADERS_MAX; i++) {
        if (!bus_message_header_at(message, i, &other, &value))
            return true;
        if (bytes_equal_string(bytes_from_string(other), name))
            return false;
    }
    return true;
}

static enum err write_headers(struct text *out, const struct bus_message *message)
{
    enum err err = text_append_string(out, "{");
    const char *name = NULL;
    struct bytes value;
    bool is_first = true;
    for (size_t i = 0;
         err == ERR_OK && i < HEADERS_MAX && bus_message_header_at(message, i, &name, &value);
         i++) {
        if (!is_last_of_its_name(message, i, name))
            continue;
        if (!is_first)
            err = text_append_string(out, ",");
        is_first = false;
        if (err == ERR_OK)
            err = json_write_string(out, bytes_from_string(name));
        if (err == ERR_OK)
            err = text_append_string(out, ":");
        if (err == ERR_OK)
            err = write_text(out, value);
    }
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static enum err write_meta(struct text *out, const struct bus_message *message)
{
    char when[FORMAT_TIME_MAX];
    format_time_ms(message->timestamp_ms, when);
    enum err err = text_printf(
        out, "{\"partition\":%d,\"offset\":%lld,\"timestamp\":\"%s\",\"key\":", message->partition,
        (long long)message->offset, when);
    if (err == ERR_OK)
        err = write_text(out, message->key);
    if (err == ERR_OK)
        err = text_append_string(out, ",\"headers\":");
    return err == ERR_OK ? write_headers(out, message) : err;
}

static enum err write_raw(struct text *out, const struct bus_message *message)
{
    enum err err = write_meta(out, message);
    if (err == ERR_OK)
        err = text_append_string(out, ",\"value_base64\":");
    if (err == ERR_OK)
        err = message->value.data == NULL ? text_append_string(out, "null")
                                          : write_base64(out, message->value);
    return err == ERR_OK ? text_append_string(out, "}\n") : err;
}

static enum err write_decoded(struct record_writer *writer, const struct bus_message *message,
                              struct text *out, bool *ret_written, struct why *why)
{
    uint32_t id = 0;
    struct bytes body = {0};
    struct known *known = NULL;
    enum err err = ERR_OK;
    if (message->value.data != NULL) {
        err = avro_frame_read(message->value, &id, &body, why);
        if (err == ERR_OK)
            err = find(writer, id, &known, why);
        if (err != ERR_OK)
            return err;
    }
    *ret_written = known == NULL ? !writer->options.has_event_time : is_wanted(writer, known, body);
    if (!*ret_written)
        return ERR_OK;
    if (writer->options.has_meta)
        err = write_meta(out, message);
    if (err == ERR_OK && writer->options.has_meta)
        err = text_append_string(out, ",\"value\":");
    if (err == ERR_OK)
        err = known == NULL ? text_append_string(out, "null")
                            : avro_json_write(known->json, body, out, why);
    if (err == ERR_OK)
        err = text_append_string(out, writer->options.has_meta ? "}\n" : "\n");
    return err;
}

enum err record_write(struct record_writer *writer, const struct bus_message *message,
                      struct text *out, bool *ret_written, struct why *why)
{
    size_t before = out->len;
    *ret_written = true;
    if (why != NULL)
        *why = (struct why){.code = "message-too-large", .text = "the line is too long"};
    enum err err = writer->options.is_avro ? write_decoded(writer, message, out, ret_written, why)
                                           : write_raw(out, message);
    if (err != ERR_OK)
        out->len = before;
    return err;
}
