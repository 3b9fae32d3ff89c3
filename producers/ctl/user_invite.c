// SPDX-License-Identifier: MIT
// users invite: a code with which one person makes an account of their own, with a password that
// nobody else ever sees.

#include <stdio.h>

#include "account.h"
#include "auth/opaque.h"
#include "base/clock.h"
#include "base/parse.h"
#include "command.h"
#include "crypto/crypto.h"

#define SETTINGS_DEF "user_invite.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl users invite",
    .purpose = "Makes a code that lets one person register, and prints it, this once: the database "
               "keeps its hash only.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err invite(const struct settings *settings, struct why *why)
{
    char code[AUTH_OPAQUE_LEN + 1], hash[AUTH_OPAQUE_HASH_LEN + 1], until[FORMAT_TIME_MAX];
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    int64_t expires_at_ms = clock_real_ms() + settings->life_ms;
    enum err err = account_role(settings->role, why);
    if (err == ERR_OK)
        err = account_open(settings->database_url, &pg, why);
    if (err != ERR_OK)
        return err;
    auth_opaque_new(code, hash);
    err = users_invite(pg, bytes_from_string(hash), settings->role, expires_at_ms, why);
    format_time_ms(expires_at_ms, until);
    if (err == ERR_OK && settings->is_json)
        printf("{\"invite\":\"%s\",\"role\":\"%s\",\"expires_at\":\"%s\"}\n", code, settings->role,
               until);
    else if (err == ERR_OK)
        printf("invite: %s\nfor one account as %s, until %s\n", code, settings->role, until);
    crypto_wipe(code, sizeof code);
    return err;
}

int command_users_invite(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, invite(&settings, &why), &why);
}
