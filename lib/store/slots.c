// SPDX-License-Identifier: MIT
#include "store/slots.h"

#include <stdio.h>

#include "store/sql.h"

enum err slots_take(struct pg *pg, const char *slot, char *ret, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_slot_take, (struct pg_param[]){PG_STRING(slot)}, 1, &rows, why);
    if (err != ERR_OK)
        return err;
    struct bytes owner = pg_get_text(rows, 0, 0);
    snprintf(ret, SLOTS_OWNER_MAX, "%.*s", (int)owner.len, (const char *)owner.data);
    return ERR_OK;
}

enum err slots_is_owner(struct pg *pg, const char *slot, const char *owner, bool *ret_owned,
                        struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_slot_owner, (struct pg_param[]){PG_STRING(slot)}, 1, &rows, why);
    if (err == ERR_OK)
        *ret_owned = pg_count(rows) > 0 && bytes_equal_string(pg_get_text(rows, 0, 0), owner);
    return err;
}
