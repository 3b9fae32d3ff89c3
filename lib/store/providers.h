// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/pg.h"

// Whether language models are called: what they have cost, which of them are stopped, and the
// switch for plans as a whole. One statement each, outside of a transaction. Times are milliseconds
// since 1970. One thread.

struct providers_usage {
    int64_t calls; // begun, those without a result included
    int64_t input_tokens;
    int64_t output_tokens;
    int64_t cost_microusd;
};
// Of all processes since then: what limits per day count from after a restart.
MUST_CHECK enum err providers_usage_since(struct pg *pg, const char *provider, int64_t since_ms,
                                          struct providers_usage *ret, struct why *why);

#define PROVIDERS_NO_END INT64_MAX

// Stops a provider for every process. `until_ms` PROVIDERS_NO_END: until an operator resumes it.
MUST_CHECK enum err providers_stop(struct pg *pg, const char *provider, const char *reason,
                                   int64_t until_ms, struct why *why);

struct providers_state {
    bool is_stopped;     // and not resumed since; the end is for the caller's clock to compare
    struct bytes reason; // borrowed from *ret_rows; of the last stop
    int64_t until_ms;    // PROVIDERS_NO_END: none
};
// One for each provider; *ret_rows is freed by the caller (pg_rows_free).
MUST_CHECK enum err providers_states(struct pg *pg, const struct bytes *providers, size_t count,
                                     struct providers_state *ret, struct pg_rows **ret_rows,
                                     struct why *why);

// Whether plans are made.
MUST_CHECK enum err providers_switch(struct pg *pg, bool *ret_is_on, struct why *why);
