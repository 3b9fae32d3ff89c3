// SPDX-License-Identifier: MIT
// The frame around each command: what a person reads goes to standard output, what went wrong is
// one sentence on standard error, and scripts look at the status.

#include "command.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/program.h"
#include "store/sql.h"

enum { STEP_MS = 500, REQUEST_LEAST_MS = 1000, REQUEST_MOST_MS = 10000 };

bool command_begin(const struct settings_spec *spec, void *settings, int argc, char **argv,
                   int least, int most, int *ret_status)
{
    struct why why = {0};
    int rest = 0;
    bool is_done = false;
    enum err err = settings_load(spec, settings, argc, argv, &rest, &is_done, &why);
    if (err == ERR_OK && !is_done && (rest < least || rest > most))
        err = why_say(&why, ERR_FATAL, "wrong number of arguments; usage: %s %s", spec->program,
                      spec->usage);
    if (err == ERR_OK && !is_done) {
        argv[1 + rest] = NULL; // argv[argc] is one
        return true;
    }
    if (err != ERR_OK)
        fprintf(stderr, "%s: %s\n", spec->program, why.text);
    settings_free(spec, settings);
    *ret_status = err == ERR_OK ? EXIT_OK : EXIT_USAGE;
    return false;
}

enum err command_read_language(const char *text, enum language *ret, struct why *why)
{
    return language_from_text(bytes_from_string(text), ret)
               ? ERR_OK
               : command_misuse(why, "--language is neither en nor fr");
}

enum err command_read_time(const char *text, const char *setting, int64_t *ret_ms, struct why *why)
{
    struct why cause = {0};
    enum err err = parse_time_ms(bytes_from_string(text), ret_ms, &cause);
    return err == ERR_OK ? ERR_OK : command_misuse(why, "%s: %s", setting, cause.text);
}

static int status_of(enum err err, const struct why *why)
{
    if (err == ERR_OK)
        return EXIT_OK;
    if (err == ERR_STOP)
        return EXIT_INTERRUPTED;
    return strcmp(why->code, "usage") == 0 ? EXIT_USAGE : EXIT_FAILED;
}

int command_end(const struct settings_spec *spec, void *settings, enum err err,
                const struct why *why)
{
    if (err == ERR_STOP)
        fprintf(stderr, "%s: interrupted\n", spec->program);
    else if (err != ERR_OK)
        fprintf(stderr, "%s: %s\n", spec->program, why->text);
    settings_free(spec, settings);
    return status_of(err, why);
}

// A tool speaks through its verdicts; of librdkafka's words only those on errors help a person.
static void on_kafka_log(int level, const char *facility, const char *message)
{
    if (level <= 3)
        fprintf(stderr, "kafka %s: %s\n", facility, message);
}

struct bus_config command_bus(const char *bootstrap_servers, char **properties)
{
    return (struct bus_config){bootstrap_servers, "retentionctl", properties, on_kafka_log};
}

bool command_check_bus(const struct settings_spec *spec, void *settings, int *ret_status)
{
    struct why why = {0};
    char **properties = bus_properties_from_environment();
    struct bus_config config = command_bus("any", properties); // a client checks the servers
    enum err err = bus_config_check(&config, &why);
    bus_properties_free(properties);
    if (err == ERR_OK)
        return true;
    fprintf(stderr, "%s: %s\n", spec->program, why.text);
    settings_free(spec, settings);
    *ret_status = EXIT_USAGE;
    return false;
}

enum err command_connect(const char *database_url, struct pg **ret, struct why *why)
{
    const struct pg_options options = {.url = database_url,
                                       .application_name = "retentionctl",
                                       .session_sql = sql_operator_session,
                                       .stop_fd = program_stop_fd()};
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    enum err err = pg_open(&options, &pg, why); // names the setting itself
    if (err != ERR_OK)
        return err;
    err = pg_connect(pg, why);
    if (err != ERR_OK)
        return why_prefix(why, err, "DATABASE_URL");
    *ret = TAKE(pg);
    return ERR_OK;
}

bool command_may_wait(enum err err, const struct why *why)
{
    return err == ERR_RETRY || (err == ERR_REJECT && strcmp(why->code, "group-in-use") == 0);
}

int64_t command_request_ms(int64_t wait_ms)
{
    return wait_ms < REQUEST_LEAST_MS  ? REQUEST_LEAST_MS
           : wait_ms > REQUEST_MOST_MS ? REQUEST_MOST_MS
                                       : wait_ms;
}

struct patience patience_of(int64_t wait_ms)
{
    return (struct patience){.end_ms = clock_mono_ms() + wait_ms};
}

bool patience_wait(struct patience *patience, const struct why *why)
{
    if (clock_mono_ms() + STEP_MS > patience->end_ms)
        return false;
    if (!patience->has_spoken)
        fprintf(stderr, "waiting: %s\n", why->text);
    patience->has_spoken = true;
    return !program_wait_ms(STEP_MS);
}
