// SPDX-License-Identifier: MIT
// Everything is asked before anything is taken, so a call that may not start leaves no trace but
// one: that a person waits for the rate. The day's ceilings count what is in flight with its
// estimate, so many calls at once cannot go over them together; where only those estimates are in
// the way, a call waits, since the real use will be less.

#include "planner/limits.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/parse.h"
#include "planner/bucket.h"
#include "planner/pacific.h"
#include "planner/window.h"

enum { STARTS, RETRIES }; // kinds of the window
enum {
    RETRY_SHARE = 5,       // one in five calls of the last minute may be a retry ..
    RETRY_FREE = 10,       // .. and ten more
    PERSON_GRACE_MS = 100, // how much later than told a person's call may ask and still be first
};
#define DAY_MS INT64_C(86400000)

struct limits {
    struct limits_settings settings;
    struct bucket requests, tokens;
    struct breaker breaker;
    struct window starts;
    int64_t in_flight, others_in_flight; // others: those that are no person's
    int64_t held_until_ms;               // mono: a delay that the server named
    int64_t person_until_ms;             // mono: a person's call waits for the rate
    int64_t day, day_ends_ms;            // real
    struct limits_day used; // on that day, by calls that have ended; its requests by all
    struct limits_day held; // tokens and cost: estimates of the day's calls in flight
    bool is_stopped;
    struct why stop;
    int64_t stopped_until_ms; // real; 0: until resumed
};

struct limits *limits_new(const struct limits_settings *settings, struct limits_now now)
{
    assert(settings->concurrency > 0);
    struct limits *limits = mem_zalloc(sizeof *limits);
    limits->settings = *settings;
    bucket_init(&limits->requests, settings->requests_per_minute, now.mono_ms);
    bucket_init(&limits->tokens, settings->tokens_per_minute, now.mono_ms);
    breaker_init(&limits->breaker);
    return limits;
}

void limits_free(struct limits *limits)
{
    free(limits);
}

static int64_t day_of(const struct limits *limits, int64_t real_ms)
{
    return limits->settings.is_pacific_day ? pacific_day(real_ms) : real_ms / DAY_MS;
}

static int64_t start_of(const struct limits *limits, int64_t day)
{
    return limits->settings.is_pacific_day ? pacific_day_start_ms(day) : day * DAY_MS;
}

int64_t limits_day_start_ms(const struct limits *limits, int64_t real_ms)
{
    return start_of(limits, day_of(limits, real_ms));
}

// A new day has used nothing. A clock that was put back does not give a day a second time.
static void turn_day(struct limits *limits, int64_t real_ms)
{
    if (real_ms < limits->day_ends_ms)
        return;
    limits->day = day_of(limits, real_ms);
    limits->day_ends_ms = start_of(limits, limits->day + 1);
    limits->used = limits->held = (struct limits_day){0};
}

void limits_load_day(struct limits *limits, const struct limits_day *day, struct limits_now now)
{
    turn_day(limits, now.real_ms);
    limits->used = *day;
}

void limits_stop(struct limits *limits, const struct why *why, int64_t until_ms)
{
    bool is_longer = until_ms == 0 || until_ms > limits->stopped_until_ms;
    if (limits->is_stopped && (limits->stopped_until_ms == 0 || !is_longer))
        return;
    limits->is_stopped = true;
    limits->stop = *why;
    limits->stopped_until_ms = until_ms;
}

void limits_resume(struct limits *limits)
{
    limits->is_stopped = false;
    breaker_init(&limits->breaker);
}

static enum limits_verdict check_stop(struct limits *limits, int64_t real_ms, int64_t *ret_wait_ms,
                                      struct why *why)
{
    if (limits->is_stopped && limits->stopped_until_ms != 0 && real_ms >= limits->stopped_until_ms)
        limits->is_stopped = false;
    if (!limits->is_stopped)
        return LIMITS_START;
    *ret_wait_ms =
        limits->stopped_until_ms == 0 ? LIMITS_WAIT_OPEN : limits->stopped_until_ms - real_ms;
    if (why != NULL)
        *why = limits->stop;
    return LIMITS_STOPPED;
}

