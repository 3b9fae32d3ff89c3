// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

// Memory for one block of messages: taken piece by piece, given back all at once. Chunks stay for
// the next block, so a settled arena never calls malloc. One thread; pieces die at arena_reset.

struct arena_chunk;
struct arena {
    struct arena_chunk *first;
    struct arena_chunk *current;
    size_t used; // in the current chunk
    size_t chunk_bytes;
};

void arena_init(struct arena *arena, size_t chunk_bytes);
void arena_done(struct arena *arena);
void arena_reset(struct arena *arena);
void *arena_take(struct arena *arena, size_t bytes)
    __attribute__((returns_nonnull)); // 16-byte aligned, not cleared
