// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <time.h>

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_mono_ms(void)
{
    return now_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t clock_mono_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

int64_t clock_real_ms(void)
{
    return now_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_cpu_ms(void)
{
    return now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000000;
}
