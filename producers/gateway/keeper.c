// SPDX-License-Identifier: MIT
#include "keeper.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authorise.h"
#include "base/clock.h"
#include "base/idle.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway.h"
#include "store/leases.h"
#include "store/requests.h"
#include "store/sessions.h"
#include "store/signing_keys.h"

enum {
    TICK_MS = 25,
    LOOK_MS = 2000,   // at keys and revocations
    STALE_MS = 10000, // not read for so long: not ready
    CLEAN_MS = 60000,
    CLEAN_ROWS = 1000, // of each table at a time
    REVOCATIONS_MAX = 500,
    HOLDER_MAX = 40,
};

struct keeper {
    struct gateway *gateway;
    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock; // of what follows, until the next blank line
    pthread_cond_t wakes;
    bool is_stopping;
    struct keeper_later *later;
    char holder[HOLDER_MAX];
    int32_t partition; // -1: none

    struct database_job look, clean; // given to the database, one at a time
    atomic_bool is_looking, is_cleaning;
    atomic_llong looked_ms; // when it came back with what it asked for
    int64_t since_ms;       // look's
    int64_t look_at_ms, clean_at_ms, second_at_ms;
    struct idle idle;
};

// ---- keys and revocations

static enum err read_keys(struct gateway *gateway, struct pg *pg, struct why *why)
{
    struct signing_key keys[SIGNING_KEYS_MAX];
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    size_t count = 0;
    int64_t now_ms = clock_real_ms();
    enum err err = signing_keys_list(pg, now_ms, keys, &count, &rows, why);
    return err == ERR_OK
               ? authority_take_keys(gateway->authority, &gateway->sealer, keys, count, now_ms, why)
               : err;
}

static enum err read_revocations(struct gateway *gateway, struct pg *pg, int64_t *since_ms,
                                 struct why *why)
{
    size_t count = REVOCATIONS_MAX;
    enum err err = ERR_OK;
    while (err == ERR_OK && count == REVOCATIONS_MAX) {
        struct sessions_revocation list[REVOCATIONS_MAX];
        CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
        int64_t next_ms = *since_ms;
        err = sessions_revocations(pg, *since_ms, list, REVOCATIONS_MAX, &count, &next_ms, &rows,
                                   why);
        if (err != ERR_OK)
            break;
        authority_take_revocations(gateway->authority, list, count);
        if (next_ms == *since_ms) // as many at one time as a page holds: the rest comes later
            count = 0;
        *since_ms = next_ms;
    }
    return err;
}

static enum err add_first_key(struct gateway *gateway, struct pg *pg, struct why *why)
{
    struct auth_sealed_key made;
    bool is_added = false;
    auth_sealed_key_new(&gateway->sealer, &made);
    int64_t now_ms = clock_real_ms();
    const struct signing_key key = {.kid = bytes_from_string(made.key.kid),
                                    .public_key =
                                        bytes_of(made.key.public_key, sizeof made.key.public_key),
                                    .sealed_key = bytes_of(made.sealed, sizeof made.sealed),
                                    .created_at_ms = now_ms,
                                    .signs_from_ms = now_ms,
                                    .verifies_until_ms = SIGNING_KEYS_NO_END};
    enum err err = signing_keys_add_first(pg, &key, now_ms, &is_added, why);
    if (err == ERR_OK && is_added)
        log_info("signing-key-made", "kid=%s", made.key.kid);
    return err;
}

enum err keeper_first_look(struct gateway *gateway, struct pg *pg, struct why *why)
{
    int64_t since_ms = 0;
    enum err err = add_first_key(gateway, pg, why);
    if (err == ERR_OK)
        err = read_keys(gateway, pg, why);
    return err == ERR_OK ? read_revocations(gateway, pg, &since_ms, why) : err;
}

static struct keeper *keeper_of_look(struct database_job *job)
{
    return (struct keeper *)(void *)((char *)job - offsetof(struct keeper, look));
}

static enum err renew_lease(struct keeper *keeper, struct pg *pg, struct why *why)
{
    char holder[HOLDER_MAX];
    bool is_held = true;
    pthread_mutex_lock(&keeper->lock);
    memcpy(holder, keeper->holder, sizeof holder);
    int32_t partition = keeper->partition;
    pthread_mutex_unlock(&keeper->lock);
    if (partition < 0)
        return ERR_OK;
    enum err err = leases_renew(pg, holder, partition, REPLY_LEASE_MS, &is_held, why);
    if (err == ERR_OK && !is_held) { // another reads it too now: no harm
        log_warn("reply-partition-shared", "partition=%d", partition);
        keeper_set_lease(keeper, holder, -1);
    }
    return err;
}

static enum err look(struct database_job *job, struct pg *pg, struct why *why)
{
    struct keeper *keeper = keeper_of_look(job);
    enum err err = read_revocations(keeper->gateway, pg, &keeper->since_ms, why);
    if (err == ERR_OK)
        err = read_keys(keeper->gateway, pg, why);
    return err == ERR_OK ? renew_lease(keeper, pg, why) : err;
}

static void looked(struct database_job *job, enum err err, const struct why *why)
{
    struct keeper *keeper = keeper_of_look(job);
    authority_forget(keeper->gateway->authority, clock_real_ms());
    if (err == ERR_OK)
        atomic_store(&keeper->looked_ms, clock_mono_ms());
    else if (err != ERR_RETRY)
        log_error("keys-not-read", "code=%s why=\"%s\"", why_code_or_verdict(why, err), why->text);
    atomic_store(&keeper->is_looking, false);
}

// ---- cleaning

