// SPDX-License-Identifier: MIT
// schemas derive: what a features file makes, as files that people can read, compare and put under
// version control. Programs derive the schema themselves when they start, and migrate adds the
// columns; where neither may be left to a program, these files are for the hands that do it.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "command.h"
#include "domain/features.h"

enum { SCHEMA_BYTES_MAX = 1 << 20 };

#define SETTINGS_DEF "derive.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl schemas derive",
    .purpose = "Writes what a features file makes: employee-changed.avsc, the Avro schema of "
               "employees' states, and employee_columns.sql, the migration that gives the table "
               "employee a column for each attribute.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err write_file(const char *directory, const char *name, const struct text *text,
                           struct why *why)
{
    CLEANUP(mem_free_p) char *path = mem_printf("%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    bool is_written = file != NULL && fwrite(text->data, 1, text->len, file) == text->len;
    int error = errno;
    if (file != NULL && fclose(file) != 0) {
        is_written = false;
        error = errno;
    }
    if (!is_written)
        return why_say(why, ERR_FATAL, "%s: cannot be written: %s", path, strerror(error));
    printf("%s\n", path);
    return ERR_OK;
}

// Of each line "name type" of the columns, a part of the statement. A name has letters, digits and
// underscores; it is quoted because it may be a word of SQL.
static enum err write_migration(const struct features *features, struct text *out)
{
    CLEANUP(text_done) struct text columns = TEXT_INIT(SCHEMA_BYTES_MAX);
    enum err err = features_write_columns(features, &columns);
    if (err == ERR_OK)
        err = text_append_string(out, "-- Columns of the attributes in the features file. Existing "
                                      "columns stay as they are.\nALTER TABLE employee");
    const char *line = text_string(&columns), *comma = "";
    while (err == ERR_OK && line[0] != '\0') {
        size_t len = strcspn(line, "\n"), name = strcspn(line, " ");
        err = text_printf(out, "%s\n    ADD COLUMN IF NOT EXISTS \"%.*s\"%.*s", comma, (int)name,
                          line, (int)(len - name), line + name);
        comma = ",";
        line += len + 1;
    }
    return err == ERR_OK ? text_append_string(out, ";\n") : err;
}

static enum err derive(const struct settings *settings, struct why *why)
{
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(text_done) struct text schema = TEXT_INIT(SCHEMA_BYTES_MAX);
    CLEANUP(text_done) struct text migration = TEXT_INIT(SCHEMA_BYTES_MAX);
    enum err err = features_load(settings->features, &features, why);
    if (err != ERR_OK)
        return err;
    if (features_write_schema(features, &schema) != ERR_OK ||
        write_migration(features, &migration) != ERR_OK)
        return why_say(why, ERR_FATAL, "the features file makes too large a schema");
    err = write_file(settings->out, "employee-changed.avsc", &schema, why);
    return err == ERR_OK ? write_file(settings->out, "employee_columns.sql", &migration, why) : err;
}

int command_schemas_derive(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, derive(&settings, &why), &why);
}
