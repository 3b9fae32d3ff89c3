// SPDX-License-Identifier: MIT
// plans list: what the recorder has copied of `retention-plans`.

#include <stdio.h>

#include "base/parse.h"
#include "command.h"
#include "domain/plan.h"
#include "store/sql.h"

#define SETTINGS_DEF "plans.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl plans list",
    .purpose = "Lists retention plans, the latest first.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void print_cell(const struct pg_rows *rows, size_t row, int column, int width)
{
    struct bytes text = pg_get_text(rows, row, column);
    printf("%-*.*s ", width, (int)text.len, text.data == NULL ? "" : (const char *)text.data);
}

static void print_row(const struct pg_rows *rows, size_t row, bool is_json)
{
    enum { PLAN_ID, EMPLOYEE, STATUS, BY, LANGUAGE, CREATED_AT, PREDICTION, JSON };
    if (is_json) {
        struct bytes line = pg_get_text(rows, row, JSON);
        printf("%.*s\n", (int)line.len, (const char *)line.data);
        return;
    }
    if (row == 0)
        printf("%-28s %-16s %-9s %-24s %-8s %-24s %s\n", "PLAN", "EMPLOYEE", "STATUS",
               "BY OR REFUSAL", "LANGUAGE", "CREATED", "PREDICTION");
    char when[FORMAT_TIME_MAX];
    format_time_ms(pg_get_time_ms(rows, row, CREATED_AT), when);
    print_cell(rows, row, PLAN_ID, 28);
    print_cell(rows, row, EMPLOYEE, 16);
    print_cell(rows, row, STATUS, 9);
    print_cell(rows, row, BY, 24);
    print_cell(rows, row, LANGUAGE, 8);
    printf("%s ", when);
    print_cell(rows, row, PREDICTION, 0);
    printf("\n");
}

static struct pg_param or_null(const char *text)
{
    return text[0] == '\0' ? PG_NULL : PG_STRING(text);
}

static enum err list(const struct settings *settings, struct why *why)
{
    enum plan_status status = PLAN_WRITTEN;
    if (settings->status[0] != '\0' &&
        !plan_status_from_text(bytes_from_string(settings->status), &status))
        return command_misuse(why, "--status is none of written, fallback, refused");
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    const struct pg_param params[] = {or_null(settings->employee), or_null(settings->status),
                                      PG_INT8(settings->limit)};
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = pg_exec(pg, sql_plan_list, params, ARRAY_LEN(params), &rows, why);
    if (err == ERR_OK && pg_count(rows) == 0)
        fprintf(stderr, "there are no plans of that kind\n");
    for (size_t i = 0; err == ERR_OK && i < pg_count(rows); i++)
        print_row(rows, i, settings->is_json);
    return err;
}

int command_plans_list(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, list(&settings, &why), &why);
}
