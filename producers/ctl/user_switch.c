// SPDX-License-Identifier: MIT
// users disable, enable.

#include <stdio.h>

#include "account.h"
#include "base/clock.h"
#include "command.h"

#define SETTINGS_DEF "user_switch.def"
#include "command_settings.def"

#define SPEC(word, does)                                                                           \
    {                                                                                              \
        .program = "retentionctl users " word, .purpose = does, .usage = "[settings] NAME",        \
        .table = table, .count = ARRAY_LEN(table), .struct_bytes = sizeof(struct settings),        \
    }

static const struct settings_spec specs[] = {
    [false] = SPEC("disable", "Lets an account do nothing more, and ends its sessions: refresh "
                              "tokens at once, access tokens within 5 seconds. What it has done "
                              "stays."),
    [true] = SPEC("enable", "Lets a disabled account log in again, with the password it had."),
};

// Nobody can make accounts over HTTP then; that may be what is wanted.
static enum err warn_without_admin(struct pg *pg, struct why *why)
{
    int64_t admins = 0;
    enum err err = users_count_admins(pg, &admins, why);
    if (err == ERR_OK && admins == 0)
        fprintf(stderr, "%s: no admin is left that is not disabled\n", specs[false].program);
    return err;
}

static enum err turn(const struct settings *settings, bool is_on, const char *argument,
                     struct why *why)
{
    char name[USERS_NAME_MAX + 1];
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    bool is_found = false;
    int64_t id = 0;
    enum err err = account_name(argument, name, why);
    if (err == ERR_OK)
        err = account_open(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = account_find(pg, name, &id, why);
    if (err == ERR_OK)
        err = is_on ? users_enable(pg, id, &is_found, why)
                    : users_disable(pg, id, clock_real_ms(), &is_found, why);
    if (err == ERR_OK && !is_found)
        err = why_say(why, ERR_REJECT, "the user %s has just gone", name);
    if (err == ERR_OK)
        printf("%s: %s\n", name, is_on ? "enabled" : "disabled, its sessions are over");
    return err == ERR_OK && !is_on ? warn_without_admin(pg, why) : err;
}

static int run(bool is_on, int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&specs[is_on], &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&specs[is_on], &settings, turn(&settings, is_on, argv[1], &why), &why);
}

int command_users_disable(int argc, char **argv)
{
    return run(false, argc, argv);
}

int command_users_enable(int argc, char **argv)
{
    return run(true, argc, argv);
}
