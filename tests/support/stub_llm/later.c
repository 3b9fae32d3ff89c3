// SPDX-License-Identifier: MIT
#include "later.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/mem.h"

// A binary heap by due time.

struct entry {
    int64_t due_ms;
    void *item;
};

struct later {
    pthread_mutex_t lock;
    struct entry *entries;
    size_t count, room;
    bool is_closed;
    int fd;
};

struct later *later_new(void)
{
    struct later *later = mem_zalloc(sizeof *later);
    pthread_mutex_init(&later->lock, NULL);
    later->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (later->fd < 0)
        abort();
    return later;
}

void later_free(struct later *later)
{
    if (later == NULL)
        return;
    close(later->fd);
    pthread_mutex_destroy(&later->lock);
    mem_free_p(&later->entries);
    mem_free_p(&later);
}

static void push(struct later *later, struct entry entry)
{
    if (later->count == later->room) {
        later->room = later->room == 0 ? 256 : 2 * later->room;
        later->entries = mem_grow(later->entries, later->room, sizeof entry);
    }
    size_t at = later->count++;
    for (; at > 0 && later->entries[(at - 1) / 2].due_ms > entry.due_ms; at = (at - 1) / 2)
        later->entries[at] = later->entries[(at - 1) / 2];
    later->entries[at] = entry;
}

static void *pop(struct later *later)
{
    void *item = later->entries[0].item;
    struct entry last = later->entries[--later->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < later->count; at = child) {
        if (child + 1 < later->count &&
            later->entries[child + 1].due_ms < later->entries[child].due_ms)
            child++;
        if (later->entries[child].due_ms >= last.due_ms)
            break;
        later->entries[at] = later->entries[child];
    }
    later->entries[at] = last;
    return item;
}

bool later_add(struct later *later, int64_t due_ms, void *item)
{
    uint64_t one = 1;
    pthread_mutex_lock(&later->lock);
    bool is_open = !later->is_closed;
    if (is_open)
        push(later, (struct entry){due_ms, item});
    pthread_mutex_unlock(&later->lock);
    IGNORE(write(later->fd, &one, sizeof one)); // only fails when it is readable already
    return is_open;
}

void *later_take(struct later *later, int64_t now_ms, int64_t *ret_wait_ms)
{
    uint64_t adds = 0;
    void *item = NULL;
    pthread_mutex_lock(&later->lock);
    IGNORE(read(later->fd, &adds, sizeof adds)); // fails when there was no add
    *ret_wait_ms = -1;
    if (later->count > 0 && (later->is_closed || later->entries[0].due_ms <= now_ms))
        item = pop(later);
    else if (later->count > 0)
        *ret_wait_ms = later->entries[0].due_ms - now_ms;
    pthread_mutex_unlock(&later->lock);
    return item;
}

void later_close(struct later *later)
{
    pthread_mutex_lock(&later->lock);
    later->is_closed = true;
    pthread_mutex_unlock(&later->lock);
}

int later_fd(const struct later *later)
{
    return later->fd;
}
