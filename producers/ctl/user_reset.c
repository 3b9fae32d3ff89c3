// SPDX-License-Identifier: MIT
// users reset: another password for somebody who lost theirs, or whose is known to others.

#include <stdio.h>

#include "account.h"
#include "base/clock.h"
#include "command.h"
#include "password.h"

#define SETTINGS_DEF "user_reset.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl users reset",
    .purpose = "Gives an account another password, as users add does, and ends its sessions: "
               "refresh tokens at once, access tokens within 5 seconds.",
    .usage = "[settings] NAME",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void print(const struct settings *settings, const char *name,
                  const struct password *password)
{
    bool is_made = password->made[0] != '\0';
    if (settings->is_json)
        printf("{\"username\":\"%s\"%s%s%s}\n", name, is_made ? ",\"password\":\"" : "",
               password->made, is_made ? "\"" : "");
    else
        printf("%s: has another password, its sessions are over\n%s%s%s", name,
               is_made ? "password: " : "", password->made, is_made ? "\n" : "");
}

static enum err reset(const struct settings *settings, const char *argument, struct why *why)
{
    char name[USERS_NAME_MAX + 1];
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(password_wipe) struct password password = {.hash = ""};
    bool is_changed = false;
    int64_t id = 0;
    enum err err = account_name(argument, name, why);
    if (err == ERR_OK)
        err = account_open(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = account_find(pg, name, &id, why);
    if (err == ERR_OK)
        err = password_choose(settings->is_generated, (int)settings->password_score, name,
                              &password, why);
    if (err == ERR_OK)
        err = users_set_password(pg, id, 0, bytes_from_string(password.hash), clock_real_ms(),
                                 &is_changed, why);
    if (err == ERR_OK && !is_changed)
        err = why_say(why, ERR_REJECT, "the user %s has just gone", name);
    if (err == ERR_OK)
        print(settings, name, &password);
    return err;
}

int command_users_reset(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&spec, &settings, reset(&settings, argv[1], &why), &why);
}
