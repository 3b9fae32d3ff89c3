// SPDX-License-Identifier: MIT
// users list.

#include <inttypes.h>
#include <stdio.h>

#include "account.h"
#include "base/parse.h"
#include "command.h"

#define SETTINGS_DEF "users.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl users list",
    .purpose = "Lists the accounts, the oldest first.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

enum { PAGE = 200 };

// Names and roles are of characters that JSON leaves as they are.
static void print_user(const struct users_row *user, bool is_json)
{
    char created[FORMAT_TIME_MAX], changed[FORMAT_TIME_MAX];
    format_time_ms(user->created_at_ms, created);
    format_time_ms(user->password_changed_at_ms, changed);
    const int name_len = (int)user->username.len, role_len = (int)user->role.len;
    const char *name = (const char *)user->username.data, *role = (const char *)user->role.data;
    if (is_json)
        printf("{\"id\":%" PRId64 ",\"username\":\"%.*s\",\"role\":\"%.*s\",\"is_disabled\":%s,"
               "\"created_at\":\"%s\",\"password_changed_at\":\"%s\"}\n",
               user->id, name_len, name, role_len, role, user->is_disabled ? "true" : "false",
               created, changed);
    else
        printf("%-8" PRId64 " %-24.*s %-8.*s %-9s %-25s %s\n", user->id, name_len, name, role_len,
               role, user->is_disabled ? "disabled" : "", created, changed);
}

static enum err list(const struct settings *settings, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    struct users_row users[PAGE];
    int64_t after_id = 0;
    size_t count = PAGE;
    enum err err = account_open(settings->database_url, &pg, why);
    while (err == ERR_OK && count == PAGE) {
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        err = users_list(pg, after_id, users, PAGE, &count, &rows, why);
        if (err != ERR_OK)
            break;
        if (after_id == 0 && count > 0 && !settings->is_json)
            printf("%-8s %-24s %-8s %-9s %-25s %s\n", "ID", "USER", "ROLE", "", "CREATED",
                   "PASSWORD CHANGED");
        for (size_t i = 0; i < count; i++)
            print_user(&users[i], settings->is_json);
        after_id = count > 0 ? users[count - 1].id : after_id;
    }
    return err;
}

int command_users_list(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, list(&settings, &why), &why);
}
