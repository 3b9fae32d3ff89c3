// SPDX-License-Identifier: MIT
// llm resume: an operator has mended what stopped a provider (a key, a model's name, credits).

#include <stdio.h>

#include "command.h"
#include "store/sql.h"

#define SETTINGS_DEF "llm_resume.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl llm resume",
    .purpose = "Has a provider called again that was stopped until somebody looks (key, model, "
               "credits, quota of the day), or all of them. Takes effect within 5 seconds.",
    .usage = "[settings] [PROVIDER]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

// `provider` NULL: all that are stopped.
static enum err resume(const struct settings *settings, const char *provider, struct why *why)
{
    enum { PROVIDER, REASON };
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    const struct pg_param params[] = {provider == NULL ? PG_NULL : PG_STRING(provider)};
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = pg_exec(pg, sql_provider_resume, params, ARRAY_LEN(params), &rows, why);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < pg_count(rows); i++) {
        struct bytes name = pg_get_text(rows, i, PROVIDER), reason = pg_get_text(rows, i, REASON);
        printf("%.*s: called again, was stopped for %.*s\n", (int)name.len, (const char *)name.data,
               (int)reason.len, (const char *)reason.data);
    }
    if (pg_count(rows) == 0)
        printf("%s\n", provider == NULL ? "no provider is stopped" : "it is not stopped");
    return ERR_OK;
}

int command_llm_resume(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 1, &status))
        return status;
    return command_end(&spec, &settings, resume(&settings, argv[1], &why), &why);
}
