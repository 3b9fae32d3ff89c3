// SPDX-License-Identifier: MIT
#include "base/plant.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What a planted build does; see plant.h. The environment does not change while a program runs.

bool plant_is(const char *bug)
{
    const char *chosen = getenv("PLANT");
    return chosen != NULL && strcmp(chosen, bug) == 0;
}

// True where the environment's `variable` names this point and this is the time, counted in `passed`.
static bool is_time(const char *variable, const char *point, atomic_long *passed)
{
    const char *chosen = getenv(variable);
    size_t len = strlen(point);
    return chosen != NULL && strncmp(chosen, point, len) == 0 && chosen[len] == ':' &&
           atomic_fetch_add(passed, 1) + 1 == atol(chosen + len + 1);
}

void plant_crash(const char *point)
{
    static atomic_long passed_crash, passed_pause;
    if (is_time("CRASH_AT", point, &passed_crash))
        kill(getpid(), SIGKILL);
    if (is_time("PAUSE_AT", point, &passed_pause))
        kill(getpid(), SIGSTOP);
}
