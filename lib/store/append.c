// SPDX-License-Identifier: MIT
#include "store/append.h"

// Rows come again only after something went wrong, so the usual way is a COPY straight into the
// table. It fails as a whole where one key is known; then the rows go through a temporary table,
// where SQL can tell new, equal and differing ones apart.

static enum err append_carefully(const struct append_table *table, struct pg *pg, struct bytes rows,
                                 struct append_result *ret, struct pg_rows **ret_new,
                                 struct why *why)
{
    struct pg_rows *inserted CLEANUP(pg_rows_free_p) = NULL;
    size_t came = 0;
    enum err err = pg_exec(pg, table->incoming, NULL, 0, NULL, why);
    if (err == ERR_OK)
        err = pg_copy(pg, table->incoming_copy, rows, &came, why);
    if (err == ERR_OK)
        err = pg_exec(pg, table->insert_new, NULL, 0, &inserted, why);
    if (err == ERR_OK)
        err = pg_change(pg, table->conflicts, NULL, 0, &ret->conflicts, why);
    if (err != ERR_OK)
        return err;
    ret->stored = pg_count(inserted);
    ret->duplicates = came - ret->stored - ret->conflicts;
    if (ret_new != NULL)
        *ret_new = TAKE(inserted);
    return ERR_OK;
}

enum err append_rows(const struct append_table *table, struct pg *pg, struct copy *rows,
                     bool is_careful, struct append_result *ret, struct pg_rows **ret_new,
                     struct why *why)
{
    struct append_result result = {0};
    struct bytes bytes;
    size_t count = rows->rows;
    enum err err = copy_finish(rows, &bytes, why);
    if (err == ERR_OK && count > 0)
        err = is_careful ? append_carefully(table, pg, bytes, &result, ret_new, why)
                         : pg_copy(pg, table->copy, bytes, &result.stored, why);
    if (err == ERR_OK)
        *ret = result;
    return err;
}
