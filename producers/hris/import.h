// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "bus/config.h"
#include "decide.h"
#include "domain/employee.h"
#include "settings.h"

// One import: a file becomes events on employee-changes, each row once, however often it is
// interrupted. Main thread.

struct import_options {
    const struct settings *settings;
    const struct bus_config *bus;
    const char *path;
    const char *source; // its name
    const char *reject_path;
    enum change change;
    bool has_event_time;
    int64_t event_time_ms; // where it was given
    char delimiter;        // 0: to be found
};

struct import;

// `options` is borrowed as long as the import lives.
struct import *import_new(const struct import_options *options);
// ERR_OK: all of it is committed. ERR_STOP: interrupted, the same call goes on. ERR_REJECT: this
// file, or this call, cannot be right. ERR_FATAL (code "fenced": another import of this source is
// at work). *ret is what is committed of the file, by this call and earlier ones, whatever the
// verdict.
MUST_CHECK enum err import_run(struct import *import, struct progress *ret, struct why *why);
// Closes what is open; may have to wait for brokers.
void import_free(struct import *import);
DEFINE_CLEANUP(struct import, import_free)
