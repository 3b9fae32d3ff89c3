// SPDX-License-Identifier: MIT
#include "account.h"

#include "command.h"
#include "crypto/crypto.h"

enum err account_name(const char *argument, char ret[USERS_NAME_MAX + 1], struct why *why)
{
    struct why cause = {0};
    enum err err = users_fold_name(bytes_from_string(argument), ret, &cause);
    return err == ERR_OK ? ERR_OK : command_misuse(why, "%s", cause.text);
}

enum err account_role(const char *text, struct why *why)
{
    enum auth_role role;
    return auth_role_of(bytes_from_string(text), &role)
               ? ERR_OK
               : command_misuse(why, "--role is none of admin, hr, viewer, service");
}

enum err account_find(struct pg *pg, const char *name, int64_t *ret_id, struct why *why)
{
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct users_row user = {0};
    bool is_found = false;
    enum err err = users_read(pg, bytes_from_string(name), &is_found, &user, &rows, why);
    if (err == ERR_OK && !is_found)
        err = why_say(why, ERR_REJECT, "there is no user %s", name);
    if (err == ERR_OK)
        *ret_id = user.id;
    return err;
}

enum err account_open(const char *database_url, struct pg **ret, struct why *why)
{
    enum err err = crypto_init(why);
    return err != ERR_OK ? err : command_connect(database_url, ret, why);
}
