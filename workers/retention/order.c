// SPDX-License-Identifier: MIT
#include "order.h"

#include <stddef.h>

// FNV-1a: spreads well enough over the buckets, and a bucket that somebody fills on purpose costs
// no more than a walk through what is unfinished.
static size_t bucket_of(struct bytes employee_id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < employee_id.len; i++)
        hash = (hash ^ employee_id.data[i]) * UINT64_C(0x100000001b3);
    return (hash ^ hash >> 32) % ORDER_BUCKETS;
}

void order_enter(struct order *order, struct order_entry *entry)
{
    struct order_bucket *bucket = &order->buckets[bucket_of(entry->employee_id)];
    entry->newer = NULL;
    if (bucket->newest == NULL)
        bucket->oldest = entry;
    else
        bucket->newest->newer = entry;
    bucket->newest = entry;
}

static bool holds(const struct order_entry *from, const struct order_entry *until,
                  struct bytes employee_id)
{
    while (from != until && !bytes_equal(from->employee_id, employee_id))
        from = from->newer;
    return from != until;
}

void order_leave(struct order *order, struct order_entry *entry)
{
    struct order_bucket *bucket = &order->buckets[bucket_of(entry->employee_id)];
    struct order_entry *older = NULL;
    for (struct order_entry *at = bucket->oldest; at != entry; at = at->newer)
        older = at;
    order->has_next |= !holds(bucket->oldest, entry, entry->employee_id) &&
                       holds(entry->newer, NULL, entry->employee_id);
    if (older == NULL)
        bucket->oldest = entry->newer;
    else
        older->newer = entry->newer;
    if (bucket->newest == entry)
        bucket->newest = older;
}

bool order_is_first(const struct order *order, const struct order_entry *entry)
{
    const struct order_bucket *bucket = &order->buckets[bucket_of(entry->employee_id)];
    return !holds(bucket->oldest, entry, entry->employee_id);
}
