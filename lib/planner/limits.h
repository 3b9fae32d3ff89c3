// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "planner/breaker.h"

// Whether a call of one provider may start now: calls in flight, requests and tokens a minute
// (bucket.h), ceilings of the day, the breaker (breaker.h), retries beside first tries, delays that
// the server named, and stops that a person or a time ends. Every call that starts is reserved with
// its estimate and settled with its real use. No clock of its own: the time comes with each call.
// One thread.
//
// Calls for a person who waits go first. A quarter of the slots (kept_percent) is never used by
// others. Of requests and tokens a minute nothing lies idle for them: while such a call waits for
// the rate, others do not start, so that up to the whole rate is theirs and the others have what
// they leave. Ceilings of the day are shared.

struct limits_settings {
    int64_t concurrency;                            // calls in flight, 1 and more
    int64_t kept_percent;                           // of those, only for a person's calls
    int64_t requests_per_minute, tokens_per_minute; // 0: no limit; up to BUCKET_UNITS_MAX
    int64_t requests_per_day, tokens_per_day;       // 0: no limit
    int64_t micro_usd_per_day;                      // 0: no limit
    bool is_pacific_day; // the day begins at midnight in America/Los_Angeles; false: UTC
};

// Out of the settings that planner/settings.def adds to a program's; `provider` is gemini or
// openai.
#define LIMITS_SETTINGS(settings, provider, pacific)                                               \
    ((struct limits_settings){.concurrency = (settings)->provider##_concurrency,                   \
                              .kept_percent = (settings)->llm_kept_percent,                        \
                              .requests_per_minute = (settings)->provider##_requests_per_minute,   \
                              .tokens_per_minute = (settings)->provider##_tokens_per_minute,       \
                              .requests_per_day = (settings)->provider##_requests_per_day,         \
                              .tokens_per_day = (settings)->provider##_tokens_per_day,             \
                              .micro_usd_per_day = (settings)->provider##_usd_per_day * 1000000,   \
                              .is_pacific_day = (pacific)})

struct limits_now {
    int64_t mono_ms; // for waits; never goes back
    int64_t real_ms; // since 1970, UTC: for days and for stops that end at a time
};

// A call: the caller fills the first part, limits_may_start the second.
struct limits_call {
    bool is_request; // a person waits for it
    bool is_retry;
    int64_t tokens; // estimates of what it will use
    int64_t micro_usd;

    bool is_probe;
    int64_t day;
};

enum limits_verdict {
    LIMITS_START,
    LIMITS_WAIT,    // not now; ask again after the wait
    LIMITS_STOPPED, // not here for a while: another provider's turn, or a longer wait
};

// The wait of what only the end of another call, or limits_resume, can change.
#define LIMITS_WAIT_OPEN INT64_MAX

struct limits;

struct limits *limits_new(const struct limits_settings *settings, struct limits_now now);
void limits_free(struct limits *limits);
DEFINE_CLEANUP(struct limits, limits_free)

// LIMITS_START: the call has started, and must be settled. Otherwise *ret_wait_ms says when asking
// again makes sense, and for LIMITS_STOPPED `why` (may be NULL) says why, with the code of the stop
// or one of "requests-today", "tokens-today", "cost-today", "breaker-open", "retry-budget".
// A person's calls are to be asked for first.
enum limits_verdict limits_may_start(struct limits *limits, struct limits_call *call,
                                     struct limits_now now, int64_t *ret_wait_ms, struct why *why);

struct limits_result {
    enum breaker_result result;
    bool has_use;              // false: nobody knows what it has used, the estimate stands
    int64_t tokens, micro_usd; // what it has used
    int64_t delay_ms;          // that the server named: no call starts earlier; 0: none
};

// A started call has ended. What started on an earlier day belongs to that day.
void limits_settle(struct limits *limits, const struct limits_call *call,
                   const struct limits_result *result, struct limits_now now);

// No call starts any more until `until_ms` (real; 0: until limits_resume). Of two stops the one
// that lasts longer stands.
void limits_stop(struct limits *limits, const struct why *why, int64_t until_ms);
// Ends the stop and closes the breaker. Ceilings of the day stay.
void limits_resume(struct limits *limits);

// The use of a day so far.
struct limits_day {
    int64_t requests, tokens, micro_usd;
};
// When the day that `real_ms` is in began: since then the ledger's sums count.
int64_t limits_day_start_ms(const struct limits *limits, int64_t real_ms);
// After a restart, before the first call: what the ledger says of today.
void limits_load_day(struct limits *limits, const struct limits_day *day, struct limits_now now);

// For /readyz and the metrics page.
struct limits_state {
    bool is_stopped;  // no call starts: terminal stop, ceiling of the day or open breaker
    struct why why;   // where is_stopped
    int64_t until_ms; // real; 0: until somebody resumes, or a probe has ended
    enum breaker_state breaker;
    int64_t in_flight;
    struct limits_day today; // settled calls, and estimates of those in flight
};
void limits_show(struct limits *limits, struct limits_now now, struct limits_state *ret);
