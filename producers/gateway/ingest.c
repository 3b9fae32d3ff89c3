// SPDX-License-Identifier: MIT
#include "ingest.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "csv/csv.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

enum { ROW_BYTES_MAX = 64 * 1024, FIELD_BYTES_MAX = 4096, COLUMNS_MAX = 1000 };

void ingest_check(const struct body_person *person, bool needs_id, int64_t now_ms,
                  struct body_errors *errors)
{
    bool is_departure = person->change == CHANGE_LEFT || person->change == CHANGE_ERASED;
    if (needs_id && !person->has_id)
        body_error_add(errors, "", "employee_id", "missing-field", "employee_id is missing");
    if (!person->has_attributes && !is_departure)
        body_error_add(errors, "", "", "missing-field", "there is no attribute");
    if (person->has_event_time && person->event_time_ms > now_ms + day_ms)
        body_error_add(errors, "", "event_time", "event-time-in-future",
                       "event_time is more than 24 hours ahead");
}

// ---- JSON lines

// The next line that is not blank; false: there is none.
static bool next_line(struct bytes *body, struct bytes *ret)
{
    while (body->len > 0) {
        const uint8_t *end = memchr(body->data, '\n', body->len);
        size_t len = end == NULL ? body->len : (size_t)(end - body->data);
        size_t next = end == NULL ? len : len + 1;
        struct bytes line = bytes_of(body->data, len);
        *body = bytes_of(body->data + next, body->len - next);
        while (line.len > 0 && strchr(" \t\r", line.data[line.len - 1]) != NULL &&
               line.data[line.len - 1] != '\0')
            line.len--;
        if (line.len == 0)
            continue;
        *ret = line;
        return true;
    }
    return false;
}

static void read_line(const struct body_reader *reader, struct bytes line, int64_t now_ms,
                      struct json **ret_json, struct body_person *person,
                      struct body_errors *errors)
{
    struct why why = {0};
    person->has_id = false;
    if (json_parse(line, ROW_BYTES_MAX, BODY_DEPTH_MAX, ret_json, &why) != ERR_OK) {
        body_error_add(errors, "", "", "bad-row", "%s", why.text);
        return;
    }
    if (json_kind(*ret_json) != JSON_KIND_OBJECT) {
        body_error_add(errors, "", "", "wrong-type", "the line is %s, not an object",
                       json_kind_name(json_kind(*ret_json)));
        return;
    }
    if (body_read_person(reader, *ret_json, BODY_TAKES_ID | BODY_TAKES_CHANGE, person, errors))
        ingest_check(person, true, now_ms, errors);
}

static void read_lines(const struct body_reader *reader, struct bytes body, int64_t now_ms,
                       ingest_take *take, void *context)
{
    CLEANUP(mem_free_p) struct body_person *person = mem_zalloc(sizeof *person);
    CLEANUP(mem_free_p) struct body_errors *errors = mem_zalloc(sizeof *errors);
    struct bytes line = {0};
    for (size_t row = 1; next_line(&body, &line); row++) {
        CLEANUP(json_free_p) struct json *json = NULL;
        errors->count = 0;
        read_line(reader, line, now_ms, &json, person, errors);
        take(context, row, person, errors);
    }
}

// ---- CSV

// What a column is; an attribute's place otherwise.
enum { COLUMN_IGNORED = -1, COLUMN_ID = -2, COLUMN_CHANGE = -3, COLUMN_EVENT_TIME = -4 };

struct columns {
    int targets[COLUMNS_MAX];
    size_t count;
};

static struct csv *open_csv(void)
{
    const struct csv_options options = {.row_bytes_max = ROW_BYTES_MAX,
                                        .field_bytes_max = FIELD_BYTES_MAX,
                                        .columns_max = COLUMNS_MAX};
    return csv_new(&options);
}

// Rows out of bytes that are all here.
static enum csv_step next_row(struct csv *csv, struct bytes *body, struct csv_row *ret)
{
    enum csv_step step = csv_next(csv, ret);
    while (step == CSV_MORE) {
        size_t room = 0;
        uint8_t *to = csv_room(csv, &room);
        size_t len = body->len < room ? body->len : room;
        if (len > 0)
            memcpy(to, body->data, len);
        csv_filled(csv, len);
        *body = bytes_of(body->data + len, body->len - len);
        step = csv_next(csv, ret);
    }
    return step;
}

static int target_of(const struct features *features, struct bytes name)
{
    static const struct {
        const char *name;
        int target;
    } names[] = {{"employee_id", COLUMN_ID},
                 {"employe_id", COLUMN_ID},
                 {"EmployeeNumber", COLUMN_ID},
                 {"change", COLUMN_CHANGE},
                 {"event_time", COLUMN_EVENT_TIME}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal_string(name, names[i].name))
            return names[i].target;
    int attribute = features_find_header(features, name);
    return attribute < 0 ? COLUMN_IGNORED : attribute;
}

static enum err read_header(const struct features *features, const struct csv_row *header,
                            struct columns *columns, struct text *ignored, struct why *why)
{
    bool has_id = false;
    enum err err = ERR_OK;
    columns->count = header->count;
    for (size_t i = 0; err == ERR_OK && i < header->count; i++) {
        struct bytes name = header->fields[i];
        columns->targets[i] = target_of(features, name);
        has_id |= columns->targets[i] == COLUMN_ID;
        for (size_t k = 0; columns->targets[i] != COLUMN_IGNORED && k < i; k++)
            if (columns->targets[k] == columns->targets[i])
                return why_code(why, ERR_REJECT, "conflicting-fields",
                                "the header names the column %.*s twice",
                                (int)(name.len < 64 ? name.len : 64), (const char *)name.data);
        if (columns->targets[i] != COLUMN_IGNORED)
            continue;
        if (ignored->len > 0)
            err = text_append_string(ignored, ",");
        if (err == ERR_OK)
            err = json_write_string(ignored, name);
    }
    if (err != ERR_OK)
        return why_code(why, ERR_REJECT, "text-too-long", "the header is too long");
    return has_id ? ERR_OK
                  : why_code(why, ERR_REJECT, "missing-field",
                             "the header has no column employee_id (or EmployeeNumber)");
}

