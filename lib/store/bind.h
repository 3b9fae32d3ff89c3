// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

#include "base/text.h"
#include "store/pg.h"

// Parameters as the protocol wants them: one array for each of type, place, length and format. For
// pg.c. Lives for one call; one thread.

enum { BIND_MAX = 40 };

struct bind {
    size_t count;
    unsigned types[BIND_MAX];
    const char *values[BIND_MAX];
    int lengths[BIND_MAX];
    int formats[BIND_MAX];
    size_t offsets[BIND_MAX]; // into `bytes`; values point there once all are written
    struct text bytes;
};

// ERR_REJECT: the parameters are larger than 256 MiB in all.
MUST_CHECK enum err bind_params(struct bind *bind, const struct pg_param *params, size_t count,
                                struct why *why);
void bind_done(struct bind *bind);
