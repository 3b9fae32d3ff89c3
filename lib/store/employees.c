// SPDX-License-Identifier: MIT
#include "store/employees.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/copy.h"
#include "store/sql.h"

// The one place where statements are put together from strings, and only from column names of the
// features file, each checked to be [a-z][a-z0-9_]* and quoted. Values never enter a statement.
//
// A batch is folded per employee in memory, over the rows as they are now (read locked, in one
// order for everybody), because the rule of departures is no simple maximum: an update after `left`
// is void even if a later `created` follows. The condition of the upsert guards against a row that
// appeared in between.

enum { FIXED_FIELDS = 11, COPY_BYTES_MAX = 64 * 1024 * 1024, STATEMENT_BYTES_MAX = 256 * 1024 };

static const char *const fixed_columns[FIXED_FIELDS] = {
    "employee_id", "event_id",   "event_time",       "change",        "source",  "requested_by",
    "topic_rank",  "generation", "source_partition", "source_offset", "left_at",
};

struct employees_writer {
    const struct features *features;
    char *copy_sql;
    char *upsert_sql;
    struct copy copy;
    uint64_t session; // that has the temporary table
    size_t capacity;
    const struct employees_record **sorted; // by employee, then as they came
    struct bytes *ids;                      // of the employees, sorted
    size_t *firsts;                         // of each employee in `sorted`; one more behind
    struct employee_state *states;
};

// ---- the statements

