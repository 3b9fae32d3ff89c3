// SPDX-License-Identifier: MIT
// retentionai-hris: what an HR system exported becomes change events.

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "import.h"
#include "registry/registry.h"
#include "settings.h"

enum { GRACE_MS = 4500 };

static const struct setting table[] = {
#define SETTING SETTING_ROW
#include "settings.def"
#undef SETTING
};

static const struct settings_spec spec = {
    .program = "retentionai-hris",
    .purpose = "Imports a CSV file with one row per employee: checks each row and publishes it to "
               "employee-changes, each row once. An import that was interrupted goes on when it is "
               "called again.",
    .usage = "[settings] FILE.csv",
    .more = "Waits for Kafka and the schema registry as long as they are away, and says for which, "
            "and\n"
            "where.\n"
            "Exit status: 0 every row is there; 1 rows were rejected, now or by an earlier call, "
            "or the\n"
            "import failed; 2 settings; 3 another import of this source is at work; 4 interrupted, "
            "call\n"
            "it again to go on.\n",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void on_kafka_log(int level, const char *facility, const char *message)
{
    log_line(log_level_of_syslog(level), "kafka", "facility=%s text=\"%s\"", facility, message);
}

static enum err read_delimiter(const char *text, char *ret, struct why *why)
{
    bool is_tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
    if (!is_tab && (strlen(text) > 1 || strchr("\"\r\n", text[0]) != NULL) && text[0] != '\0')
        return why_say(why, ERR_FATAL,
                       "CSV_DELIMITER must be one character that is no quote, or "
                       "tab");
    *ret = is_tab ? '\t' : text[0];
    return ERR_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

// The name goes into a key, a transactional id and every event.
static enum err check_source(const char *source, struct why *why)
{
    struct bytes name = bytes_from_string(source);
    if (name.len == 0 || name.len > 200 || !utf8_is_valid(name) || !text_is_printable(name))
        return why_say(
            why, ERR_FATAL,
            "the source's name must be 1 to 200 printable bytes: give one with --source");
    return ERR_OK;
}

static enum err read_options(const struct settings *settings, struct import_options *ret,
                             struct why *why)
{
    ret->source = settings->source[0] != '\0' ? settings->source : base_name(ret->path);
    ret->has_event_time = settings->event_time[0] != '\0';
    enum err err = check_source(ret->source, why);
    if (err == ERR_OK)
        err = read_delimiter(settings->csv_delimiter, &ret->delimiter, why);
    if (err == ERR_OK && ret->has_event_time &&
        parse_time_ms(bytes_from_string(settings->event_time), &ret->event_time_ms, why) != ERR_OK)
        err = why_prefix(why, ERR_FATAL, "--event-time");
    bool is_known = change_from_text(bytes_from_string(settings->change), &ret->change) &&
                    ret->change != CHANGE_ERASED;
    if (err == ERR_OK && !is_known)
        err = why_say(why, ERR_FATAL, "--change must be created, updated or left");
    return err;
}

static int status_of(enum err err, const struct progress *done, const struct why *why)
{
    switch (err) {
    case ERR_OK:
        return done->rejected == 0 ? EXIT_OK : EXIT_FAILED;
    case ERR_STOP:
        return EXIT_INTERRUPTED;
    case ERR_FATAL:
        return strcmp(why->code, "fenced") == 0 ? EXIT_SLOT_TAKEN : EXIT_FAILED;
    case ERR_RETRY:
    case ERR_REJECT:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

static int run(const struct settings *settings, const struct bus_config *bus,
               const struct import_options *given)
{
    CLEANUP(mem_free_p)
    char *rejected = settings->reject_file[0] != '\0' ? mem_dup(settings->reject_file)
                                                      : mem_printf("%s.rejected.csv", given->path);
    struct progress done = {0};
    struct why why = {0};
    struct import_options options = *given;
    options.bus = bus;
    options.settings = settings;
    options.reject_path = rejected;
    // Nothing is half done whenever the process ends: what was not committed is sent by the next
    // call. So a stop that brokers do not let end in time is an interruption, too.
    program_set_late_status(EXIT_INTERRUPTED);
    struct import *import = import_new(&options);
    enum err err = import_run(import, &done, &why);
    if (err == ERR_STOP)
        log_warn("interrupted", "rows_done=%lld remedy=\"the same call goes on\"",
                 (long long)done.rows_done);
    else if (err != ERR_OK)
        log_error("failed", "rows_done=%lld code=%s why=\"%s\"", (long long)done.rows_done,
                  why_code_or_verdict(&why, err), why.text);
    int status = status_of(err, &done, &why);
    program_set_late_status(status);
    program_stop(); // the grace bounds the closing, too
    import_free(import);
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings;
    struct import_options options = {0};
    struct why why = {0};
    int rest = 0;
    bool is_done = false;
    enum err err = settings_load(&spec, &settings, argc, argv, &rest, &is_done, &why);
    if (err == ERR_OK && !is_done && rest != 1)
        err = why_say(&why, ERR_FATAL, "takes one file, see --help");
    options.path = rest == 1 ? argv[1] : "";
    char **properties = bus_properties_from_environment();
    const struct bus_config bus = {settings.kafka_bootstrap_servers, spec.program, properties,
                                   on_kafka_log};
    if (err == ERR_OK && !is_done)
        err = read_options(&settings, &options, &why);
    if (err == ERR_OK && !is_done)
        err = bus_config_check(&bus, &why);
    if (err == ERR_OK && !is_done)
        err = registry_check_url(settings.schema_registry_url, &why);
    int status = EXIT_OK;
    if (err != ERR_OK) {
        fprintf(stderr, "%s: %s\n", spec.program, why.text);
        status = EXIT_USAGE;
    } else if (!is_done) {
        log_init(spec.program, settings.log_level);
        program_init(GRACE_MS);
        status = run(&settings, &bus, &options);
    }
    bus_properties_free(properties);
    settings_free(&spec, &settings);
    return status;
}
