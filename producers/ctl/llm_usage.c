// SPDX-License-Identifier: MIT
// llm usage: what the ledger says about calls and their cost.

#include <inttypes.h>
#include <stdio.h>

#include "command.h"
#include "store/sql.h"

#define SETTINGS_DEF "llm_usage.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl llm usage",
    .purpose = "Prints the calls of language models, with their tokens and cost, by day (UTC) and "
               "provider, the latest day first.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void print_row(const struct pg_rows *rows, size_t row, bool is_json)
{
    enum { DAY, PROVIDER, CALLS, ACCEPTED, UNFINISHED, INPUT, OUTPUT, COST, JSON };
    struct bytes day = pg_get_text(rows, row, DAY), provider = pg_get_text(rows, row, PROVIDER);
    if (is_json) {
        struct bytes line = pg_get_text(rows, row, JSON);
        printf("%.*s\n", (int)line.len, (const char *)line.data);
        return;
    }
    if (row == 0)
        printf("%-10s %-18s %9s %9s %10s %12s %12s %12s\n", "DAY", "PROVIDER", "CALLS", "ACCEPTED",
               "UNFINISHED", "TOKENS IN", "TOKENS OUT", "USD");
    printf("%-10.*s %-18.*s %9" PRId64 " %9" PRId64 " %10" PRId64 " %12" PRId64 " %12" PRId64
           " %12.6f\n",
           (int)day.len, (const char *)day.data, (int)provider.len, (const char *)provider.data,
           pg_get_int8(rows, row, CALLS), pg_get_int8(rows, row, ACCEPTED),
           pg_get_int8(rows, row, UNFINISHED), pg_get_int8(rows, row, INPUT),
           pg_get_int8(rows, row, OUTPUT), (double)pg_get_int8(rows, row, COST) / 1e6);
}

static enum err print_usage(const struct settings *settings, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err =
            pg_exec(pg, sql_llm_usage, (struct pg_param[]){PG_INT8(settings->days)}, 1, &rows, why);
    for (size_t i = 0; err == ERR_OK && i < pg_count(rows); i++)
        print_row(rows, i, settings->is_json);
    return err;
}

int command_llm_usage(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, print_usage(&settings, &why), &why);
}
