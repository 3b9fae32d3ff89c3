// SPDX-License-Identifier: MIT
// C11 threads for ThreadSanitizer. librdkafka starts threads and takes locks through <threads.h>;
// glibc implements those without calling the pthread functions by name, so the sanitizer, which
// replaces just these names, knows nothing of them and crashes in the first such thread. The
// functions here take the place of glibc's in sanitized programs (exported, hence -rdynamic) and
// call the pthread functions. They rely on glibc laying out mtx_t and cnd_t as its pthread types,
// which the assertions check in part.

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

#define EXPORTED __attribute__((visibility("default")))

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread mutex");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread condition");
static_assert(alignof(mtx_t) >= alignof(pthread_mutex_t), "mtx_t is a pthread mutex");
static_assert(alignof(cnd_t) >= alignof(pthread_cond_t), "cnd_t is a pthread condition");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t is a pthread id");

struct entry {
    thrd_start_t function;
    void *argument;
};

static pthread_mutex_t *mutex_of(mtx_t *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}

static pthread_cond_t *condition_of(cnd_t *condition)
{
    return (pthread_cond_t *)(void *)condition;
}

static int from_errno(int code)
{
    switch (code) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    case ENOMEM:
        return thrd_nomem;
    default:
        return thrd_error;
    }
}

static void *enter(void *argument)
{
    struct entry entry = *(struct entry *)argument;
    free(argument);
    return (void *)(intptr_t)entry.function(entry.argument);
}

EXPORTED int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    struct entry *entry = malloc(sizeof *entry);
    if (entry == NULL)
        return thrd_nomem;
    *entry = (struct entry){.function = function, .argument = argument};
    int code = pthread_create(thread, NULL, enter, entry);
    if (code != 0)
        free(entry);
    return from_errno(code);
}

EXPORTED int thrd_join(thrd_t thread, int *ret_result)
{
    void *result = NULL;
    int code = pthread_join(thread, &result);
    if (code == 0 && ret_result != NULL)
        *ret_result = (int)(intptr_t)result;
    return from_errno(code);
}

EXPORTED int thrd_detach(thrd_t thread)
{
    return from_errno(pthread_detach(thread));
}

EXPORTED int mtx_init(mtx_t *mutex, int kind)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if ((kind & mtx_recursive) != 0)
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int code = pthread_mutex_init(mutex_of(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return from_errno(code);
}

EXPORTED void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(mutex_of(mutex));
}

EXPORTED int mtx_lock(mtx_t *mutex)
{
    return from_errno(pthread_mutex_lock(mutex_of(mutex)));
}

EXPORTED int mtx_trylock(mtx_t *mutex)
{
    return from_errno(pthread_mutex_trylock(mutex_of(mutex)));
}

EXPORTED int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return from_errno(pthread_mutex_timedlock(mutex_of(mutex), until));
}

EXPORTED int mtx_unlock(mtx_t *mutex)
{
    return from_errno(pthread_mutex_unlock(mutex_of(mutex)));
}

EXPORTED int cnd_init(cnd_t *condition)
{
    return from_errno(pthread_cond_init(condition_of(condition), NULL));
}

EXPORTED void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy(condition_of(condition));
}

EXPORTED int cnd_signal(cnd_t *condition)
{
    return from_errno(pthread_cond_signal(condition_of(condition)));
}

EXPORTED int cnd_broadcast(cnd_t *condition)
{
    return from_errno(pthread_cond_broadcast(condition_of(condition)));
}

EXPORTED int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return from_errno(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

EXPORTED int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                           const struct timespec *restrict until)
{
    return from_errno(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}
