// SPDX-License-Identifier: MIT
// users import: accounts of another system, whose passwords go on working. All rows are looked at
// before one is written, and they are written by one statement: a file that is refused has changed
// nothing, and one that is imported twice neither.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "auth/password.h"
#include "base/mem.h"
#include "command.h"
#include "csv/csv.h"

#define SETTINGS_DEF "user_import.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl users import",
    .purpose =
        "Makes an account for each row of a CSV file with the columns username, password_hash "
        "(bcrypt or argon2id) and, where it is there, role; other columns are ignored. Names that "
        "are there already stay as they are. Where a row cannot be an account nothing is imported. "
        "A bcrypt hash becomes argon2id at the first login.",
    .usage = "[settings] FILE",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

enum { ROWS_MAX = 100000, ROW_BYTES_MAX = 64 * 1024, COLUMNS_MAX = 64, REFUSALS_SHOWN = 20 };
enum column { USERNAME, PASSWORD_HASH, ROLE, COLUMNS };
static const char *const column_names[COLUMNS] = {
    [USERNAME] = "username", [PASSWORD_HASH] = "password_hash", [ROLE] = "role"};

struct import {
    FILE *file;
    struct csv *csv;
    const char *path;
    const char *role;    // of rows without one
    int places[COLUMNS]; // -1: there is no such column
    struct account {
        char name[USERS_NAME_MAX + 1];
        char hash[AUTH_PASSWORD_HASH_MAX];
        char role[16];
    } * accounts;
    size_t count, capacity, refused;
};

static void import_done(struct import *import)
{
    if (import->file != NULL)
        fclose(import->file);
    csv_free(import->csv);
    free(import->accounts);
}

// ---- reading

static enum err pull(struct import *import, struct csv_row *row, bool *ret_end, struct why *why)
{
    enum csv_step step;
    while ((step = csv_next(import->csv, row)) == CSV_MORE) {
        size_t room = 0;
        uint8_t *place = csv_room(import->csv, &room);
        size_t len = fread(place, 1, room, import->file);
        if (ferror(import->file) != 0)
            return why_say(why, ERR_FATAL, "%s: cannot be read: %s", import->path,
                           strerrordesc_np(errno));
        csv_filled(import->csv, len);
    }
    *ret_end = step == CSV_END;
    return ERR_OK;
}

static enum err read_header(struct import *import, struct why *why)
{
    struct csv_row header;
    bool is_end = false;
    enum err err = pull(import, &header, &is_end, why);
    if (err == ERR_OK && is_end)
        return why_say(why, ERR_REJECT, "%s: is empty", import->path);
    if (err == ERR_OK)
        err = csv_check(import->csv, &header, why);
    if (err != ERR_OK)
        return why_prefix(why, err, "%s", import->path);
    for (size_t column = 0; column < COLUMNS; column++) {
        import->places[column] = -1;
        for (size_t i = 0; i < header.count; i++)
            if (bytes_equal_string(header.fields[i], column_names[column]))
                import->places[column] = (int)i;
        if (import->places[column] < 0 && column != ROLE)
            return why_say(why, ERR_REJECT, "%s: has no column %s", import->path,
                           column_names[column]);
    }
    return ERR_OK;
}

// ERR_REJECT: these fields make no account.
static enum err read_account(const struct import *import, const struct bytes *fields,
                             struct account *ret, struct why *why)
{
    struct bytes hash = fields[import->places[PASSWORD_HASH]], role = {0};
    enum auth_role ignored;
    enum err err = users_fold_name(fields[import->places[USERNAME]], ret->name, why);
    if (err != ERR_OK)
        return err;
    if (hash.len >= sizeof ret->hash)
        return why_say(why, ERR_REJECT, "the hash is longer than any that is checked here");
    memcpy(ret->hash, hash.data, hash.len);
    ret->hash[hash.len] = '\0';
    err = auth_password_hash_check(ret->hash, why);
    if (err != ERR_OK)
        return err;
    if (import->places[ROLE] >= 0)
        role = fields[import->places[ROLE]];
    if (role.len == 0)
        role = bytes_from_string(import->role);
    if (role.len >= sizeof ret->role || !auth_role_of(role, &ignored))
        return why_say(why, ERR_REJECT, "the role is none of admin, hr, viewer, service");
    memcpy(ret->role, role.data, role.len);
    ret->role[role.len] = '\0';
    return ERR_OK;
}

