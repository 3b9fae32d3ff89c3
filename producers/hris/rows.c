// SPDX-License-Identifier: MIT
// The header becomes a table "column -> attribute" and a row is one walk over it: there is no look
// up by name per row, and nothing is allocated. Numbers are strict (no blanks, no thousands, no
// decimal comma): a guess here would be a wrong score later, and the rejected row can be mended.

#include "rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"

enum { COLUMN_IGNORED = -1, COLUMN_ID = -2 };

struct rows {
    const struct features *features;
    int *targets; // of each column: an attribute's place, COLUMN_IGNORED or COLUMN_ID
    size_t column_count;
    struct value *values; // of the attributes
    struct unknowns *unknowns;
    char event_id[ROWS_EVENT_PREFIX + 24];
};

static int target_of(const struct features *features, struct bytes name, const char *id_column)
{
    if (bytes_equal_string(name, id_column))
        return COLUMN_ID;
    int attribute = features_find_header(features, name);
    return attribute < 0 ? COLUMN_IGNORED : attribute;
}

static enum err check_header(const struct rows *rows, const struct csv_row *header,
                             const char *id_column, bool are_departures, struct why *why)
{
    bool has_id = false, has_attribute = are_departures;
    for (size_t i = 0; i < rows->column_count; i++) {
        int target = rows->targets[i];
        has_id |= target == COLUMN_ID;
        has_attribute |= target >= 0;
        for (size_t k = 0; target != COLUMN_IGNORED && k < i; k++)
            if (rows->targets[k] == target)
                return why_code(why, ERR_REJECT, "column-twice",
                                "the header names the column %.*s twice (places %zu and %zu)",
                                (int)header->fields[i].len, (const char *)header->fields[i].data,
                                k + 1, i + 1);
    }
    if (!has_id && rows->column_count == 1)
        return why_code(why, ERR_REJECT, "no-id-column",
                        "the header is one column, and not %s: give the file's delimiter as "
                        "CSV_DELIMITER, or the name of the column of employee ids as "
                        "EMPLOYEE_ID_COLUMN",
                        id_column);
    if (!has_id)
        return why_code(why, ERR_REJECT, "no-id-column",
                        "the header has no column %s: give the name of the column of employee ids "
                        "as EMPLOYEE_ID_COLUMN",
                        id_column);
    if (!has_attribute)
        return why_code(why, ERR_REJECT, "no-attribute",
                        "no column of the header is an attribute of the features file");
    return ERR_OK;
}

enum err rows_new(const struct features *features, const struct csv_row *header,
                  const char *id_column, bool are_departures, struct rows **ret,
                  struct text *ret_ignored, struct text *ret_missing, struct why *why)
{
    CLEANUP(rows_free_p) struct rows *rows = mem_zalloc(sizeof *rows);
    CLEANUP(mem_free_p) bool *is_there = mem_zalloc(features->count * sizeof *is_there + 1);
    size_t ignored = 0, missing = 0; // that are not named
    rows->features = features;
    rows->unknowns = unknowns_new(features);
    rows->column_count = header->count;
    rows->targets = mem_array(header->count, sizeof *rows->targets);
    rows->values = mem_array(features->count, sizeof *rows->values);
    for (size_t i = 0; i < header->count; i++) {
        int target = target_of(features, header->fields[i], id_column);
        rows->targets[i] = target;
        if (target >= 0)
            is_there[target] = true;
        else if (target == COLUMN_IGNORED)
            text_list_add(ret_ignored, &ignored, header->fields[i]);
    }
    for (size_t i = 0; i < features->count; i++)
        if (!is_there[i] && !are_departures)
            text_list_add(ret_missing, &missing, bytes_from_string(features->attributes[i].name));
    text_list_end(ret_ignored, ignored);
    text_list_end(ret_missing, missing);
    enum err err = check_header(rows, header, id_column, are_departures, why);
    if (err == ERR_OK)
        *ret = TAKE(rows);
    return err;
}

void rows_free(struct rows *rows)
{
    if (rows == NULL)
        return;
    unknowns_free(rows->unknowns);
    free(rows->targets);
    free(rows->values);
    free(rows);
}

const struct unknowns *rows_unknowns(const struct rows *rows)
{
    return rows->unknowns;
}

void rows_event_prefix(const struct rows_origin *origin, char ret[ROWS_EVENT_PREFIX])
{
    char rest[64], digest[CRYPTO_SHA256_HEX];
    int len = snprintf(rest, sizeof rest, "%" PRId64 "\n%s", origin->event_time_ms,
                       change_name(origin->change));
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    // The NULs keep the parts apart.
    crypto_sha256_update(&hash, bytes_of(origin->source, strlen(origin->source) + 1));
    crypto_sha256_update(&hash, bytes_of(origin->content_hash, strlen(origin->content_hash) + 1));
    crypto_sha256_update(&hash, bytes_of(rest, (size_t)len));
    crypto_sha256_final_hex(&hash, digest);
    memcpy(ret, digest, ROWS_EVENT_PREFIX - 1);
    ret[ROWS_EVENT_PREFIX - 1] = '\0';
}

// The values of a row that has as many fields as the header.
static enum err read_values(struct rows *rows, const struct csv_row *row,
                            struct employee_change *ret, struct why *why)
{
    const struct features *features = rows->features;
    memset(rows->values, 0, features->count * sizeof *rows->values); // VALUE_NULL is 0
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < rows->column_count; i++) {
        int target = rows->targets[i];
        if (target == COLUMN_ID)
            ret->employee_id = row->fields[i];
        else if (target >= 0)
            err = employee_parse(&features->attributes[target], row->fields[i],
                                 &rows->values[target], why);
    }
    return err;
}

// The text of a category that is known is the features file's, of another the row's own.
static void note_unknowns(struct rows *rows, const struct csv_row *row, int64_t number)
{
    for (size_t i = 0; i < rows->column_count; i++) {
        int target = rows->targets[i];
        if (target >= 0 && rows->values[target].kind == VALUE_TEXT &&
            rows->values[target].text.data == row->fields[i].data)
            unknowns_note(rows->unknowns, number, (size_t)target, row->fields[i]);
    }
}

enum err rows_event(struct rows *rows, const struct csv *csv, const struct csv_row *row,
                    int64_t number, const struct rows_origin *origin, const char *event_prefix,
                    struct employee_change *ret, struct why *why)
{
    enum err err = csv_check(csv, row, why);
    if (err != ERR_OK)
        return err;
    int len = snprintf(rows->event_id, sizeof rows->event_id, "%s-%" PRId64, event_prefix, number);
    *ret = (struct employee_change){
        .event_id = bytes_of(rows->event_id, (size_t)len),
        .event_time_ms = origin->event_time_ms,
        .change = origin->change,
        .source = bytes_from_string(origin->source),
        .attributes = rows->values,
    };
    err = read_values(rows, row, ret, why);
    if (err == ERR_OK)
        err = employee_check(rows->features, ret, bytes_of(NULL, 0), 0, why);
    if (err != ERR_OK)
        return why_prefix(why, err, "line %zu", row->line);
    note_unknowns(rows, row, number);
    return ERR_OK;
}
