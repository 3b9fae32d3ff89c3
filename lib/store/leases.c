// SPDX-License-Identifier: MIT
#include "store/leases.h"

#include "store/sql.h"

// Two gateways may choose the same free partition; one of them gets it and the other looks again.
// Every miss means that somebody else has taken one, so tries end.

enum { TRIES_MAX = 1000 };

enum err leases_take(struct pg *pg, const char *holder, int32_t partitions, int64_t lease_ms,
                     bool *ret_taken, int32_t *ret_partition, struct why *why)
{
    enum { PARTITION, IS_TAKEN };
    const struct pg_param params[] = {PG_STRING(holder), PG_INT4(partitions), PG_INT8(lease_ms)};
    for (int i = 0; i < TRIES_MAX; i++) {
        struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
        enum err err = pg_exec(pg, sql_lease_take, params, ARRAY_LEN(params), &rows, why);
        if (err != ERR_OK)
            return err;
        bool has_candidate = pg_count(rows) > 0;
        if (has_candidate && !pg_get_bool(rows, 0, IS_TAKEN))
            continue;
        *ret_taken = has_candidate;
        if (has_candidate)
            *ret_partition = pg_get_int4(rows, 0, PARTITION);
        return ERR_OK;
    }
    return why_say(why, ERR_RETRY, "others took every reply partition that was looked at");
}

enum err leases_renew(struct pg *pg, const char *holder, int32_t partition, int64_t lease_ms,
                      bool *ret_held, struct why *why)
{
    size_t changed = 0;
    const struct pg_param params[] = {PG_STRING(holder), PG_INT4(partition), PG_INT8(lease_ms)};
    enum err err = pg_change(pg, sql_lease_renew, params, ARRAY_LEN(params), &changed, why);
    if (err == ERR_OK)
        *ret_held = changed > 0;
    return err;
}

enum err leases_release(struct pg *pg, const char *holder, int32_t partition, struct why *why)
{
    const struct pg_param params[] = {PG_STRING(holder), PG_INT4(partition)};
    return pg_exec(pg, sql_lease_release, params, ARRAY_LEN(params), NULL, why);
}

enum err leases_numbers(struct pg *pg, int64_t *ret_first, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_employee_numbers, NULL, 0, &rows, why);
    if (err == ERR_OK)
        *ret_first = pg_get_int8(rows, 0, 0);
    return err;
}