static struct keeper *keeper_of_clean(struct database_job *job)
{
    return (struct keeper *)(void *)((char *)job - offsetof(struct keeper, clean));
}

static enum err clean(struct database_job *job, struct pg *pg, struct why *why)
{
    const struct settings *settings = &keeper_of_clean(job)->gateway->settings;
    size_t count = 0;
    int64_t now_ms = clock_real_ms();
    enum err err = requests_expire(pg, now_ms, CLEAN_ROWS, &count, why);
    if (err == ERR_OK)
        err = requests_clean(pg, now_ms - settings->requests_kept_ms, CLEAN_ROWS, &count, why);
    return err == ERR_OK ? sessions_clean(pg, now_ms, CLEAN_ROWS, &count, why) : err;
}

static void cleaned(struct database_job *job, enum err err, const struct why *why)
{
    if (err != ERR_OK && err != ERR_RETRY)
        log_warn("not-cleaned", "code=%s why=\"%s\"", why_code_or_verdict(why, err), why->text);
    atomic_store(&keeper_of_clean(job)->is_cleaning, false);
}

// ---- the thread

static void give(struct keeper *keeper, struct database_job *job, atomic_bool *is_given)
{
    if (atomic_exchange(is_given, true))
        return; // the last one is not back yet
    if (!database_ask(keeper->gateway->database, job))
        atomic_store(is_given, false);
}

static void look_around(struct keeper *keeper, int64_t now_ms)
{
    if (now_ms >= keeper->look_at_ms) {
        keeper->look_at_ms = now_ms + LOOK_MS;
        give(keeper, &keeper->look, &keeper->is_looking);
    }
    if (now_ms >= keeper->clean_at_ms) {
        keeper->clean_at_ms = now_ms + CLEAN_MS;
        give(keeper, &keeper->clean, &keeper->is_cleaning);
    }
    if (now_ms >= keeper->second_at_ms) {
        keeper->second_at_ms = now_ms + 1000;
        numbers_fill(keeper->gateway->numbers);
        documents_look(keeper->gateway->documents);
        idle_look(&keeper->idle);
    }
}

// Those whose time has come, linked in no order.
static struct keeper_later *take_due(struct keeper *keeper, int64_t now_ms)
{
    struct keeper_later *due = NULL;
    for (struct keeper_later **place = &keeper->later; *place != NULL;) {
        struct keeper_later *later = *place;
        if (later->at_ms > now_ms && !keeper->is_stopping) {
            place = &later->next;
            continue;
        }
        *place = later->next;
        later->next = due;
        due = later;
    }
    return due;
}

static void *run(void *argument)
{
    struct keeper *keeper = argument;
    bool is_stopping = false;
    while (!is_stopping) {
        int64_t now_ms = clock_mono_ms(), end_ms = now_ms + TICK_MS;
        struct timespec end = {end_ms / 1000, end_ms % 1000 * 1000000};
        pthread_mutex_lock(&keeper->lock);
        if (!keeper->is_stopping)
            pthread_cond_timedwait(&keeper->wakes, &keeper->lock, &end);
        now_ms = clock_mono_ms();
        struct keeper_later *due = take_due(keeper, now_ms);
        is_stopping = keeper->is_stopping;
        pthread_mutex_unlock(&keeper->lock);
        while (due != NULL) {
            struct keeper_later *next = due->next;
            due->run(due);
            due = next;
        }
        pending_look(keeper->gateway->pending, now_ms);
        if (!is_stopping)
            look_around(keeper, now_ms);
    }
    return NULL;
}

enum err keeper_start(struct gateway *gateway, struct keeper **ret, struct why *why)
{
    struct keeper *keeper = mem_zalloc(sizeof *keeper);
    keeper->gateway = gateway;
    keeper->partition = -1;
    keeper->look.ask = look;
    keeper->look.then = looked;
    keeper->clean.ask = clean;
    keeper->clean.then = cleaned;
    atomic_init(&keeper->looked_ms, clock_mono_ms());
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->wakes, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *ret = keeper;
    keeper->is_started = pthread_create(&keeper->thread, NULL, run, keeper) == 0;
    return keeper->is_started ? ERR_OK : why_say(why, ERR_FATAL, "cannot start a thread");
}

void keeper_stop(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->is_stopping = true;
    pthread_cond_signal(&keeper->wakes);
    pthread_mutex_unlock(&keeper->lock);
    if (keeper->is_started)
        pthread_join(keeper->thread, NULL);
    keeper->is_started = false;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    pthread_cond_destroy(&keeper->wakes);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}

void keeper_add(struct keeper *keeper, struct keeper_later *later, int64_t at_ms)
{
    later->at_ms = at_ms;
    pthread_mutex_lock(&keeper->lock);
    bool is_over = keeper->is_stopping;
    if (!is_over) {
        later->next = keeper->later;
        keeper->later = later;
    }
    pthread_mutex_unlock(&keeper->lock);
    if (is_over)
        later->run(later);
}

void keeper_set_lease(struct keeper *keeper, const char *holder, int32_t partition)
{
    pthread_mutex_lock(&keeper->lock);
    if (holder != keeper->holder)
        snprintf(keeper->holder, sizeof keeper->holder, "%s", holder);
    keeper->partition = partition;
    pthread_mutex_unlock(&keeper->lock);
}

bool keeper_is_fresh(struct keeper *keeper, struct why *why)
{
    int64_t age_ms = clock_mono_ms() - atomic_load(&keeper->looked_ms);
    if (age_ms < STALE_MS)
        return true;
    IGNORE(why_say(why, ERR_RETRY, "keys and revocations were read %" PRId64 " s ago",
                   age_ms / 1000)); // its words are what counts
    return false;
}
