// SPDX-License-Identifier: MIT
#include "limits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// Users are accounts of ours, so there are not more entries than people who called within a minute;
// those that are over go when their bucket is looked at.

enum { BUCKETS = 1024, USER_MAX = 64 };

struct user {
    struct user *next;
    int64_t began_ms, count;
    size_t len;
    char name[USER_MAX];
};

struct limits {
    int64_t most;
    pthread_mutex_t lock;
    struct user *buckets[BUCKETS];
    size_t count;
};

struct limits *limits_new(int64_t most)
{
    struct limits *limits = mem_zalloc(sizeof *limits);
    limits->most = most;
    pthread_mutex_init(&limits->lock, NULL);
    return limits;
}

void limits_free(struct limits *limits)
{
    if (limits == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct user *user = limits->buckets[i], *next; user != NULL; user = next) {
            next = user->next;
            free(user);
        }
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

static struct user **bucket_of(struct limits *limits, struct bytes name)
{
    uint32_t hash = 2166136261U; // FNV-1a: ids that count up
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ name.data[i]) * 16777619U;
    return &limits->buckets[hash % BUCKETS];
}

// The user's entry, made where there is none; others of the bucket that are over are dropped.
static struct user *find(struct limits *limits, struct bytes name, int64_t now_ms)
{
    struct user *found = NULL;
    struct user **place = bucket_of(limits, name);
    while (*place != NULL) {
        struct user *user = *place;
        bool is_over = now_ms - user->began_ms >= LIMITS_WINDOW_MS;
        if (bytes_equal(bytes_of(user->name, user->len), name)) {
            found = user;
            user->began_ms = is_over ? now_ms : user->began_ms;
            user->count = is_over ? 0 : user->count;
        } else if (is_over) {
            *place = user->next;
            limits->count--;
            free(user);
            continue;
        }
        place = &user->next;
    }
    if (found != NULL)
        return found;
    found = mem_zalloc(sizeof *found);
    found->began_ms = now_ms;
    found->len = name.len < USER_MAX ? name.len : USER_MAX;
    memcpy(found->name, name.data, found->len);
    *place = found;
    limits->count++;
    return found;
}

bool limits_take(struct limits *limits, struct bytes user, int64_t now_ms, struct limits_left *ret)
{
    pthread_mutex_lock(&limits->lock);
    struct user *entry = find(limits, user, now_ms);
    bool is_taken = entry->count < limits->most;
    entry->count += is_taken;
    ret->requests = limits->most - entry->count;
    ret->wait_s = (LIMITS_WINDOW_MS - (now_ms - entry->began_ms) + 999) / 1000;
    pthread_mutex_unlock(&limits->lock);
    return is_taken;
}

size_t limits_users(struct limits *limits)
{
    pthread_mutex_lock(&limits->lock);
    size_t count = limits->count;
    pthread_mutex_unlock(&limits->lock);
    return count;
}