static void read_id(struct bytes field, struct body_person *person, struct body_errors *errors)
{
    struct why why = {0};
    if (field.len == 0)
        return; // missing
    person->has_id = true;
    person->employee_id = field;
    if (employee_check_id(field, &why) != ERR_OK)
        body_error_add(errors, "", "employee_id", why.code, "%s", why.text);
}

static void read_attribute(const struct attribute *attribute, struct bytes field,
                           struct value *value, struct body_person *person,
                           struct body_errors *errors)
{
    struct why why = {0};
    enum err err = employee_parse(attribute, field, value, &why);
    if (err == ERR_OK)
        err = employee_check_attribute(attribute, value, &why);
    if (err != ERR_OK)
        body_error_add(errors, "", attribute->name, why.code, "%s", why.text);
    person->has_attributes |= field.len > 0;
}

static void read_field(const struct features *features, int target, struct bytes field,
                       struct body_person *person, struct body_errors *errors)
{
    switch (target) {
    case COLUMN_IGNORED:
        break;
    case COLUMN_ID:
        read_id(field, person, errors);
        break;
    case COLUMN_CHANGE:
        person->has_change = field.len > 0;
        if (person->has_change && !change_from_text(field, &person->change))
            body_error_add(errors, "", "change", "bad-value",
                           "change is none of created, updated, left and erased");
        break;
    case COLUMN_EVENT_TIME:
        person->has_event_time = field.len > 0;
        if (person->has_event_time && !body_read_time(field, &person->event_time_ms))
            body_error_add(errors, "", "event_time", "bad-event-time",
                           "event_time is no time like 2026-03-01T08:30:00Z");
        break;
    default:
        read_attribute(&features->attributes[target], field, &person->values[target], person,
                       errors);
        break;
    }
}

static void read_row(const struct csv *csv, const struct features *features,
                     const struct columns *columns, const struct csv_row *row, int64_t now_ms,
                     struct body_person *person, struct body_errors *errors)
{
    struct why why = {0};
    memset(person, 0, offsetof(struct body_person, values));
    person->change = CHANGE_UPDATED;
    for (size_t i = 0; i < features->count; i++)
        person->values[i] = (struct value){.kind = VALUE_NULL};
    if (csv_check(csv, row, &why) != ERR_OK) {
        body_error_add(errors, "", "", "bad-row", "%s", why.text);
        return;
    }
    for (size_t i = 0; i < columns->count; i++)
        read_field(features, columns->targets[i], row->fields[i], person, errors);
    if (errors->count == 0)
        ingest_check(person, true, now_ms, errors);
    if (errors->count == 0 && employee_check_attributes(features, person->values, &why) != ERR_OK)
        body_error_add(errors, "", "", why.code, "%s", why.text);
}

static enum err read_csv(const struct features *features, struct bytes body, int64_t now_ms,
                         struct text *ignored, ingest_take *take, void *context, struct why *why)
{
    CLEANUP(csv_free_p) struct csv *csv = open_csv();
    CLEANUP(mem_free_p) struct body_person *person = mem_zalloc(sizeof *person);
    CLEANUP(mem_free_p) struct body_errors *errors = mem_zalloc(sizeof *errors);
    CLEANUP(mem_free_p) struct columns *columns = mem_zalloc(sizeof *columns);
    struct csv_row row;
    if (next_row(csv, &body, &row) != CSV_ROW)
        return why_code(why, ERR_REJECT, "missing-field", "there is no header");
    struct why fault = {0};
    if (csv_check(csv, &row, &fault) != ERR_OK)
        return why_code(why, ERR_REJECT, "bad-row", "%s", fault.text);
    enum err err = read_header(features, &row, columns, ignored, why);
    for (size_t at = 1; err == ERR_OK && next_row(csv, &body, &row) == CSV_ROW; at++) {
        errors->count = 0;
        read_row(csv, features, columns, &row, now_ms, person, errors);
        take(context, at, person, errors);
    }
    return err;
}

// ---- both

enum err ingest_count(enum ingest_format format, struct bytes body, size_t *ret, struct why *why)
{
    struct bytes line = {0};
    struct csv_row row;
    size_t count = 0;
    if (format == INGEST_JSON_LINES) {
        while (next_line(&body, &line))
            count++;
    } else {
        CLEANUP(csv_free_p) struct csv *csv = open_csv();
        while (next_row(csv, &body, &row) == CSV_ROW)
            count++;
        count -= count > 0; // the header
    }
    *ret = count;
    return count <= INGEST_ROWS_MAX ? ERR_OK
                                    : why_code(why, ERR_REJECT, "too-many-rows",
                                               "%zu rows are more than %d", count, INGEST_ROWS_MAX);
}

enum err ingest_read(const struct body_reader *reader, const struct features *features,
                     enum ingest_format format, struct bytes body, int64_t now_ms,
                     struct text *ignored, ingest_take *take, void *context, struct why *why)
{
    if (format == INGEST_CSV)
        return read_csv(features, body, now_ms, ignored, take, context, why);
    read_lines(reader, body, now_ms, take, context);
    return ERR_OK;
}