// The next place in `accounts`, filled or not counted.
static void take_row(struct import *import, const struct csv_row *row)
{
    struct why why = {0};
    if (import->count == import->capacity) {
        import->capacity = import->capacity == 0 ? 256 : import->capacity * 2;
        import->accounts = mem_grow(import->accounts, import->capacity, sizeof *import->accounts);
    }
    enum err err = csv_check(import->csv, row, &why); // says the line itself
    if (err == ERR_OK) {
        err = read_account(import, row->fields, &import->accounts[import->count], &why);
        if (err != ERR_OK)
            err = why_prefix(&why, err, "line %zu", row->line);
    }
    if (err == ERR_OK)
        import->count++;
    else if (import->refused++ < REFUSALS_SHOWN)
        fprintf(stderr, "%s\n", why.text);
}

static enum err read_rows(struct import *import, struct why *why)
{
    for (;;) {
        struct csv_row row;
        bool is_end = false;
        enum err err = pull(import, &row, &is_end, why);
        if (err != ERR_OK || is_end)
            return err;
        if (import->count == ROWS_MAX)
            return why_say(why, ERR_REJECT, "%s: has more than %d rows; import it in parts",
                           import->path, ROWS_MAX);
        take_row(import, &row);
    }
}

static enum err import_open(struct import *import, struct why *why)
{
    static const struct csv_options options = {.row_bytes_max = ROW_BYTES_MAX,
                                               .field_bytes_max = ROW_BYTES_MAX,
                                               .columns_max = COLUMNS_MAX};
    import->csv = csv_new(&options);
    import->file = fopen(import->path, "re");
    if (import->file == NULL)
        return why_say(why, ERR_FATAL, "%s: cannot be opened: %s", import->path,
                       strerrordesc_np(errno));
    enum err err = read_header(import, why);
    if (err == ERR_OK)
        err = read_rows(import, why);
    if (err == ERR_OK && import->refused > 0)
        err = why_say(why, ERR_REJECT, "%s: %zu rows can be no accounts, nothing was imported",
                      import->path, import->refused);
    return err;
}

// ---- writing

static enum err store(const struct import *import, struct pg *pg, bool is_json, struct why *why)
{
    struct users_import *users CLEANUP(mem_free_p) = mem_array(import->count, sizeof *users);
    bool *is_created CLEANUP(mem_free_p) = mem_array(import->count, sizeof *is_created);
    for (size_t i = 0; i < import->count; i++)
        users[i] =
            (struct users_import){.username = bytes_from_string(import->accounts[i].name),
                                  .password_hash = bytes_from_string(import->accounts[i].hash),
                                  .role = import->accounts[i].role};
    enum err err = users_import(pg, users, import->count, is_created, why);
    size_t created = 0;
    for (size_t i = 0; err == ERR_OK && i < import->count; i++) {
        const char *name = import->accounts[i].name, *role = import->accounts[i].role;
        created += is_created[i];
        if (is_json)
            printf("{\"username\":\"%s\",\"role\":\"%s\",\"is_imported\":%s}\n", name, role,
                   is_created[i] ? "true" : "false");
        else if (!is_created[i])
            printf("%s: there already\n", name);
    }
    if (err == ERR_OK && !is_json)
        printf("%zu imported, %zu there already\n", created, import->count - created);
    return err;
}

static enum err run(const struct settings *settings, const char *path, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(import_done) struct import import = {.path = path, .role = settings->role};
    enum err err = account_role(settings->role, why);
    if (err == ERR_OK)
        err = import_open(&import, why);
    if (err == ERR_OK)
        err = account_open(settings->database_url, &pg, why);
    return err == ERR_OK ? store(&import, pg, settings->is_json, why) : err;
}

int command_users_import(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&spec, &settings, run(&settings, argv[1], &why), &why);
}
