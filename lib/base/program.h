// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

// The life of a process: signals arrive on a thread of their own and raise the stop flag; every
// wait ends early on it; a second signal (100 ms or more behind the first), or a shutdown that
// takes too long, leaves at once and says so in the log.

// Exit statuses, the same for every program.
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,     // something was lost or could not be done
    EXIT_USAGE = 2,      // settings or arguments
    EXIT_SLOT_TAKEN = 3, // another process holds this worker slot: a supervisor must not restart us
    EXIT_INTERRUPTED = 4, // stopped by a signal before the work was done: the same call goes on
};

// Of the whole project: "0.1.0".
const char *program_version(void);

// Blocks SIGINT and SIGTERM in this and all later threads, ignores SIGPIPE, starts the signal
// thread. Call once, first in main, before any other thread. After the first signal the process has
// `grace_ms` to end, then it leaves with EXIT_FAILED.
void program_init(int64_t grace_ms);

// The status with which the process leaves when the grace is over, instead of EXIT_FAILED: for
// work that is safe at any moment and goes on with the next call. Any time, any thread.
void program_set_late_status(int status);

bool program_is_stopping(void);
void program_stop(void); // as if the first signal had come
// Readable once stopping: for poll(2).
int program_stop_fd(void);
// Of work that may wait: lets whatever else runs on the machine go first. Puts the process into a
// session of its own, since the kernel shares out by session first (autogroup, sched(7)), and makes
// both nicer by `nice`, 1 to 19. What the kernel refuses is left as it is. Call before any thread.
void program_give_way(int nice);
// Sleeps; true when the stop flag ended it early (or was up already).
bool program_wait_ms(int64_t ms);
