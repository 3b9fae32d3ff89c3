// SPDX-License-Identifier: MIT
// One lock, held for a few instructions at a time. A call is found by its id, whose last bytes are
// random, and by the time at which somebody must look at it: times are sorted into a wheel of
// slots, one round of which is longer than any wait.

#include "pending.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics.h"

enum {
    SLOT_MS = 32,
    SLOTS = 4096,     // 131 s
    SETTLE_MS = 2000, // behind the wait: for the word that record and row are safe
};
static_assert(SLOT_MS * SLOTS > DECIDE_WAIT_MOST_MS + 2 * SETTLE_MS, "a wait fits into a round");

struct pending {
    struct pending_options options;
    pthread_mutex_t lock;
    size_t count;
    bool is_closed;
    size_t mask;
    struct ask **by_id;
    struct ask *slots[SLOTS];
    int64_t looked_slot; // everything before it was looked at
    struct metric_cell *waiting;
    struct metric_cell *answers[REQUESTS_CHANGE][DECIDE_UNSTORED + 1];
};

struct pending *pending_new(const struct pending_options *options)
{
    static const char *const names[] = {"", "result", "accepted", "unsent", "unstored"};
    struct pending *pending = mem_zalloc(sizeof *pending);
    pending->options = *options;
    pthread_mutex_init(&pending->lock, NULL);
    size_t places = 64;
    while (places < options->most * 2)
        places *= 2;
    pending->mask = places - 1;
    pending->by_id = mem_zalloc(places * sizeof(struct ask *));
    pending->looked_slot = clock_mono_ms() / SLOT_MS;
    pending->waiting = metrics_cell(options->metrics, METRIC_WAITING, NULL, NULL);
    for (int kind = 0; kind < REQUESTS_CHANGE; kind++)
        for (int answer = DECIDE_RESULT; answer <= DECIDE_UNSTORED; answer++)
            pending->answers[kind][answer] =
                metrics_cell(options->metrics, METRIC_ANSWERS,
                             requests_kind_name((enum requests_kind)kind), names[answer]);
    return pending;
}

void pending_free(struct pending *pending)
{
    if (pending == NULL)
        return;
    pthread_mutex_destroy(&pending->lock);
    free(pending->by_id);
    free(pending);
}

static struct ask **bucket_of(struct pending *pending, struct bytes id)
{
    uint64_t end = 0;
    if (id.len >= sizeof end)
        memcpy(&end, id.data + id.len - sizeof end, sizeof end);
    end *= 0x9e3779b97f4a7c15U; // hexadecimal digits: spreads their few bits over the upper half
    return &pending->by_id[(end >> 32) & pending->mask];
}

// ---- under the lock

static void into_slot(struct pending *pending, struct ask *ask, int64_t at_ms)
{
    int64_t slot = at_ms / SLOT_MS + 1; // when all of it is over
    if (slot <= pending->looked_slot)
        slot = pending->looked_slot + 1;
    struct ask **head = &pending->slots[slot % SLOTS];
    ask->slot_next = *head;
    if (*head != NULL)
        (*head)->slot_place = &ask->slot_next;
    ask->slot_place = head;
    *head = ask;
}

static void out_of_slot(struct ask *ask)
{
    if (ask->slot_place == NULL)
        return;
    *ask->slot_place = ask->slot_next;
    if (ask->slot_next != NULL)
        ask->slot_next->slot_place = ask->slot_place;
    ask->slot_place = NULL;
}

static void remove_from_table(struct pending *pending, struct ask *ask)
{
    struct ask **place = bucket_of(pending, bytes_from_string(ask->id));
    while (*place != ask)
        place = &(*place)->next_by_id;
    *place = ask->next_by_id;
    out_of_slot(ask);
    ask->is_in_table = false;
    pending->count--;
    metric_set(pending->waiting, (double)pending->count);
}

// What is to be said now, if anything: then the exchange is the caller's, and the table's hold,
// too.
static struct http_exchange *settle(struct pending *pending, struct ask *ask,
                                    enum decide_answer *ret)
{
    if (!ask->is_in_table)
        return NULL;
    *ret = decide_ask(&ask->state);
    if (*ret == DECIDE_WAIT)
        return NULL;
    remove_from_table(pending, ask);
    metric_add(pending->answers[ask->kind][*ret], 1);
    return TAKE(ask->exchange);
}

// ---- without it

static void answer(struct pending *pending, struct ask *ask, struct http_exchange *exchange,
                   enum decide_answer what)
{
    if (exchange == NULL)
        return;
    pending->options.answer(pending->options.context, ask, exchange, what);
    ask_drop(ask); // the table's hold
}

bool pending_add(struct pending *pending, struct ask *ask, struct http_exchange *exchange)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&pending->lock);
    bool is_taken = pending->count < pending->options.most && !pending->is_closed;
    if (is_taken) {
        struct ask **bucket = bucket_of(pending, bytes_from_string(ask->id));
        ask->next_by_id = *bucket;
        *bucket = ask;
        ask->is_in_table = true;
        ask->exchange = exchange;
        ask_hold(ask);
        ask->state.is_due = ask->due_ms <= now_ms;
        into_slot(pending, ask, ask->state.is_due ? ask->due_ms + SETTLE_MS : ask->due_ms);
        pending->count++;
        metric_set(pending->waiting, (double)pending->count);
    }
    pthread_mutex_unlock(&pending->lock);
    return is_taken;
}

