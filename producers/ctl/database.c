// SPDX-License-Identifier: MIT
// migrate: the tables of this version. Two runners at once are no harm: the second waits for the
// first and finds nothing to do.

#include <stdio.h>

#include "base/program.h"
#include "command.h"
#include "domain/features.h"
#include "store/employees.h"
#include "store/migrate.h"
#include "store/pg.h"
#include "store/sql.h"

#define SETTINGS_DEF "migrate.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl migrate",
    .purpose =
        "Brings the PostgreSQL database to the tables of this version: forward only, each "
        "migration in a transaction of its own; then adds a column to the table employee for each "
        "attribute of the features file that has none. Can be repeated.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void on_applied(void *context, int version, const char *name)
{
    (void)context;
    printf("applied %04d %s\n", version, name);
}

static enum err migrate(const struct settings *settings, struct why *why)
{
    const struct pg_options options = {.url = settings->database_url,
                                       .application_name = "retentionctl",
                                       .stop_fd = program_stop_fd()};
    struct migrate_options what = {.applied = on_applied};
    what.count = sql_migrations(&what.migrations);
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(features_free_p) struct features *features = NULL;
    enum err err = features_load(settings->features, &features, why);
    if (err == ERR_OK)
        err = pg_open(&options, &pg, why);
    if (err != ERR_OK)
        return err;
    struct patience patience = patience_of(settings->wait_ms);
    size_t applied = 0, added = 0;
    do {
        err = migrate_run(pg, &what, &applied, why);
        if (err == ERR_OK)
            err = employees_add_columns(features, pg, &added, why);
    } while (err == ERR_RETRY && patience_wait(&patience, why));
    if (err == ERR_OK)
        printf("%zu applied, the database is at version %zu; %zu columns added\n", applied,
               what.count, added);
    return err;
}

int command_database_migrate(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, migrate(&settings, &why), &why);
}
