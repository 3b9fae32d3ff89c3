// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What is unfinished of each partition, in the order of the offsets. Calls end in any order, plans
// are published in this one: an item that is finished waits here for the earlier ones, and the
// partition is paused while too much waits. Without I/O; one thread.

struct backlog_item {
    int64_t offset;
    bool is_finished;
};

struct backlog {
    const char *topic; // borrowed
    int32_t partition;
    char metadata[64];           // of the committed offset, which goes along with the next one
    int64_t next;                // the first offset that is not here yet
    struct backlog_item **items; // a ring of `room` places, a power of two
    size_t room, first, count;
    bool is_paused;
};

struct backlogs {
    struct backlog *list; // moves when one is added
    size_t count;
    void (*drop)(struct backlog_item *item); // frees an item
};

void backlogs_done(struct backlogs *backlogs);
// Drops every backlog with its items.
void backlogs_clear(struct backlogs *backlogs);
// The backlog of a partition, made where there is none.
struct backlog *backlogs_open(struct backlogs *backlogs, const char *topic, int32_t partition);
struct backlog *backlogs_find(struct backlogs *backlogs, const char *topic, int32_t partition);
size_t backlogs_items(const struct backlogs *backlogs);

// Takes the item over; its offset is not below `next`.
void backlog_push(struct backlog *backlog, struct backlog_item *item);
// Number `at` from the earliest.
struct backlog_item *backlog_at(const struct backlog *backlog, size_t at);
// How many items from the earliest on are finished, at most `max`.
size_t backlog_finished(const struct backlog *backlog, size_t max);
// Whether all items before `offset` are finished.
bool backlog_is_finished_before(const struct backlog *backlog, int64_t offset);
// The offset to commit when the first `count` items are published.
int64_t backlog_offset_after(const struct backlog *backlog, size_t count);
// Drops the earliest items, up to the one before `offset`: they are published.
void backlog_settle(struct backlogs *backlogs, struct backlog *backlog, int64_t offset);