void pending_acknowledged(struct pending *pending, struct ask *ask)
{
    enum decide_answer what = DECIDE_WAIT;
    pthread_mutex_lock(&pending->lock);
    ask->state.is_acknowledged = true;
    struct http_exchange *exchange = settle(pending, ask, &what);
    pthread_mutex_unlock(&pending->lock);
    answer(pending, ask, exchange, what);
}

void pending_unsent(struct pending *pending, struct ask *ask, enum ask_unsent unsent)
{
    enum decide_answer what = DECIDE_WAIT;
    pthread_mutex_lock(&pending->lock);
    ask->state.is_unsent = true;
    if (ask->is_in_table) // else somebody is reading it already
        ask->unsent = unsent;
    struct http_exchange *exchange = settle(pending, ask, &what);
    pthread_mutex_unlock(&pending->lock);
    answer(pending, ask, exchange, what);
}

void pending_stored(struct pending *pending, struct ask *ask)
{
    enum decide_answer what = DECIDE_WAIT;
    pthread_mutex_lock(&pending->lock);
    ask->state.is_stored = true;
    struct http_exchange *exchange = settle(pending, ask, &what);
    pthread_mutex_unlock(&pending->lock);
    answer(pending, ask, exchange, what);
}

struct http_exchange *pending_take(struct pending *pending, struct bytes id, struct ask **ret)
{
    struct http_exchange *exchange = NULL;
    enum decide_answer what = DECIDE_WAIT;
    pthread_mutex_lock(&pending->lock);
    struct ask *ask = *bucket_of(pending, id);
    while (ask != NULL && !bytes_equal_string(id, ask->id))
        ask = ask->next_by_id;
    if (ask != NULL) {
        ask->state.has_reply = true;
        exchange = settle(pending, ask, &what);
        *ret = ask;
    }
    pthread_mutex_unlock(&pending->lock);
    return exchange;
}

// Of one slot: marks what is due; what is to be answered now, held.
static struct ask *look_at(struct pending *pending, int64_t slot, int64_t now_ms)
{
    struct ask *due = NULL;
    struct ask *ask = pending->slots[slot % SLOTS];
    pending->slots[slot % SLOTS] = NULL;
    while (ask != NULL) {
        struct ask *next = ask->slot_next;
        ask->slot_place = NULL; // it is in no slot
        ask->state.is_due |= ask->due_ms <= now_ms;
        ask->state.is_overdue |= ask->due_ms + SETTLE_MS <= now_ms;
        if (decide_ask(&ask->state) == DECIDE_WAIT) {
            into_slot(pending, ask, ask->due_ms + (ask->state.is_due ? SETTLE_MS : 0));
        } else {
            ask->due_next = due;
            due = ask_hold(ask);
        }
        ask = next;
    }
    return due;
}

// Answers a list that was linked, and held, under the lock.
static void answer_list(struct pending *pending, struct ask *list)
{
    while (list != NULL) {
        struct ask *next = list->due_next;
        enum decide_answer what = DECIDE_WAIT;
        pthread_mutex_lock(&pending->lock);
        struct http_exchange *exchange = settle(pending, list, &what);
        pthread_mutex_unlock(&pending->lock);
        answer(pending, list, exchange, what);
        ask_drop(list);
        list = next;
    }
}

void pending_look(struct pending *pending, int64_t now_ms)
{
    struct ask *due = NULL;
    do {
        pthread_mutex_lock(&pending->lock);
        for (due = NULL; due == NULL && pending->looked_slot < now_ms / SLOT_MS;) {
            pending->looked_slot++;
            due = look_at(pending, pending->looked_slot, now_ms);
        }
        pthread_mutex_unlock(&pending->lock);
        answer_list(pending, due);
    } while (due != NULL);
}

void pending_end(struct pending *pending)
{
    struct ask *all = NULL;
    pthread_mutex_lock(&pending->lock);
    pending->is_closed = true;
    for (size_t i = 0; i <= pending->mask; i++)
        for (struct ask *ask = pending->by_id[i]; ask != NULL; ask = ask->next_by_id) {
            ask->state.is_due = ask->state.is_overdue = true;
            ask->due_next = all;
            all = ask_hold(ask);
        }
    pthread_mutex_unlock(&pending->lock);
    answer_list(pending, all);
}

void pending_close(struct pending *pending, int64_t due_ms)
{
    pthread_mutex_lock(&pending->lock);
    pending->is_closed = true;
    for (size_t i = 0; i <= pending->mask; i++)
        for (struct ask *ask = pending->by_id[i]; ask != NULL; ask = ask->next_by_id)
            if (ask->due_ms > due_ms) {
                ask->due_ms = due_ms;
                out_of_slot(ask);
                into_slot(pending, ask, due_ms);
            }
    pthread_mutex_unlock(&pending->lock);
}

size_t pending_count(struct pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    size_t count = pending->count;
    pthread_mutex_unlock(&pending->lock);
    return count;
}