static enum limits_verdict check_day(const struct limits *limits, const struct limits_call *call,
                                     int64_t real_ms, int64_t *ret_wait_ms, struct why *why)
{
    const struct limits_settings *settings = &limits->settings;
    const struct {
        int64_t most, used, held, wanted;
        const char *code, *unit;
    } ceilings[] = {
        {settings->requests_per_day, limits->used.requests, 0, 1, "requests-today", "requests"},
        {settings->tokens_per_day, limits->used.tokens, limits->held.tokens, call->tokens,
         "tokens-today", "tokens"},
        {settings->micro_usd_per_day, limits->used.micro_usd, limits->held.micro_usd,
         call->micro_usd, "cost-today", "millionths of a dollar"},
    };
    enum limits_verdict verdict = LIMITS_START;
    for (size_t i = 0; i < ARRAY_LEN(ceilings); i++) {
        if (ceilings[i].most == 0)
            continue;
        int64_t left = ceilings[i].most - ceilings[i].used;
        if (ceilings[i].wanted > left) {
            char time[FORMAT_TIME_MAX];
            int64_t ends_ms = start_of(limits, limits->day + 1);
            format_time_ms(ends_ms, time);
            *ret_wait_ms = ends_ms - real_ms;
            why_code(why, ERR_OK, ceilings[i].code,
                     "our ceiling of %lld %s a day has no room for another call until %s",
                     (long long)ceilings[i].most, ceilings[i].unit, time);
            return LIMITS_STOPPED;
        }
        if (ceilings[i].wanted > left - ceilings[i].held) {
            *ret_wait_ms = LIMITS_WAIT_OPEN;
            verdict = LIMITS_WAIT;
        }
    }
    return verdict;
}

static enum limits_verdict check_breaker(const struct limits *limits, int64_t mono_ms,
                                         int64_t *ret_wait_ms, struct why *why)
{
    *ret_wait_ms = breaker_wait_ms(&limits->breaker, mono_ms);
    if (*ret_wait_ms == 0)
        return LIMITS_START;
    if (limits->breaker.state == BREAKER_PROBING)
        why_code(why, ERR_OK, "breaker-open",
                 "half of the last minute's calls failed; one call is trying whether it works "
                 "again");
    else
        why_code(why, ERR_OK, "breaker-open",
                 "half of the last minute's calls failed; the next try is in %lld s",
                 (long long)((*ret_wait_ms + 999) / 1000));
    return LIMITS_STOPPED;
}

static enum limits_verdict check_retries(const struct limits *limits,
                                         const struct limits_call *call, int64_t mono_ms,
                                         int64_t *ret_wait_ms, struct why *why)
{
    if (!call->is_retry)
        return LIMITS_START;
    int64_t calls = window_count(&limits->starts, STARTS, mono_ms);
    if (window_count(&limits->starts, RETRIES, mono_ms) < calls / RETRY_SHARE + RETRY_FREE)
        return LIMITS_START;
    *ret_wait_ms = 1000;
    why_code(why, ERR_OK, "retry-budget",
             "a fifth of the last minute's calls and %d more were retries already", RETRY_FREE);
    return LIMITS_STOPPED;
}

static enum limits_verdict wait_for(int64_t wait_ms, int64_t *ret_wait_ms)
{
    *ret_wait_ms = wait_ms;
    return wait_ms > 0 ? LIMITS_WAIT : LIMITS_START;
}

static enum limits_verdict check_slots(const struct limits *limits, const struct limits_call *call,
                                       int64_t *ret_wait_ms)
{
    int64_t most = limits->settings.concurrency;
    int64_t others = most - most * limits->settings.kept_percent / 100;
    bool is_full =
        limits->in_flight >= most || (!call->is_request && limits->others_in_flight >= others);
    return wait_for(is_full ? LIMITS_WAIT_OPEN : 0, ret_wait_ms);
}

static enum limits_verdict check_rate(struct limits *limits, const struct limits_call *call,
                                      int64_t mono_ms, int64_t *ret_wait_ms)
{
    int64_t requests_ms = bucket_wait_ms(&limits->requests, 1, mono_ms);
    int64_t tokens_ms = bucket_wait_ms(&limits->tokens, call->tokens, mono_ms);
    int64_t wait_ms = requests_ms > tokens_ms ? requests_ms : tokens_ms;
    if (call->is_request && wait_ms > 0)
        limits->person_until_ms = mono_ms + wait_ms + PERSON_GRACE_MS;
    else if (!call->is_request && wait_ms < limits->person_until_ms - mono_ms)
        wait_ms = limits->person_until_ms - mono_ms;
    return wait_for(wait_ms, ret_wait_ms);
}

