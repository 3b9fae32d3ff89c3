// SPDX-License-Identifier: MIT
// plans status, on, off: the switch that workers look at every few seconds. While it is off they
// keep their places in high-risk: what comes in waits.

#include <stdio.h>

#include "base/parse.h"
#include "command.h"
#include "store/sql.h"

#define SETTINGS_DEF "plan_switch.def"
#include "command_settings.def"

#define SPEC(word, does)                                                                           \
    {                                                                                              \
        .program = "retentionctl plans " word, .purpose = does, .usage = "[settings]",             \
        .table = table, .count = ARRAY_LEN(table), .struct_bytes = sizeof(struct settings),        \
    }

enum word { STATUS, ON, OFF };

static const struct settings_spec specs[] = {
    [STATUS] = SPEC("status", "Prints whether retention plans are made."),
    [ON] = SPEC("on", "Has retention plans made. Takes effect within 5 seconds."),
    [OFF] =
        SPEC("off", "Stops the making of retention plans, and so the calls of language models. "
                    "Takes effect within 5 seconds. Scores of high risk wait; what a person asks "
                    "for is refused at once, as plans-are-off."),
};

static enum err print_switch(struct pg *pg, bool is_json, struct why *why)
{
    enum { IS_ON, CHANGED_AT, CHANGED_BY, JSON };
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = pg_exec(pg, sql_switch_read, NULL, 0, &rows, why);
    if (err == ERR_OK && pg_count(rows) != 1)
        err = why_say(why, ERR_FATAL, "the table plan_switch has not one row");
    if (err != ERR_OK)
        return err;
    struct bytes by = pg_get_text(rows, 0, CHANGED_BY), line = pg_get_text(rows, 0, JSON);
    if (is_json) {
        printf("%.*s\n", (int)line.len, (const char *)line.data);
        return ERR_OK;
    }
    char when[FORMAT_TIME_MAX];
    format_time_ms(pg_get_time_ms(rows, 0, CHANGED_AT), when);
    printf("plans are %s since %s%s%.*s\n", pg_get_bool(rows, 0, IS_ON) ? "on" : "off", when,
           by.len > 0 ? ", by " : "", (int)by.len, by.len > 0 ? (const char *)by.data : "");
    return ERR_OK;
}

static enum err turn(const struct settings *settings, enum word word, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK && word != STATUS)
        err = pg_exec(pg, sql_switch_set, (struct pg_param[]){PG_BOOL(word == ON)}, 1, NULL, why);
    return err == ERR_OK ? print_switch(pg, settings->is_json, why) : err;
}

static int run(enum word word, int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&specs[word], &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&specs[word], &settings, turn(&settings, word, &why), &why);
}

int command_plans_status(int argc, char **argv)
{
    return run(STATUS, argc, argv);
}

int command_plans_on(int argc, char **argv)
{
    return run(ON, argc, argv);
}

int command_plans_off(int argc, char **argv)
{
    return run(OFF, argc, argv);
}
