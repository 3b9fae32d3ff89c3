// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>

#include "pool.h"

static atomic_int ran, entered, left;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void count(struct pool_job *job, void *worker)
{
    (void)job, (void)worker;
    atomic_fetch_add(&ran, 1);
}

static void wait_at_the_gate(struct pool_job *job, void *worker)
{
    count(job, worker);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void *enter(void *context)
{
    atomic_fetch_add(&entered, 1);
    return context;
}

static void leave(void *worker)
{
    (void)worker;
    atomic_fetch_add(&left, 1);
}

static struct pool *start(size_t threads, size_t queue)
{
    const struct pool_options options = {
        .threads = threads, .queue_max = queue, .enter = enter, .leave = leave, .context = &gate};
    struct pool *pool = NULL;
    struct why why = {0};
    atomic_store(&ran, 0);
    atomic_store(&entered, 0);
    atomic_store(&left, 0);
    assert_ok(pool_start(&options, &pool, &why), &why);
    return pool;
}

static void a_job_runs_once_also_where_the_pool_is_about_to_stop(void **state)
{
    (void)state;
    struct pool *pool = start(2, 100);
    struct pool_job jobs[100];
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        jobs[i].run = count;
        assert_true(pool_put(pool, &jobs[i]));
    }
    pool_stop(pool);
    assert_int_equal(atomic_load(&ran), 100);
    assert_int_equal(atomic_load(&entered), 2);
    assert_int_equal(atomic_load(&left), 2);
    assert_false(pool_put(pool, &jobs[0])); // it has stopped
    assert_false(pool_put_on(pool, &jobs[0]));
    pool_free(pool);
}

static void what_waits_is_bounded_but_for_what_was_let_in(void **state)
{
    (void)state;
    struct pool *pool = start(1, 2);
    struct pool_job jobs[5];
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        jobs[i].run = wait_at_the_gate;
    pthread_mutex_lock(&gate);
    assert_true(pool_put(pool, &jobs[0]));
    while (atomic_load(&ran) == 0) // its thread is at the gate
        sched_yield();
    assert_true(pool_put(pool, &jobs[1]));
    assert_true(pool_put(pool, &jobs[2]));
    assert_false(pool_put(pool, &jobs[3]));
    assert_int_equal(pool_waiting(pool), 2);
    assert_true(pool_put_on(pool, &jobs[4]));
    assert_int_equal(pool_waiting(pool), 3);
    pthread_mutex_unlock(&gate);
    pool_free(pool);
    assert_int_equal(atomic_load(&ran), 4);
}

static void without_a_queue_a_job_needs_an_idle_thread(void **state)
{
    (void)state;
    struct pool *pool = start(1, 0);
    struct pool_job jobs[2] = {{.run = wait_at_the_gate}, {.run = wait_at_the_gate}};
    pthread_mutex_lock(&gate);
    while (!pool_put(pool, &jobs[0])) // until its thread is there
        sched_yield();
    while (atomic_load(&ran) == 0)
        sched_yield();
    assert_false(pool_put(pool, &jobs[1]));
    pthread_mutex_unlock(&gate);
    pool_free(pool);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_once_also_where_the_pool_is_about_to_stop),
        cmocka_unit_test(what_waits_is_bounded_but_for_what_was_let_in),
        cmocka_unit_test(without_a_queue_a_job_needs_an_idle_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
