// SPDX-License-Identifier: MIT
#include "base/arena.h"

#include <stdlib.h>

#include "base/mem.h"

// A list of chunks that only grows; a reset goes back to the first. A piece larger than a chunk
// gets a chunk of its own size.

struct arena_chunk {
    struct arena_chunk *next;
    size_t bytes;
    _Alignas(16) char data[];
};

void arena_init(struct arena *arena, size_t chunk_bytes)
{
    *arena = (struct arena){.chunk_bytes = chunk_bytes};
}

void arena_done(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->first, *next = NULL; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    *arena = (struct arena){.chunk_bytes = arena->chunk_bytes};
}

void arena_reset(struct arena *arena)
{
    arena->current = arena->first;
    arena->used = 0;
}

static struct arena_chunk *chunk_new(size_t bytes)
{
    struct arena_chunk *chunk = mem_grow(NULL, 1, sizeof *chunk + bytes);
    chunk->next = NULL;
    chunk->bytes = bytes;
    return chunk;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t rounded = (bytes + 15) & ~(size_t)15;
    while (arena->current == NULL || arena->current->bytes - arena->used < rounded) {
        struct arena_chunk **link = arena->current == NULL ? &arena->first : &arena->current->next;
        if (*link == NULL || (*link)->bytes < rounded) {
            struct arena_chunk *chunk =
                chunk_new(rounded > arena->chunk_bytes ? rounded : arena->chunk_bytes);
            chunk->next = *link;
            *link = chunk;
        }
        arena->current = *link;
        arena->used = 0;
    }
    void *piece = arena->current->data + arena->used;
    arena->used += rounded;
    return piece;
}
