// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/settings.h"
#include "bus/admin.h"
#include "bus/config.h"
#include "domain/features.h"
#include "store/pg.h"

// What the commands share: arguments in, one sentence and an exit status out. Main thread.

// One per line of commands.def. argv[0] is the command's whole name, as --help shows it. Gives the
// exit status.
typedef int command_run(int argc, char **argv);
#define COMMAND(family, word, function, help) command_run command_##function;
#include "commands.def"
#undef COMMAND

// Fills the settings. False: the command ends with *ret_status (--help, or a broken argument, which
// was reported). Between `least` and `most` arguments stand in argv[1] and on, NULL behind them.
bool command_begin(const struct settings_spec *spec, void *settings, int argc, char **argv,
                   int least, int most, int *ret_status);
// For a command that speaks Kafka, behind command_begin and as that one: false where no client can
// be made of the properties in the environment.
bool command_check_bus(const struct settings_spec *spec, void *settings, int *ret_status);
// A setting or an argument whose value cannot be right, found behind command_begin: ERR_FATAL under
// the code for which command_end gives EXIT_USAGE.
#define command_misuse(why, ...) why_code(why, ERR_FATAL, "usage", __VA_ARGS__)
// A --language: en or fr.
MUST_CHECK enum err command_read_language(const char *text, enum language *ret, struct why *why);
// A time, and the name of its setting.
MUST_CHECK enum err command_read_time(const char *text, const char *setting, int64_t *ret_ms,
                                      struct why *why);
// Reports a failure, frees the settings, gives the exit status.
int command_end(const struct settings_spec *spec, void *settings, enum err err,
                const struct why *why);

// The brokers of the settings; properties from the environment, free by bus_properties_free.
struct bus_config command_bus(const char *bootstrap_servers, char **properties);

// A connection to the database of the settings, made; the caller closes it. Times come in UTC.
MUST_CHECK enum err command_connect(const char *database_url, struct pg **ret, struct why *why);

// Waiting may help: ERR_RETRY, and offsets of a group with members. A lane that was stopped is a
// static member, which the brokers forget only after its session time-out.
bool command_may_wait(enum err err, const struct why *why);

// How long a request of a command that waits so long may take: a second at least, ten at most.
int64_t command_request_ms(int64_t wait_ms);

// Waits between tries, up to a deadline. False: it is over, or
// the program is stopping.
struct patience {
    int64_t end_ms;
    bool has_spoken; // the reason of the wait was told
};
struct patience patience_of(int64_t wait_ms);
bool patience_wait(struct patience *patience, const struct why *why);
