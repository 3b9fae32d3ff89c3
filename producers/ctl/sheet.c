// SPDX-License-Identifier: MIT
// A file of people for commands that judge a model: read in pieces, so its size does not matter.

#include "sheet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "csv/csv.h"
#include "domain/employee.h"

enum {
    COLUMN_IGNORED = -1,
    COLUMN_ID = -2,
    ROW_BYTES_MAX = 1 << 20,
    FIELD_BYTES_MAX = 1 << 16,
    COLUMNS_MAX = 4096,
    NAMES_MAX = 1000
};

struct sheet {
    const struct features *features;
    char *path;
    FILE *file;
    struct csv *csv;
    int *targets; // of each column
    size_t column_count;
    struct value *values;
    char id[24]; // where the file has none
    struct text missing;
};

// The next row of the file; *ret_end where there is none.
static enum err pull(struct sheet *sheet, struct csv_row *row, bool *ret_end, struct why *why)
{
    *ret_end = false;
    for (;;) {
        enum csv_step step = csv_next(sheet->csv, row);
        if (step == CSV_ROW)
            return ERR_OK;
        if (step == CSV_END) {
            *ret_end = true;
            return ERR_OK;
        }
        size_t room = 0;
        uint8_t *place = csv_room(sheet->csv, &room);
        size_t len = fread(place, 1, room, sheet->file);
        if (ferror(sheet->file))
            return why_say(why, ERR_FATAL, "%s: cannot be read: %s", sheet->path, strerror(errno));
        csv_filled(sheet->csv, len);
    }
}

static void list_missing(struct sheet *sheet)
{
    bool is_there[FEATURES_MAX] = {false};
    size_t left_out = 0;
    for (size_t i = 0; i < sheet->column_count; i++)
        if (sheet->targets[i] >= 0)
            is_there[sheet->targets[i]] = true;
    for (size_t i = 0; i < sheet->features->count; i++)
        if (!is_there[i] && sheet->features->attributes[i].is_input)
            text_list_add(&sheet->missing, &left_out,
                          bytes_from_string(sheet->features->attributes[i].name));
    text_list_end(&sheet->missing, left_out);
}

const char *sheet_missing(const struct sheet *sheet)
{
    return text_string(&sheet->missing);
}

static enum err read_header(struct sheet *sheet, const char *id_column, struct why *why)
{
    struct csv_row header;
    bool is_end = false, has_attribute = false;
    enum err err = pull(sheet, &header, &is_end, why);
    if (err != ERR_OK)
        return err;
    if (is_end)
        return why_say(why, ERR_REJECT, "%s: is empty", sheet->path);
    err = csv_check(sheet->csv, &header, why);
    if (err != ERR_OK)
        return why_prefix(why, err, "%s", sheet->path);
    sheet->column_count = header.count;
    sheet->targets = mem_array(header.count, sizeof *sheet->targets);
    for (size_t i = 0; i < header.count; i++) {
        int target = features_find_header(sheet->features, header.fields[i]);
        if (bytes_equal_string(header.fields[i], id_column))
            target = COLUMN_ID;
        sheet->targets[i] = target;
        has_attribute = has_attribute || target >= 0;
        for (size_t k = 0; target != COLUMN_IGNORED && k < i; k++)
            if (sheet->targets[k] == target)
                return why_say(why, ERR_REJECT, "%s: columns %zu and %zu are the same", sheet->path,
                               k + 1, i + 1);
    }
    list_missing(sheet);
    return has_attribute
               ? ERR_OK
               : why_say(why, ERR_REJECT, "%s: no column is an attribute of the features file%s",
                         sheet->path,
                         header.count == 1 ? " (a delimiter is comma, semicolon or tab)" : "");
}

enum err sheet_open(const char *path, const char *id_column, const struct features *features,
                    struct sheet **ret, struct why *why)
{
    static const struct csv_options options = {.row_bytes_max = ROW_BYTES_MAX,
                                               .field_bytes_max = FIELD_BYTES_MAX,
                                               .columns_max = COLUMNS_MAX};
    CLEANUP(sheet_close_p) struct sheet *sheet = mem_zalloc(sizeof *sheet);
    sheet->features = features;
    sheet->path = mem_dup(path);
    sheet->values = mem_array(features->count, sizeof *sheet->values);
    sheet->csv = csv_new(&options);
    sheet->missing = TEXT_INIT(NAMES_MAX);
    sheet->file = fopen(path, "re");
    if (sheet->file == NULL)
        return why_say(why, ERR_FATAL, "%s: cannot be opened: %s", path, strerror(errno));
    enum err err = read_header(sheet, id_column, why);
    if (err == ERR_OK)
        *ret = TAKE(sheet);
    return err;
}

void sheet_close(struct sheet *sheet)
{
    if (sheet == NULL)
        return;
    if (sheet->file != NULL)
        fclose(sheet->file);
    csv_free(sheet->csv);
    text_done(&sheet->missing);
    free(sheet->targets);
    free(sheet->values);
    free(sheet->path);
    free(sheet);
}

// The line's number stands for an id that the file does not have.
static enum err read_id(struct sheet *sheet, const struct csv_row *row, struct bytes *ret,
                        struct why *why)
{
    for (size_t i = 0; i < sheet->column_count; i++) {
        if (sheet->targets[i] != COLUMN_ID)
            continue;
        enum err err = employee_check_id(row->fields[i], why);
        if (err == ERR_OK)
            *ret = row->fields[i];
        return err;
    }
    int len = snprintf(sheet->id, sizeof sheet->id, "%zu", row->line);
    *ret = bytes_of(sheet->id, (size_t)len);
    return ERR_OK;
}

static enum err read_values(struct sheet *sheet, const struct csv_row *row, struct why *why)
{
    enum err err = ERR_OK;
    memset(sheet->values, 0, sheet->features->count * sizeof *sheet->values); // VALUE_NULL is 0
    for (size_t i = 0; err == ERR_OK && i < sheet->column_count; i++) {
        int target = sheet->targets[i];
        if (target >= 0)
            err = employee_parse(&sheet->features->attributes[target], row->fields[i],
                                 &sheet->values[target], why);
    }
    return err == ERR_OK ? employee_check_attributes(sheet->features, sheet->values, why) : err;
}

enum err sheet_next(struct sheet *sheet, struct sheet_row *ret, bool *ret_end, struct why *why)
{
    struct csv_row row;
    enum err err = pull(sheet, &row, ret_end, why);
    if (err != ERR_OK || *ret_end)
        return err;
    *ret = (struct sheet_row){.line = row.line, .values = sheet->values};
    err = csv_check(sheet->csv, &row, why);
    if (err != ERR_OK)
        return err;
    err = read_id(sheet, &row, &ret->id, why);
    if (err == ERR_OK)
        err = read_values(sheet, &row, why);
    return err == ERR_OK ? ERR_OK : why_prefix(why, err, "line %zu", row.line);
}
