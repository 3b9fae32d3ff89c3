// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// Days in America/Los_Angeles: a Gemini project's quotas of the day begin anew at midnight there.
// By the rule that is law since 2007 (Energy Policy Act of 2005): an hour ahead from the second
// Sunday of March, 2:00, to the first Sunday of November, 2:00. Pure, needs no time zone files. Any
// thread. Times are milliseconds since 1970, UTC, and positive.

int64_t pacific_day(int64_t real_ms);              // the number of the day there since 1970-01-01
int64_t pacific_day_start_ms(int64_t day);         // its midnight
int64_t pacific_next_midnight_ms(int64_t real_ms); // the first midnight after that time
