// SPDX-License-Identifier: MIT
// The level is kept in units times 60,000: a millisecond then adds exactly `per_minute`, and there
// is no remainder to carry.
//
// The bucket is as small as it may be. Larger, and a minute that begins after a pause sees more
// than the limit (a bucket of three seconds lets 5 % too many through); a quarter of a second would
// do too, but a caller that looks late now and then would lose what flowed over meanwhile.
#include "planner/bucket.h"

enum { SCALE = 60000 };

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void bucket_init(struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
    int64_t burst = per_minute * BUCKET_BURST_MS;
    burst = burst < SCALE ? SCALE : burst;
    *bucket = (struct bucket){
        .per_minute = per_minute, .burst = burst, .level = burst, .at_ms = now_ms, .given_ms = 0};
}

static void refill(struct bucket *bucket, int64_t now_ms)
{
    static const int64_t long_ms = 30 * INT64_C(86400000); // within 64 bits at any rate
    int64_t passed_ms = min_of(now_ms - bucket->at_ms, long_ms);
    if (passed_ms <= 0)
        return;
    int64_t most = bucket->burst;
    if (now_ms - bucket->given_ms <= BUCKET_GIVEN_MS && bucket->level > most)
        most = bucket->level;
    bucket->level = min_of(bucket->level + passed_ms * bucket->per_minute, most);
    bucket->at_ms = now_ms;
}

int64_t bucket_wait_ms(struct bucket *bucket, int64_t units, int64_t now_ms)
{
    if (bucket->per_minute == 0)
        return 0;
    refill(bucket, now_ms);
    int64_t missing = min_of(units * SCALE, bucket->burst) - bucket->level;
    return missing <= 0 ? 0 : (missing + bucket->per_minute - 1) / bucket->per_minute;
}

void bucket_take(struct bucket *bucket, int64_t units, int64_t now_ms)
{
    if (bucket->per_minute == 0)
        return;
    refill(bucket, now_ms);
    bucket->level -= units * SCALE;
}

void bucket_settle(struct bucket *bucket, int64_t taken, int64_t used, int64_t now_ms)
{
    if (bucket->per_minute == 0)
        return;
    refill(bucket, now_ms);
    bucket->level += (taken - used) * SCALE;
    if (used < taken)
        bucket->given_ms = now_ms;
}
