// SPDX-License-Identifier: MIT
#include "store/providers.h"

#include "store/sql.h"

// A stop and its end are two times of the server's clock, so nobody needs to clear anything: many
// processes may stop one provider, and one word of an operator resumes it for all.

enum err providers_usage_since(struct pg *pg, const char *provider, int64_t since_ms,
                               struct providers_usage *ret, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_STRING(provider), PG_TIME(since_ms)};
    enum err err = pg_exec(pg, sql_plans_usage, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    *ret = (struct providers_usage){
        .calls = pg_get_int8(rows, 0, 0),
        .input_tokens = pg_get_int8(rows, 0, 1),
        .output_tokens = pg_get_int8(rows, 0, 2),
        .cost_microusd = pg_get_int8(rows, 0, 3),
    };
    return ERR_OK;
}

enum err providers_stop(struct pg *pg, const char *provider, const char *reason, int64_t until_ms,
                        struct why *why)
{
    const struct pg_param params[] = {PG_STRING(provider), PG_STRING(reason),
                                      until_ms == PROVIDERS_NO_END ? PG_NULL : PG_TIME(until_ms)};
    return pg_exec(pg, sql_provider_stop, params, ARRAY_LEN(params), NULL, why);
}

enum err providers_states(struct pg *pg, const struct bytes *providers, size_t count,
                          struct providers_state *ret, struct pg_rows **ret_rows, struct why *why)
{
    enum { IS_STOPPED, REASON, UNTIL };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    const struct pg_param params[] = {PG_TEXTS(providers, count)};
    enum err err = pg_exec(pg, sql_provider_stops, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct providers_state){
            .is_stopped = pg_get_bool(rows, i, IS_STOPPED),
            .reason = pg_get_text(rows, i, REASON),
            .until_ms =
                pg_is_null(rows, i, UNTIL) ? PROVIDERS_NO_END : pg_get_time_ms(rows, i, UNTIL),
        };
    *ret_rows = TAKE(rows);
    return ERR_OK;
}

enum err providers_switch(struct pg *pg, bool *ret_is_on, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_switch_read, NULL, 0, &rows, why);
    if (err != ERR_OK)
        return err;
    if (pg_count(rows) != 1)
        return why_say(why, ERR_FATAL,
                       "the table plan_switch has %zu rows, not one: INSERT INTO plan_switch "
                       "(is_on) VALUES (true)",
                       pg_count(rows));
    *ret_is_on = pg_get_bool(rows, 0, 0);
    return ERR_OK;
}
