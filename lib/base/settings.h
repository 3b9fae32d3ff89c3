// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

// Settings of a program: declared once in its settings.def, from which come the struct, the parser,
// --help, --print-settings and the start-up dump. A value is looked for on the command line
// (--kafka-bootstrap-servers X or =X), then in the environment (KAFKA_BOOTSTRAP_SERVERS), for a
// secret also in the file that KAFKA_..._FILE names, then the fallback stands. Main thread only.
//
// A settings.def holds lines
//   SETTING(kind, member, "ENVIRONMENT_NAME", fallback, min, max, "help sentence")
// and may #include the .def files of modules (bus/settings.def, ...). Kinds: string, secret,
// integer, duration (ms), size (bytes), boolean, real, level (of the log), name (a string of
// letters, digits, '.', '_' and '-', as Kafka's names are). fallback is text as a user would write
// it; NULL means that the setting must be given. min and max bound integer, duration and size, and
// the length of a name in bytes; both 0: unbounded. A name in lower case is a flag only: the
// environment does not set it. "features=FEATURES_FILE": the flag --features, and FEATURES_FILE in
// the environment.

typedef char *setting_type_string;
typedef char *setting_type_secret;
typedef int64_t setting_type_integer;
typedef int64_t setting_type_duration;
typedef int64_t setting_type_size;
typedef bool setting_type_boolean;
typedef double setting_type_real;
typedef enum log_level setting_type_level;
typedef char *setting_type_name;

enum setting_kind {
    SETTING_string,
    SETTING_secret,
    SETTING_integer,
    SETTING_duration,
    SETTING_size,
    SETTING_boolean,
    SETTING_real,
    SETTING_level,
    SETTING_name,
};

struct setting {
    enum setting_kind kind;
    const char *name;
    size_t offset;
    const char *fallback;
    int64_t min, max;
    const char *help;
};

// Inside `struct settings { ... };` and `static const struct setting table[] = { ... };`:
//   #define SETTING SETTING_MEMBER          #define SETTING SETTING_ROW
//   #include "settings.def"                 #include "settings.def"
//   #undef SETTING                          #undef SETTING
#define SETTING_MEMBER(kind, member, name, fallback, min, max, help) setting_type_##kind member;
#define SETTING_ROW(kind, member, name, fallback, min, max, help)                                  \
    {SETTING_##kind, name, offsetof(struct settings, member), fallback, min, max, help},

struct settings_spec {
    const char *program; // "retentionai-scoring"
    const char *purpose; // one sentence or more for --help
    const char *usage;   // what follows the program's name: "[settings] FILE"
    const char *more;    // printed under the settings by --help; may be NULL
    const struct setting *table;
    size_t count;
    size_t struct_bytes;
};

// Fills *into (cleared first). Arguments that are no settings are moved to the front of argv behind
// argv[0] and their number goes to *ret_rest (argv[1] .. argv[*ret_rest]); "--" ends the settings.
// --help, --version and --print-settings print to standard output and set *ret_done: the caller
// ends with EXIT_OK. ERR_FATAL: unknown, missing or broken settings, with a sentence that says what
// to change.
MUST_CHECK enum err settings_load(const struct settings_spec *spec, void *into, int argc,
                                  char **argv, int *ret_rest, bool *ret_done, struct why *why);
void settings_free(const struct settings_spec *spec, void *into);

// NAME=value lines, secrets and passwords inside URLs and connection strings as "***".
void settings_print(const struct settings_spec *spec, const void *values);
