// SPDX-License-Identifier: MIT
// plans show: a plan and what the ledger says of it.

#include "command.h"
#include "plan_print.h"

#define SETTINGS_DEF "plan_show.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl plans show",
    .purpose = "Prints a retention plan, by its own id or by that of the request that it answers, "
               "with the calls of language models that were made for it.",
    .usage = "[settings] ID",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err show(const struct settings *settings, const char *id, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    struct plan_printed printed = {0};
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = plan_print(pg, id, settings->is_json, &printed, why);
    if (err == ERR_OK && !printed.is_found)
        err = why_say(why, ERR_REJECT,
                      "there is no plan, and no plan of a request, %s (those of an employee: "
                      "retentionctl plans list --employee %s)",
                      id, id);
    return err;
}

int command_plans_show(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&spec, &settings, show(&settings, argv[1], &why), &why);
}
