// SPDX-License-Identifier: MIT
#include "planner/pacific.h"

#include <stdbool.h>
#include <time.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

// Sunday number `nth` of a month (0: January) as milliseconds since 1970 at 0:00 UTC of that date.
static int64_t sunday_ms(int year, int month, int nth)
{
    struct tm date = {.tm_year = year - 1900, .tm_mon = month, .tm_mday = 1};
    int64_t first_ms = (int64_t)timegm(&date) * 1000; // sets tm_wday, 0 for Sunday
    return first_ms + ((7 - date.tm_wday) % 7 + (nth - 1) * 7) * DAY_MS;
}

static bool is_summer(int64_t real_ms)
{
    time_t seconds = (time_t)((real_ms - 8 * HOUR_MS) / 1000);
    struct tm local = {0};
    gmtime_r(&seconds, &local);
    int64_t begins_ms = sunday_ms(local.tm_year + 1900, 2, 2) + (2 + 8) * HOUR_MS;
    int64_t ends_ms = sunday_ms(local.tm_year + 1900, 10, 1) + (2 + 7) * HOUR_MS;
    return real_ms >= begins_ms && real_ms < ends_ms;
}

int64_t pacific_day(int64_t real_ms)
{
    int64_t local_ms = real_ms - (is_summer(real_ms) ? 7 : 8) * HOUR_MS;
    return local_ms / DAY_MS - (local_ms % DAY_MS < 0);
}

int64_t pacific_day_start_ms(int64_t day)
{
    // The clocks change at 2:00, so every day has one midnight, in summer time or not.
    int64_t in_summer_ms = day * DAY_MS + 7 * HOUR_MS;
    return is_summer(in_summer_ms) ? in_summer_ms : in_summer_ms + HOUR_MS;
}

int64_t pacific_next_midnight_ms(int64_t real_ms)
{
    return pacific_day_start_ms(pacific_day(real_ms) + 1);
}
