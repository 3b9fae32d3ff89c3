// SPDX-License-Identifier: MIT
// users add: an account, also the first admin, whom nobody could make over HTTP.

#include <inttypes.h>
#include <stdio.h>

#include "account.h"
#include "command.h"
#include "password.h"

#define SETTINGS_DEF "user_add.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl users add",
    .purpose = "Makes an account. Its password is the first line of standard input (at a terminal: "
               "asked for twice), or one that is made and printed.",
    .usage = "[settings] --role ROLE NAME",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void print(const struct settings *settings, int64_t id, const char *name,
                  const struct password *password)
{
    bool is_made = password->made[0] != '\0';
    if (settings->is_json)
        printf("{\"id\":%" PRId64 ",\"username\":\"%s\",\"role\":\"%s\"%s%s%s}\n", id, name,
               settings->role, is_made ? ",\"password\":\"" : "", password->made,
               is_made ? "\"" : "");
    else
        printf("%s: added as %s\n%s%s%s", name, settings->role, is_made ? "password: " : "",
               password->made, is_made ? "\n" : "");
}

static enum err add(const struct settings *settings, const char *argument, struct why *why)
{
    char name[USERS_NAME_MAX + 1];
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(password_wipe) struct password password = {.hash = ""};
    bool is_created = false;
    int64_t id = 0;
    enum err err = account_name(argument, name, why);
    if (err == ERR_OK)
        err = account_role(settings->role, why);
    if (err == ERR_OK)
        err = account_open(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = password_choose(settings->is_generated, (int)settings->password_score, name,
                              &password, why);
    if (err == ERR_OK)
        err = users_create(pg, bytes_from_string(name), bytes_from_string(password.hash),
                           settings->role, &is_created, &id, why);
    if (err == ERR_OK && !is_created)
        err = why_say(why, ERR_REJECT,
                      "there is a user %s already; users reset gives another password", name);
    if (err == ERR_OK)
        print(settings, id, name, &password);
    return err;
}

int command_users_add(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&spec, &settings, add(&settings, argv[1], &why), &why);
}
