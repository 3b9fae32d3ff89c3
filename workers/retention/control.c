// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics.h"
#include "parts.h"
#include "store/providers.h"

// What an operator can say to a running worker, and what workers say to each other: plans are on or
// off, a provider is stopped or resumed. Tables that are read once a second.

enum { INTERVAL_MS = 1000 };

static enum err save_stops(struct retention *retention, struct why *why)
{
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        struct retention_provider *provider = &retention->providers[i];
        if (!provider->is_stop_unsaved)
            continue;
        int64_t until_ms =
            provider->stop_until_ms == 0 ? PROVIDERS_NO_END : provider->stop_until_ms;
        enum err err =
            providers_stop(retention->pg, provider->name, provider->stop.code, until_ms, why);
        if (err != ERR_OK)
            return err;
        provider->is_stop_unsaved = false;
        provider->is_stopped_for_all = true;
    }
    return ERR_OK;
}

static void follow(struct retention_provider *provider, const struct providers_state *state)
{
    bool is_stopped = state->is_stopped &&
                      (state->until_ms == PROVIDERS_NO_END || state->until_ms > clock_real_ms());
    if (is_stopped && !provider->is_stopped_for_all) {
        struct why why = {0};
        IGNORE(why_say(&why, ERR_RETRY, "%s is stopped (%.*s), see retentionctl llm resume",
                       provider->name, (int)state->reason.len, (const char *)state->reason.data));
        limits_stop(provider->limits, &why,
                    state->until_ms == PROVIDERS_NO_END ? 0 : state->until_ms);
        log_warn("provider-stopped", "provider=%s code=%.*s", provider->name,
                 (int)state->reason.len, (const char *)state->reason.data);
    } else if (!is_stopped && provider->is_stopped_for_all) {
        limits_resume(provider->limits);
        log_info("provider-resumed", "provider=%s", provider->name);
    }
    provider->is_stopped_for_all = is_stopped;
}

static enum err read_stops(struct retention *retention, struct why *why)
{
    struct bytes names[RETENTION_PROVIDERS_MAX];
    struct retention_provider *asked[RETENTION_PROVIDERS_MAX];
    struct providers_state states[RETENTION_PROVIDERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < retention->options.provider_count; i++)
        if (retention->providers[i].limits != NULL) {
            asked[count] = &retention->providers[i];
            names[count++] = bytes_from_string(retention->providers[i].name);
        }
    if (count == 0)
        return ERR_OK;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    enum err err = providers_states(retention->pg, names, count, states, &rows, why);
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        follow(asked[i], &states[i]);
    return err;
}

static void show(const struct retention *retention)
{
    struct metrics *metrics = retention->options.metrics;
    metric_set(metrics_cell(metrics, METRIC_ON, NULL, NULL), retention->is_on);
    metric_set(metrics_cell(metrics, METRIC_UNFINISHED, NULL, NULL),
               (double)backlogs_items(&retention->backlogs));
    metric_set(metrics_cell(metrics, METRIC_IN_FLIGHT, NULL, NULL), (double)retention->calling);
    for (size_t i = 0; i < retention->options.provider_count; i++) {
        const struct retention_provider *provider = &retention->providers[i];
        if (provider->limits == NULL)
            continue;
        struct limits_state state;
        limits_show(provider->limits, retention_now(), &state);
        metric_set(metrics_cell(metrics, METRIC_STOPPED, provider->name, NULL), state.is_stopped);
        metric_set(metrics_cell(metrics, METRIC_TOKENS_TODAY, provider->name, NULL),
                   (double)state.today.tokens);
        metric_set(metrics_cell(metrics, METRIC_USD_TODAY, provider->name, NULL),
                   (double)state.today.micro_usd / 1e6);
    }
}

enum err retention_control(struct retention *retention, struct why *why)
{
    int64_t now_ms = clock_mono_ms();
    if (retention->control_ms != 0 && now_ms - retention->control_ms < INTERVAL_MS)
        return ERR_OK;
    bool was_on = retention->is_on;
    enum err err = save_stops(retention, why);
    if (err == ERR_OK)
        err = read_stops(retention, why);
    if (err == ERR_OK)
        err = providers_switch(retention->pg, &retention->is_on, why);
    if (err != ERR_OK)
        return err;
    retention->control_ms = now_ms;
    if (was_on != retention->is_on)
        log_info("plans-switched", "on=%s", retention->is_on ? "yes" : "no");
    show(retention);
    return ERR_OK;
}
