// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"

// The start of the program: settings that must be understood, servers that must be there once, the
// parts in their order. Main thread.

struct gateway;

// What settings mean that are words or lists. ERR_FATAL: with what to change.
MUST_CHECK enum err start_check(struct gateway *gateway, struct why *why);
// ERR_STOP: stopped while it waited for a server. What was made is main's to close.
MUST_CHECK enum err start_all(struct gateway *gateway, struct why *why);
// What it waits for. Any thread.
void start_tell(struct gateway *gateway, struct why *why);
void start_free_names(struct gateway *gateway);
