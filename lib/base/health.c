// SPDX-License-Identifier: MIT
#include "base/health.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/program.h"

// A call that waits for a server cannot say so itself; that its thread has not come by for a while
// does.

enum { FIRST_MS = 50, MOST_MS = 5000, STUCK_MS = 5000, SAID_EVERY = 10 };

void health_init(struct health *health, const char *name, struct metrics *metrics, size_t waits)
{
    *health = (struct health){.name = name, .metrics = metrics, .waits = waits};
    backoff_init(&health->backoff, FIRST_MS, MOST_MS);
    pthread_mutex_init(&health->lock, NULL);
    IGNORE(why_say(&health->unready, ERR_RETRY, "%s is starting", name)); // its words are kept
}

void health_done(struct health *health)
{
    pthread_mutex_destroy(&health->lock);
}

void health_turn(struct health *health)
{
    atomic_store(&health->turned_ms, clock_mono_ms());
}

void health_set(struct health *health, const struct why *unready)
{
    pthread_mutex_lock(&health->lock);
    health->is_ready = unready == NULL;
    if (unready != NULL)
        health->unready = *unready;
    pthread_mutex_unlock(&health->lock);
}

bool health_is_ready(struct health *health, struct why *why)
{
    pthread_mutex_lock(&health->lock);
    bool is_ready = health->is_ready;
    if (!is_ready)
        *why = health->unready;
    pthread_mutex_unlock(&health->lock);
    int64_t away_ms = clock_mono_ms() - atomic_load(&health->turned_ms);
    if (!is_ready || away_ms < STUCK_MS)
        return is_ready;
    IGNORE(why_say(why, ERR_RETRY, "%s has waited for an answer for %" PRId64 " s", health->name,
                   away_ms / 1000)); // its words are what counts
    return false;
}

void health_tell(struct health *health, const char *what, const struct why *cause)
{
    log_warn("lane-waits", "lane=%s for=%s why=\"%s\"", health->name, what, cause->text);
    metric_add(metrics_cell(health->metrics, health->waits, health->name, what), 1);
    health_set(health, cause);
}

int64_t health_back_off(struct health *health, const char *what, const struct why *cause)
{
    int64_t wait_ms = backoff_next_ms(&health->backoff);
    if (health->backoff.tries == 1 || health->backoff.tries % SAID_EVERY == 0)
        log_warn("lane-waits", "lane=%s for=%s tries=%u wait_ms=%" PRId64 " why=\"%s\"",
                 health->name, what, health->backoff.tries, wait_ms, cause->text);
    metric_add(metrics_cell(health->metrics, health->waits, health->name, what), 1);
    health_set(health, cause);
    return wait_ms;
}

enum err health_wait(struct health *health, const char *what, const struct why *cause)
{
    return program_wait_ms(health_back_off(health, what, cause)) ? ERR_STOP : ERR_OK;
}

void health_works(struct health *health)
{
    if (health->backoff.tries > 0)
        log_info("lane-works-again", "lane=%s tries=%u", health->name, health->backoff.tries);
    backoff_reset(&health->backoff);
    health_set(health, NULL);
}
