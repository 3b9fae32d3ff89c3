// SPDX-License-Identifier: MIT
// A table of sets of eight places, as a processor's cache has it: a token can be in the eight
// places of its set only, so finding and making room look at eight and nothing ever moves. A lock
// guards some sets, chosen by the same bits, so threads rarely meet. A flush raises a number: a
// place of an older number is empty. The number is read before a token is verified and kept with
// its claims, so what was being verified during a flush is empty from the start.

#include "auth/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"

enum { WAYS = 8, LOCKS = 64 };

struct place {
    uint8_t key[CRYPTO_BLAKE2B_BYTES];
    uint64_t generation; // 0: never used
    struct auth_claims claims;
};

struct auth_memory {
    pthread_mutex_t locks[LOCKS];
    atomic_uint_fast64_t generation; // from 1
    size_t sets;                     // a power of two
    struct place *places;            // WAYS of each set
};

struct auth_memory *auth_memory_new(size_t capacity)
{
    struct auth_memory *memory = mem_zalloc(sizeof *memory);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&memory->locks[i], NULL);
    atomic_init(&memory->generation, 1);
    memory->sets = 1;
    while (memory->sets * WAYS < capacity)
        memory->sets *= 2;
    memory->places = mem_zalloc(memory->sets * WAYS * sizeof *memory->places);
    return memory;
}

void auth_memory_free(struct auth_memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&memory->locks[i]);
    free(memory->places);
    free(memory);
}

static size_t set_of(const struct auth_memory *memory, const uint8_t key[CRYPTO_BLAKE2B_BYTES])
{
    uint64_t bits = 0;
    memcpy(&bits, key, sizeof bits);
    return (size_t)bits & (memory->sets - 1);
}

static struct place *lock_set(struct auth_memory *memory, size_t set)
{
    pthread_mutex_lock(&memory->locks[set % LOCKS]);
    return memory->places + set * WAYS;
}

static void unlock_set(struct auth_memory *memory, size_t set)
{
    pthread_mutex_unlock(&memory->locks[set % LOCKS]);
}

static bool look(struct auth_memory *memory, int64_t now_s, struct auth_claims *ret,
                 const struct auth_memory_place *place)
{
    size_t set = set_of(memory, place->key);
    struct place *places = lock_set(memory, set);
    bool is_there = false;
    for (size_t i = 0; i < WAYS && !is_there; i++) {
        is_there = places[i].generation == place->generation &&
                   places[i].claims.expires_at_s > now_s &&
                   crypto_equal(places[i].key, place->key, sizeof places[i].key);
        if (is_there)
            *ret = places[i].claims;
    }
    unlock_set(memory, set);
    return is_there;
}

bool auth_memory_find(struct auth_memory *memory, struct bytes token, int64_t now_s,
                      struct auth_claims *ret, struct auth_memory_place *ret_place)
{
    ret_place->generation = atomic_load(&memory->generation);
    crypto_blake2b(token, ret_place->key);
    return look(memory, now_s, ret, ret_place);
}

bool auth_memory_find_too(struct auth_memory *memory, const struct auth_memory_place *other,
                          int64_t now_s, struct auth_claims *ret,
                          struct auth_memory_place *ret_place)
{
    *ret_place = *other;
    ret_place->generation = atomic_load(&memory->generation);
    return look(memory, now_s, ret, ret_place);
}

// Which of a set's places a token takes: its own, or an empty one, or the one that ends first.
static struct place *choose(struct place *places, const struct auth_memory_place *wanted)
{
    struct place *best = &places[0];
    for (size_t i = 0; i < WAYS; i++) {
        struct place *place = &places[i];
        bool is_empty = place->generation != wanted->generation;
        if (!is_empty && crypto_equal(place->key, wanted->key, sizeof place->key))
            return place;
        if (best->generation != wanted->generation)
            continue;
        if (is_empty || place->claims.expires_at_s < best->claims.expires_at_s)
            best = place;
    }
    return best;
}

void auth_memory_keep(struct auth_memory *memory, const struct auth_memory_place *place,
                      const struct auth_claims *claims)
{
    size_t set = set_of(memory, place->key);
    struct place *places = lock_set(memory, set);
    // What came too late is worth nothing and must not take the place of what is.
    if (place->generation == atomic_load(&memory->generation)) {
        struct place *chosen = choose(places, place);
        memcpy(chosen->key, place->key, sizeof chosen->key);
        chosen->generation = place->generation;
        chosen->claims = *claims;
    }
    unlock_set(memory, set);
}

void auth_memory_flush(struct auth_memory *memory)
{
    atomic_fetch_add(&memory->generation, 1);
}

size_t auth_memory_count(struct auth_memory *memory, int64_t now_s)
{
    uint64_t generation = atomic_load(&memory->generation);
    size_t count = 0;
    for (size_t set = 0; set < memory->sets; set++) {
        const struct place *places = lock_set(memory, set);
        for (size_t i = 0; i < WAYS; i++)
            count +=
                places[i].generation == generation && places[i].claims.expires_at_s > now_s ? 1 : 0;
        unlock_set(memory, set);
    }
    return count;
}
