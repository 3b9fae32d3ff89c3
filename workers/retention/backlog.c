// SPDX-License-Identifier: MIT
#include "backlog.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ROOM_FIRST = 64 };

void backlogs_done(struct backlogs *backlogs)
{
    backlogs_clear(backlogs);
    free(backlogs->list);
    backlogs->list = NULL;
}

void backlogs_clear(struct backlogs *backlogs)
{
    for (size_t i = 0; i < backlogs->count; i++) {
        struct backlog *backlog = &backlogs->list[i];
        for (size_t at = 0; at < backlog->count; at++)
            backlogs->drop(backlog_at(backlog, at));
        free(backlog->items);
    }
    backlogs->count = 0;
}

struct backlog *backlogs_find(struct backlogs *backlogs, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < backlogs->count; i++)
        if (backlogs->list[i].partition == partition && strcmp(backlogs->list[i].topic, topic) == 0)
            return &backlogs->list[i];
    return NULL;
}

struct backlog *backlogs_open(struct backlogs *backlogs, const char *topic, int32_t partition)
{
    struct backlog *backlog = backlogs_find(backlogs, topic, partition);
    if (backlog != NULL)
        return backlog;
    backlogs->list = mem_grow(backlogs->list, backlogs->count + 1, sizeof *backlogs->list);
    backlog = &backlogs->list[backlogs->count++];
    *backlog = (struct backlog){.topic = topic, .partition = partition};
    return backlog;
}

size_t backlogs_items(const struct backlogs *backlogs)
{
    size_t count = 0;
    for (size_t i = 0; i < backlogs->count; i++)
        count += backlogs->list[i].count;
    return count;
}

static void widen(struct backlog *backlog)
{
    size_t room = backlog->room == 0 ? ROOM_FIRST : backlog->room * 2;
    struct backlog_item **items = mem_array(room, sizeof *items);
    for (size_t at = 0; at < backlog->count; at++)
        items[at] = backlog_at(backlog, at);
    free(backlog->items);
    backlog->items = items;
    backlog->room = room;
    backlog->first = 0;
}

void backlog_push(struct backlog *backlog, struct backlog_item *item)
{
    assert(item->offset >= backlog->next);
    if (backlog->count == backlog->room)
        widen(backlog);
    backlog->items[(backlog->first + backlog->count++) & (backlog->room - 1)] = item;
    backlog->next = item->offset + 1;
}

struct backlog_item *backlog_at(const struct backlog *backlog, size_t at)
{
    return backlog->items[(backlog->first + at) & (backlog->room - 1)];
}

size_t backlog_finished(const struct backlog *backlog, size_t max)
{
    size_t count = 0;
    while (count < backlog->count && count < max && backlog_at(backlog, count)->is_finished)
        count++;
    return count;
}

bool backlog_is_finished_before(const struct backlog *backlog, int64_t offset)
{
    size_t finished = backlog_finished(backlog, backlog->count);
    return finished == backlog->count || backlog_at(backlog, finished)->offset >= offset;
}

int64_t backlog_offset_after(const struct backlog *backlog, size_t count)
{
    return backlog_at(backlog, count - 1)->offset + 1;
}

void backlog_settle(struct backlogs *backlogs, struct backlog *backlog, int64_t offset)
{
    while (backlog->count > 0 && backlog_at(backlog, 0)->offset < offset) {
        backlogs->drop(backlog_at(backlog, 0));
        backlog->first = (backlog->first + 1) & (backlog->room - 1);
        backlog->count--;
    }
    if (backlog->next < offset)
        backlog->next = offset;
}