static void start(struct limits *limits, struct limits_call *call, int64_t mono_ms)
{
    bucket_take(&limits->requests, 1, mono_ms);
    bucket_take(&limits->tokens, call->tokens, mono_ms);
    window_add(&limits->starts, STARTS, mono_ms);
    if (call->is_retry)
        window_add(&limits->starts, RETRIES, mono_ms);
    limits->in_flight++;
    limits->others_in_flight += !call->is_request;
    if (call->is_request)
        limits->person_until_ms = 0;
    limits->used.requests++;
    limits->held.tokens += call->tokens;
    limits->held.micro_usd += call->micro_usd;
    call->day = limits->day;
    call->is_probe = breaker_start(&limits->breaker);
}

enum limits_verdict limits_may_start(struct limits *limits, struct limits_call *call,
                                     struct limits_now now, int64_t *ret_wait_ms, struct why *why)
{
    assert(call->tokens >= 0 && call->tokens <= BUCKET_UNITS_MAX && call->micro_usd >= 0);
    turn_day(limits, now.real_ms);
    enum limits_verdict verdict = check_stop(limits, now.real_ms, ret_wait_ms, why);
    if (verdict == LIMITS_START)
        verdict = check_day(limits, call, now.real_ms, ret_wait_ms, why);
    if (verdict == LIMITS_START)
        verdict = check_breaker(limits, now.mono_ms, ret_wait_ms, why);
    if (verdict == LIMITS_START)
        verdict = check_retries(limits, call, now.mono_ms, ret_wait_ms, why);
    if (verdict == LIMITS_START)
        verdict = wait_for(limits->held_until_ms - now.mono_ms, ret_wait_ms);
    if (verdict == LIMITS_START)
        verdict = check_slots(limits, call, ret_wait_ms);
    if (verdict == LIMITS_START)
        verdict = check_rate(limits, call, now.mono_ms, ret_wait_ms);
    if (verdict != LIMITS_START)
        return verdict;
    start(limits, call, now.mono_ms);
    *ret_wait_ms = 0;
    return LIMITS_START;
}

void limits_settle(struct limits *limits, const struct limits_call *call,
                   const struct limits_result *result, struct limits_now now)
{
    assert(limits->in_flight > 0);
    turn_day(limits, now.real_ms);
    int64_t tokens = result->has_use ? result->tokens : call->tokens;
    int64_t micro_usd = result->has_use ? result->micro_usd : call->micro_usd;
    bucket_settle(&limits->tokens, call->tokens, tokens, now.mono_ms);
    breaker_end(&limits->breaker, call->is_probe, result->result, now.mono_ms);
    limits->in_flight--;
    limits->others_in_flight -= !call->is_request;
    if (call->day == limits->day) {
        limits->held.tokens -= call->tokens;
        limits->held.micro_usd -= call->micro_usd;
        limits->used.tokens += tokens;
        limits->used.micro_usd += micro_usd;
    }
    int64_t until_ms = now.mono_ms + result->delay_ms;
    if (result->delay_ms > 0 && until_ms > limits->held_until_ms)
        limits->held_until_ms = until_ms;
}

void limits_show(struct limits *limits, struct limits_now now, struct limits_state *ret)
{
    const struct limits_call smallest = {.tokens = 1, .micro_usd = 1};
    int64_t wait_ms = 0;
    turn_day(limits, now.real_ms);
    *ret = (struct limits_state){
        .breaker = limits->breaker.state, .in_flight = limits->in_flight, .today = limits->used};
    ret->today.tokens += limits->held.tokens;
    ret->today.micro_usd += limits->held.micro_usd;
    enum limits_verdict verdict = check_stop(limits, now.real_ms, &wait_ms, &ret->why);
    if (verdict != LIMITS_STOPPED)
        verdict = check_day(limits, &smallest, now.real_ms, &wait_ms, &ret->why);
    if (verdict != LIMITS_STOPPED)
        verdict = check_breaker(limits, now.mono_ms, &wait_ms, &ret->why);
    ret->is_stopped = verdict == LIMITS_STOPPED;
    if (ret->is_stopped && wait_ms != LIMITS_WAIT_OPEN)
        ret->until_ms = now.real_ms + wait_ms;
}
