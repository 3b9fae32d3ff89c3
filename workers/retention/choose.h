// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a task does while no provider takes it, without I/O.

enum { CHOOSE_WAIT_MOST_MS = 1000 }; // then the providers are asked again

// One provider, seen from a task.
enum choose_state {
    CHOOSE_GIVEN_UP, // it has failed this task
    CHOOSE_STOPPED,  // it is not called for a while
    CHOOSE_BUSY,     // its limits let no call start now
};

enum choice {
    CHOICE_START,
    CHOICE_WAIT,
    CHOICE_UNAVAILABLE, // calling is stopped, and a person waits: refused at once
    CHOICE_FAILED,      // every provider has failed it
};

// Of providers in their order of trial, none of which may be called now. A score of high risk waits
// while calling is stopped; a person's request is told.
enum choice choose_without(const enum choose_state *states, size_t count, bool is_request);
