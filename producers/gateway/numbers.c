// SPDX-License-Identifier: MIT
// Blocks of numbers in a ring. Where half of the wanted ones are gone, a job of the database takes
// more, one statement a block; how many are wanted follows from how long the last ones lasted.

#include "numbers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "decide.h"
#include "store/leases.h"

struct numbers {
    struct database_job job; // first: the pool gives it back
    struct database *database;
    pthread_mutex_t lock;
    int64_t blocks[DECIDE_STOCK_MOST]; // first numbers
    int first, count;                  // of the ring
    int used;                          // of the first block
    int wanted;
    int64_t filled_ms;
    bool is_filling;
    int64_t fresh[DECIDE_STOCK_MOST]; // of the job
    int fresh_count, fresh_wanted;
};

// One that was taken before the connection was lost is kept: the next try takes the rest.
static enum err ask(struct database_job *job, struct pg *pg, struct why *why)
{
    struct numbers *numbers = (struct numbers *)job;
    enum err err = ERR_OK;
    while (err == ERR_OK && numbers->fresh_count < numbers->fresh_wanted) {
        err = leases_numbers(pg, &numbers->fresh[numbers->fresh_count], why);
        numbers->fresh_count += err == ERR_OK;
    }
    return err;
}

static void then(struct database_job *job, enum err err, const struct why *why)
{
    (void)err, (void)why; // what came is there; the rest is asked for by the next who takes
    struct numbers *numbers = (struct numbers *)job;
    pthread_mutex_lock(&numbers->lock);
    for (int i = 0; i < numbers->fresh_count; i++) {
        numbers->blocks[(numbers->first + numbers->count) % DECIDE_STOCK_MOST] = numbers->fresh[i];
        numbers->count++;
    }
    numbers->fresh_count = 0;
    numbers->is_filling = false;
    pthread_mutex_unlock(&numbers->lock);
}

// Under the lock. True: the caller hands the job to the database.
static bool wants_more(struct numbers *numbers)
{
    if (numbers->is_filling || numbers->count * 2 > numbers->wanted)
        return false;
    int64_t now_ms = clock_mono_ms();
    numbers->wanted = decide_stock(numbers->wanted, now_ms - numbers->filled_ms);
    numbers->filled_ms = now_ms;
    numbers->fresh_wanted = numbers->wanted - numbers->count;
    numbers->is_filling = true;
    return true;
}

static void fill(struct numbers *numbers)
{
    if (database_ask(numbers->database, &numbers->job))
        return;
    pthread_mutex_lock(&numbers->lock);
    numbers->is_filling = false;
    pthread_mutex_unlock(&numbers->lock);
}

struct numbers *numbers_new(struct database *database)
{
    struct numbers *numbers = mem_zalloc(sizeof *numbers);
    numbers->job.ask = ask;
    numbers->job.then = then;
    numbers->database = database;
    numbers->wanted = DECIDE_STOCK_LEAST;
    numbers->filled_ms = clock_mono_ms();
    pthread_mutex_init(&numbers->lock, NULL);
    return numbers;
}

void numbers_free(struct numbers *numbers)
{
    if (numbers == NULL)
        return;
    pthread_mutex_destroy(&numbers->lock);
    free(numbers);
}

bool numbers_take(struct numbers *numbers, int64_t *ret)
{
    pthread_mutex_lock(&numbers->lock);
    bool is_there = numbers->count > 0;
    if (is_there) {
        *ret = numbers->blocks[numbers->first] + numbers->used++;
        if (numbers->used == LEASES_NUMBERS) {
            numbers->used = 0;
            numbers->first = (numbers->first + 1) % DECIDE_STOCK_MOST;
            numbers->count--;
        }
    }
    bool is_low = wants_more(numbers);
    pthread_mutex_unlock(&numbers->lock);
    if (is_low)
        fill(numbers);
    return is_there;
}

// In a burst many come here at once, and each brings a block: those that find no room are lost.
enum err numbers_take_now(struct numbers *numbers, struct pg *pg, int64_t *ret, struct why *why)
{
    int64_t first = 0;
    if (numbers_take(numbers, ret))
        return ERR_OK;
    enum err err = leases_numbers(pg, &first, why);
    if (err != ERR_OK)
        return err;
    *ret = first;
    pthread_mutex_lock(&numbers->lock);
    // The job may come with as many as are wanted; room for them stays.
    bool has_room = numbers->used == 0 && numbers->count == 0 && !numbers->is_filling;
    if (has_room) {
        numbers->blocks[numbers->first] = first;
        numbers->count = 1;
        numbers->used = 1;
    }
    pthread_mutex_unlock(&numbers->lock);
    return ERR_OK;
}

void numbers_fill(struct numbers *numbers)
{
    pthread_mutex_lock(&numbers->lock);
    bool is_low = wants_more(numbers);
    pthread_mutex_unlock(&numbers->lock);
    if (is_low)
        fill(numbers);
}
