// SPDX-License-Identifier: MIT
#include "planner/window.h"

#include <assert.h>

void window_add(struct window *window, unsigned kind, int64_t now_ms)
{
    assert(kind < WINDOW_KINDS && now_ms >= 0);
    int64_t second = now_ms / 1000;
    size_t at = (size_t)(second % WINDOW_SECONDS);
    if (window->slots[at].second != second) {
        window->slots[at].second = second;
        for (unsigned i = 0; i < WINDOW_KINDS; i++)
            window->slots[at].counts[i] = 0;
    }
    window->slots[at].counts[kind]++;
}

int64_t window_count(const struct window *window, unsigned kind, int64_t now_ms)
{
    assert(kind < WINDOW_KINDS);
    int64_t count = 0;
    for (unsigned i = 0; i < WINDOW_SECONDS; i++)
        if (window->slots[i].second > now_ms / 1000 - WINDOW_SECONDS)
            count += window->slots[i].counts[kind];
    return count;
}
