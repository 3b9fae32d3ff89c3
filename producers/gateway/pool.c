// SPDX-License-Identifier: MIT
#include "pool.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"

struct pool {
    struct pool_options options;
    pthread_mutex_t lock;
    pthread_cond_t wakes;
    struct pool_job *first, **last;
    size_t waiting, idle;
    bool is_closing;
    size_t started;
    pthread_t threads[];
};

static struct pool_job *take(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle++;
    while (pool->first == NULL && !pool->is_closing)
        pthread_cond_wait(&pool->wakes, &pool->lock);
    pool->idle--;
    struct pool_job *job = pool->first;
    if (job != NULL) {
        pool->first = job->next;
        if (pool->first == NULL)
            pool->last = &pool->first;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *argument)
{
    struct pool *pool = argument;
    const struct pool_options *options = &pool->options;
    void *worker = options->enter == NULL ? NULL : options->enter(options->context);
    for (struct pool_job *job = take(pool); job != NULL; job = take(pool))
        job->run(job, worker);
    if (options->leave != NULL)
        options->leave(worker);
    return NULL;
}

enum err pool_start(const struct pool_options *options, struct pool **ret, struct why *why)
{
    CLEANUP(pool_free_p)
    struct pool *pool = mem_zalloc(sizeof *pool + options->threads * sizeof pool->threads[0]);
    pool->options = *options;
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wakes, NULL);
    for (; pool->started < options->threads; pool->started++)
        if (pthread_create(&pool->threads[pool->started], NULL, work, pool) != 0)
            return why_say(why, ERR_FATAL, "cannot start a thread");
    *ret = TAKE(pool);
    return ERR_OK;
}

void pool_stop(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->wakes);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->started; i++)
        pthread_join(pool->threads[i], NULL);
    pool->started = 0;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pool_stop(pool);
    pthread_cond_destroy(&pool->wakes);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

static bool put(struct pool *pool, struct pool_job *job, size_t most)
{
    pthread_mutex_lock(&pool->lock);
    bool is_taken = !pool->is_closing && pool->waiting < most + pool->idle;
    if (is_taken) {
        job->next = NULL;
        *pool->last = job;
        pool->last = &job->next;
        pool->waiting++;
        pthread_cond_signal(&pool->wakes);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_taken;
}

bool pool_put(struct pool *pool, struct pool_job *job)
{
    return put(pool, job, pool->options.queue_max);
}

bool pool_put_on(struct pool *pool, struct pool_job *job)
{
    return put(pool, job, SIZE_MAX / 2); // that many never wait
}

size_t pool_waiting(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    size_t waiting = pool->waiting;
    pthread_mutex_unlock(&pool->lock);
    return waiting;
}
