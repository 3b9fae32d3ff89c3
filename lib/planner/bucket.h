// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// A token bucket in whole numbers, so that nothing is lost or won over any time. It holds what
// 0.6 s bring, which is 1 % of a minute, but at least one unit. So for any stretch of time
// [a, a + W):
//
//   taken <= per_minute * W / 60 s + max(1 % of per_minute, the largest single take)
//
// and in a minute no more than 1.01 * per_minute, where no single take is over 1 % of it; for units
// taken one by one never more than per_minute, where that is 100 or less. A take that is larger
// than the bucket goes when the bucket is full and leaves a debt, which later takes wait for. What
// is taken on an estimate is put right when the real use is known; what that gives back counts as
// never taken, and may be used for a second even where it is more than the bucket holds.
//
// Plain memory, one thread. Times are monotonic milliseconds and never go back.

enum { BUCKET_BURST_MS = 600, BUCKET_GIVEN_MS = 1000 };
#define BUCKET_UNITS_MAX INT64_C(1000000000) // of per_minute and of one take

struct bucket {
    int64_t per_minute; // units; 0: no limit
    int64_t burst;      // what it holds; like level in units times 60,000 (one ms adds per_minute)
    int64_t level;      // below 0: a debt
    int64_t at_ms;      // when the level was that
    int64_t given_ms;   // when something was given back last
};

void bucket_init(struct bucket *bucket, int64_t per_minute, int64_t now_ms); // full
// 0: `units` may be taken now; else how long it takes until they may, if nothing else is taken.
int64_t bucket_wait_ms(struct bucket *bucket, int64_t units, int64_t now_ms);
void bucket_take(struct bucket *bucket, int64_t units, int64_t now_ms);
// What was taken as `taken` has turned out to be `used`, which may be more or less.
void bucket_settle(struct bucket *bucket, int64_t taken, int64_t used, int64_t now_ms);
