// SPDX-License-Identifier: MIT
#include "bus/watch.h"

#include "base/plant.h"

enum { REPEAT_US = 15000 }; // between two AddPartitionsToTxn of which the first came too early

// A request that makes something part of the transaction.
static void watch_addition(struct bus_watch *watch, int16_t key, int64_t now_us)
{
    long long none = 0;
    atomic_compare_exchange_strong(&watch->first_us, &none, now_us);
    bool was_repeated = false;
    if (key == BUS_KEY_ADD_OFFSETS_TO_TXN) {
        was_repeated = atomic_fetch_add(&watch->add_offsets, 1) > 0;
    } else {
        int64_t before_us = atomic_exchange(&watch->add_partitions_us, now_us);
        was_repeated =
            before_us != 0 && now_us - before_us >= REPEAT_US && atomic_load(&watch->produce) == 0;
    }
    if (was_repeated)
        atomic_store(&watch->was_too_early, true);
}

void bus_watch_sent(struct bus_watch *watch, int16_t key, int64_t now_us)
{
    switch (key) {
    case BUS_KEY_END_TXN:
        atomic_fetch_add(&watch->end_txn, 1);
        break;
    case BUS_KEY_TXN_OFFSET_COMMIT:
        atomic_fetch_add(&watch->offset_commit, 1);
        break;
    case BUS_KEY_PRODUCE:
        atomic_fetch_add(&watch->produce, 1);
        break;
    case BUS_KEY_ADD_PARTITIONS_TO_TXN:
    case BUS_KEY_ADD_OFFSETS_TO_TXN:
        watch_addition(watch, key, now_us);
        break;
    default:
        break;
    }
}

void bus_watch_begin(struct bus_watch *watch)
{
    atomic_store(&watch->produce, 0);
    atomic_store(&watch->first_us, 0);
    atomic_store(&watch->add_partitions_us, 0);
    atomic_store(&watch->was_too_early, false);
    atomic_store(&watch->add_offsets, 0);
}

void bus_watch_call(struct bus_watch *watch)
{
    atomic_store(&watch->end_txn, 0);
    atomic_store(&watch->offset_commit, 0);
    atomic_store(&watch->add_offsets, 0);
}

bool bus_watch_was_sent_twice(const struct bus_watch *watch)
{
    if (PLANT("guard-off"))
        return false;
    return atomic_load(&watch->end_txn) > 1 || atomic_load(&watch->offset_commit) > 1;
}

bool bus_watch_was_too_early(const struct bus_watch *watch)
{
    return atomic_load(&watch->was_too_early);
}

int64_t bus_watch_first_us(const struct bus_watch *watch)
{
    return atomic_load(&watch->first_us);
}
