// SPDX-License-Identifier: MIT
#include "choose.h"

enum choice choose_without(const enum choose_state *states, size_t count, bool is_request)
{
    bool is_stopped = false;
    for (size_t i = 0; i < count; i++) {
        if (states[i] == CHOOSE_BUSY)
            return CHOICE_WAIT;
        is_stopped |= states[i] == CHOOSE_STOPPED;
    }
    if (!is_stopped)
        return CHOICE_FAILED;
    return is_request ? CHOICE_UNAVAILABLE : CHOICE_WAIT;
}