static bool is_column(const char *name)
{
    if (name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static enum err check_features(const struct features *features, struct why *why)
{
    for (size_t i = 0; i < features->count; i++) {
        const struct attribute *attribute = &features->attributes[i];
        if (!is_column(attribute->column))
            return why_say(why, ERR_FATAL,
                           "features: %s makes the column \"%s\", which is none: letters, digits "
                           "and underscores, a letter first",
                           attribute->name, attribute->column);
        if (attribute->type == ATTRIBUTE_INTEGER &&
            (attribute->min < INT32_MIN || attribute->max > INT32_MAX))
            return why_say(why, ERR_FATAL, "features: the bounds of %s do not fit a 32-bit integer",
                           attribute->name);
    }
    return ERR_OK;
}

// The columns with `before` and `after` around each name and commas between; with_key false leaves
// out the first, employee_id.
static enum err list_columns(const struct features *features, bool with_key, const char *format,
                             struct text *out)
{
    enum err err = ERR_OK;
    size_t first = with_key ? 0 : 1;
    for (size_t i = first; i < FIXED_FIELDS + features->count && err == ERR_OK; i++) {
        const char *name =
            i < FIXED_FIELDS ? fixed_columns[i] : features->attributes[i - FIXED_FIELDS].column;
        // '@' in the format stands for the name.
        if (i > first)
            err = text_append_string(out, ", ");
        for (const char *at = format; *at != '\0' && err == ERR_OK; at++)
            err = *at == '@' ? text_printf(out, "\"%s\"", name) : text_append(out, at, 1);
    }
    return err;
}

static enum err write_copy(const struct features *features, struct text *out)
{
    enum err err = text_append_string(out, "COPY incoming_employee (");
    if (err == ERR_OK)
        err = list_columns(features, true, "@", out);
    return err != ERR_OK ? err : text_append_string(out, ") FROM STDIN (FORMAT binary)");
}

static enum err write_upsert(const struct features *features, struct text *out)
{
    enum err err = text_append_string(out, "INSERT INTO employee (");
    if (err == ERR_OK)
        err = list_columns(features, true, "@", out);
    if (err == ERR_OK)
        err = text_append_string(out, ") SELECT ");
    if (err == ERR_OK)
        err = list_columns(features, true, "@", out);
    if (err == ERR_OK)
        err = text_append_string(out, " FROM incoming_employee ORDER BY employee_id"
                                      " ON CONFLICT (employee_id) DO UPDATE SET ");
    if (err == ERR_OK)
        err = list_columns(features, false, "@ = excluded.@", out);
    if (err == ERR_OK)
        err = text_append_string(
            out, " WHERE (employee.event_time, employee.topic_rank, employee.generation,"
                 " employee.source_offset, employee.source_partition)"
                 " < (excluded.event_time, excluded.topic_rank, excluded.generation,"
                 " excluded.source_offset, excluded.source_partition)");
    return err;
}

enum err employees_writer_new(const struct features *features, struct employees_writer **ret,
                              struct why *why)
{
    enum err err = check_features(features, why);
    if (err != ERR_OK)
        return err;
    CLEANUP(text_done) struct text copy_sql = TEXT_INIT(STATEMENT_BYTES_MAX);
    CLEANUP(text_done) struct text upsert_sql = TEXT_INIT(STATEMENT_BYTES_MAX);
    if (write_copy(features, &copy_sql) != ERR_OK || write_upsert(features, &upsert_sql) != ERR_OK)
        return why_say(why, ERR_FATAL, "features: too many attributes for one statement");
    struct employees_writer *writer = mem_zalloc(sizeof *writer);
    writer->features = features;
    writer->copy_sql = text_take(&copy_sql);
    writer->upsert_sql = text_take(&upsert_sql);
    copy_init(&writer->copy, COPY_BYTES_MAX);
    *ret = writer;
    return ERR_OK;
}

void employees_writer_free(struct employees_writer *writer)
{
    if (writer == NULL)
        return;
    free(writer->copy_sql);
    free(writer->upsert_sql);
    copy_done(&writer->copy);
    free(writer->sorted);
    free(writer->ids);
    free(writer->firsts);
    free(writer->states);
    free(writer);
}

enum err employees_prepare(struct employees_writer *writer, struct pg *pg, struct why *why)
{
    if (writer->session == pg_session(pg))
        return ERR_OK;
    enum err err = pg_exec(pg, sql_employee_incoming, NULL, 0, NULL, why);
    if (err == ERR_OK)
        writer->session = pg_session(pg);
    return err;
}

// ---- the rows

static void put_attribute(struct copy *copy, const struct attribute *attribute,
                          const struct value *value)
{
    if (value->kind == VALUE_NULL) {
        copy_null(copy);
        return;
    }
    switch (attribute->type) {
    case ATTRIBUTE_INTEGER:
        copy_int4(copy, (int32_t)attribute_integer(value));
        return;
    case ATTRIBUTE_REAL:
        copy_float8(copy, attribute_number(value));
        return;
    case ATTRIBUTE_CATEGORY: {
        // One spelling in the table; a category that nobody knows stays as it came.
        int category = attribute_category(attribute, value->text);
        copy_text(copy, category < 0 ? value->text
                                     : bytes_from_string(attribute->categories[category].name));
        return;
    }
    }
}

// In the order of fixed_columns, then the attributes.
static void put_record(struct copy *copy, const struct features *features,
                       const struct employees_record *record)
{
    const struct employee_change *change = &record->change;
    copy_row(copy, FIXED_FIELDS + (unsigned)features->count);
    copy_text(copy, change->employee_id);
    copy_text(copy, change->event_id);
    copy_time_ms(copy, change->event_time_ms);
    copy_text(copy, bytes_from_string(change_name(change->change)));
    copy_text(copy, change->source);
    copy_text(copy, change->requested_by);
    copy_int2(copy, (int16_t)record->key.topic_rank);
    copy_int4(copy, record->key.generation);
    copy_int4(copy, record->key.partition);
    copy_int8(copy, record->key.offset);
    if (change_is_departure(change->change))
        copy_time_ms(copy, change->event_time_ms);
    else
        copy_null(copy);
    for (size_t i = 0; i < features->count; i++)
        put_attribute(copy, &features->attributes[i], &change->attributes[i]);
}

// ---- the batch

static int compare_records(const void *left, const void *right)
{
    const struct employees_record *a = *(const struct employees_record *const *)left;
    const struct employees_record *b = *(const struct employees_record *const *)right;
    int order = bytes_compare(a->change.employee_id, b->change.employee_id);
    return order != 0 ? order : (a > b) - (a < b); // both are in one array
}

static void reserve(struct employees_writer *writer, size_t count)
{
    if (count <= writer->capacity)
        return;
    writer->sorted = mem_grow(writer->sorted, count, sizeof(const struct employees_record *));
    writer->ids = mem_grow(writer->ids, count, sizeof *writer->ids);
    writer->firsts = mem_grow(writer->firsts, count + 1, sizeof *writer->firsts);
    writer->states = mem_grow(writer->states, count, sizeof *writer->states);
    writer->capacity = count;
}

// Returns the number of employees.
static size_t group(struct employees_writer *writer, const struct employees_record *records,
                    size_t count)
{
    reserve(writer, count);
    for (size_t i = 0; i < count; i++)
        writer->sorted[i] = &records[i];
    qsort(writer->sorted, count, sizeof(const struct employees_record *), compare_records);
    size_t employees = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes id = writer->sorted[i]->change.employee_id;
        if (employees > 0 && bytes_equal(id, writer->ids[employees - 1]))
            continue;
        writer->ids[employees] = id;
        writer->states[employees] = (struct employee_state){0};
        writer->firsts[employees++] = i;
    }
    writer->firsts[employees] = count;
    return employees;
}

enum { ID, EVENT_TIME, TOPIC_RANK, GENERATION, SOURCE_OFFSET, SOURCE_PARTITION, HAS_LEFT };

static size_t find_id(const struct employees_writer *writer, size_t employees, struct bytes id)
{
    size_t low = 0, high = employees;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(writer->ids[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low < employees && bytes_equal(writer->ids[low], id));
    return low;
}

// The server sorts by its collation, we by bytes: each row is looked up.
static enum err read_states(struct employees_writer *writer, struct pg *pg, size_t employees,
                            struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_employee_states,
                           (struct pg_param[]){PG_TEXTS(writer->ids, employees)}, 1, &rows, why);
    if (err != ERR_OK)
        return err;
    for (size_t row = 0; row < pg_count(rows); row++) {
        size_t at = find_id(writer, employees, pg_get_text(rows, row, ID));
        writer->states[at] = (struct employee_state){
            .is_known = true,
            .key = {.event_time_ms = pg_get_time_ms(rows, row, EVENT_TIME),
                    .topic_rank = pg_get_int2(rows, row, TOPIC_RANK),
                    .generation = pg_get_int4(rows, row, GENERATION),
                    .offset = pg_get_int8(rows, row, SOURCE_OFFSET),
                    .partition = pg_get_int4(rows, row, SOURCE_PARTITION)},
            .has_left = pg_get_bool(rows, row, HAS_LEFT),
        };
    }
    return ERR_OK;
}

// The record that stands in the end, or NULL when what was there stays.
static const struct employees_record *fold(struct employees_writer *writer, size_t at)
{
    struct employee_state *state = &writer->states[at];
    const struct employees_record *latest = NULL;
    for (size_t i = writer->firsts[at]; i < writer->firsts[at + 1]; i++) {
        const struct employees_record *record = writer->sorted[i];
        if (!employee_replaces(state, record->key, record->change.change))
            continue;
        latest = record;
        *state = (struct employee_state){.is_known = true,
                                         .key = record->key,
                                         .has_left = change_is_departure(record->change.change)};
    }
    return latest;
}

static enum err upsert(struct employees_writer *writer, struct pg *pg, size_t *ret_changed,
                       struct why *why)
{
    struct why local = {0};
    struct bytes bytes;
    size_t copied = 0;
    enum err err = copy_finish(&writer->copy, &bytes, &local);
    if (err == ERR_OK)
        err = pg_copy(pg, writer->copy_sql, bytes, &copied, &local);
    if (err == ERR_OK)
        err = pg_change(pg, writer->upsert_sql, NULL, 0, ret_changed, &local);
    if (err == ERR_FATAL && strcmp(local.code, "42703") == 0)
        return why_say(why, err, "%s: run retentionctl migrate with this features file",
                       local.text);
    if (err != ERR_OK && why != NULL)
        *why = local;
    return err;
}

enum err employees_store(struct employees_writer *writer, struct pg *pg,
                         const struct employees_record *records, size_t count, size_t *ret_changed,
                         struct why *why)
{
    if (count == 0) {
        *ret_changed = 0;
        return ERR_OK;
    }
    size_t employees = group(writer, records, count);
    enum err err = read_states(writer, pg, employees, why);
    if (err != ERR_OK)
        return err;
    copy_begin(&writer->copy);
    for (size_t i = 0; i < employees; i++) {
        const struct employees_record *latest = fold(writer, i);
        if (latest != NULL)
            put_record(&writer->copy, writer->features, latest);
    }
    if (writer->copy.rows > 0)
        return upsert(writer, pg, ret_changed, why);
    *ret_changed = 0;
    return ERR_OK;
}

// ---- columns of another features file

static const char *sql_type(enum attribute_type type)
{
    switch (type) {
    case ATTRIBUTE_INTEGER:
        return "integer";
    case ATTRIBUTE_REAL:
        return "double precision";
    case ATTRIBUTE_CATEGORY:
        return "text";
    }
    assert(false);
    return "text";
}

static enum err count_columns(struct pg *pg, int64_t *ret, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_employee_columns, NULL, 0, &rows, why);
    if (err == ERR_OK)
        *ret = pg_get_int8(rows, 0, 0);
    return err;
}

enum err employees_add_columns(const struct features *features, struct pg *pg, size_t *ret_added,
                               struct why *why)
{
    enum err err = check_features(features, why);
    if (err != ERR_OK)
        return err;
    CLEANUP(text_done) struct text sql = TEXT_INIT(STATEMENT_BYTES_MAX);
    err = text_append_string(&sql, "ALTER TABLE employee");
    for (size_t i = 0; i < features->count && err == ERR_OK; i++)
        err = text_printf(&sql, "%s ADD COLUMN IF NOT EXISTS \"%s\" %s", i > 0 ? "," : "",
                          features->attributes[i].column, sql_type(features->attributes[i].type));
    if (err != ERR_OK)
        return why_say(why, ERR_FATAL, "features: too many attributes for one statement");
    int64_t before = 0, after = 0;
    err = count_columns(pg, &before, why);
    if (err == ERR_OK && features->count > 0)
        err = pg_exec(pg, text_string(&sql), NULL, 0, NULL, why);
    if (err == ERR_OK)
        err = count_columns(pg, &after, why);
    if (err == ERR_OK)
        *ret_added = (size_t)(after - before);
    return err;
}

enum err employees_read(struct pg *pg, const char *employee_id, struct text *ret_json,
                        bool *ret_found, struct why *why)
{
    const struct pg_param params[] = {PG_STRING(employee_id)};
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = pg_exec(pg, sql_employee_read, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_found = pg_count(rows) > 0;
    if (!*ret_found)
        return ERR_OK;
    struct bytes row = pg_get_text(rows, 0, 0);
    text_clear(ret_json);
    return text_append(ret_json, row.data, row.len) == ERR_OK
               ? ERR_OK
               : why_say(why, ERR_REJECT, "the row of an employee is over %zu bytes",
                         ret_json->ceiling);
}
