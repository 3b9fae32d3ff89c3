// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics.h"
#include "pending.h"

// Exchanges are never looked into here: numbers in their place tell them apart.

enum { CALLS = 4000, DUE_MS = 100 };

static const struct metric table[] = {
#define METRIC METRIC_ROW
#include "metrics.def"
#undef METRIC
};

static struct metrics *metrics;
static struct pending *pending;
static atomic_int answers[CALLS][DECIDE_UNSTORED + 1];
static atomic_int unsent_as[3];

static struct http_exchange *exchange_of(size_t number)
{
    return (struct http_exchange *)(uintptr_t)(number + 1);
}

static size_t number_of(const struct http_exchange *exchange)
{
    return (size_t)(uintptr_t)exchange - 1;
}

static void on_answer(void *context, const struct ask *ask, struct http_exchange *exchange,
                      enum decide_answer answer)
{
    (void)context;
    atomic_fetch_add(&answers[number_of(exchange)][answer], 1);
    if (answer == DECIDE_UNSENT)
        atomic_fetch_add(&unsent_as[ask->unsent], 1);
}

static int begin(void **state)
{
    (void)state;
    metrics = metrics_new(table, ARRAY_LEN(table));
    pending = pending_new(
        &(struct pending_options){.most = CALLS, .metrics = metrics, .answer = on_answer});
    memset(answers, 0, sizeof answers);
    memset(unsent_as, 0, sizeof unsent_as);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(pending_count(pending), 0);
    pending_free(pending);
    metrics_free(metrics);
    return 0;
}

static struct ask *call(size_t number, int64_t wait_ms)
{
    struct ask *ask = ask_new(REQUESTS_PREDICT, bytes_from_string("E1"));
    id_new(clock_real_ms(), ask->id);
    ask->due_ms = clock_mono_ms() + wait_ms;
    assert_true(pending_add(pending, ask, exchange_of(number)));
    return ask;
}

static int answered(size_t number)
{
    int sum = 0;
    for (int i = 0; i <= DECIDE_UNSTORED; i++)
        sum += atomic_load(&answers[number][i]);
    return sum;
}

static void a_result_goes_to_the_call_that_waits_for_it_once(void **state)
{
    (void)state;
    struct ask *first = call(0, 1000), *second = call(1, 1000), *found = NULL;
    struct http_exchange *exchange = pending_take(pending, bytes_of(second->id, ID_LEN), &found);
    assert_ptr_equal(exchange, exchange_of(1));
    assert_ptr_equal(found, second);
    ask_drop(found);
    assert_null(pending_take(pending, bytes_of(second->id, ID_LEN), &found));
    assert_null(pending_take(pending, bytes_from_string("nobody's"), &found));
    assert_null(pending_take(pending, (struct bytes){0}, &found));
    // What comes later says nothing any more.
    pending_acknowledged(pending, second);
    pending_stored(pending, second);
    pending_look(pending, second->due_ms + 60000);
    assert_int_equal(answered(1), 0);
    assert_int_equal(atomic_load(&answers[0][DECIDE_UNSENT]), 1);
    ask_drop(first);
    ask_drop(second);
}

static void a_wait_ends_with_accepted_once_both_have_told(void **state)
{
    (void)state;
    struct ask *ask = call(0, DUE_MS);
    pending_acknowledged(pending, ask);
    pending_look(pending, ask->due_ms - 50);
    assert_int_equal(answered(0), 0);
    pending_look(pending, ask->due_ms + 50);
    assert_int_equal(answered(0), 0); // the row is not stored yet
    pending_stored(pending, ask);
    assert_int_equal(atomic_load(&answers[0][DECIDE_ACCEPTED]), 1);
    assert_int_equal(answered(0), 1);
    ask_drop(ask);
}

static void a_call_that_does_not_wait_is_accepted_as_soon_as_it_can_be(void **state)
{
    (void)state;
    struct ask *ask = call(0, 0);
    pending_stored(pending, ask);
    assert_int_equal(answered(0), 0);
    pending_acknowledged(pending, ask);
    assert_int_equal(atomic_load(&answers[0][DECIDE_ACCEPTED]), 1);
    ask_drop(ask);
}

static void a_wait_without_word_ends_as_unavailable(void **state)
{
    (void)state;
    struct ask *unsent = call(0, DUE_MS), *unstored = call(1, DUE_MS);
    pending_acknowledged(pending, unstored);
    pending_look(pending, unsent->due_ms + 100);
    assert_int_equal(answered(0) + answered(1), 0);
    pending_look(pending, unsent->due_ms + 3000);
    assert_int_equal(atomic_load(&answers[0][DECIDE_UNSENT]), 1);
    assert_int_equal(atomic_load(&answers[1][DECIDE_UNSTORED]), 1);
    ask_drop(unsent);
    ask_drop(unstored);
}

static void a_record_that_is_not_taken_is_told_at_once_with_why(void **state)
{
    (void)state;
    struct ask *ask = call(0, 10000);
    pending_unsent(pending, ask, ASK_NO_PLACE);
    assert_int_equal(atomic_load(&answers[0][DECIDE_UNSENT]), 1);
    assert_int_equal(atomic_load(&unsent_as[ASK_NO_PLACE]), 1);
    ask_drop(ask);
}

static void a_full_table_takes_nothing(void **state)
{
    (void)state;
    static struct ask *asks[CALLS];
    for (size_t i = 0; i < CALLS; i++)
        asks[i] = call(i, 1000);
    struct ask *more = ask_new(REQUESTS_PLAN, (struct bytes){0});
    assert_false(pending_add(pending, more, exchange_of(0)));
    assert_int_equal(pending_count(pending), CALLS);
    ask_drop(more);
    pending_end(pending);
    for (size_t i = 0; i < CALLS; i++) {
        assert_int_equal(answered(i), 1);
        ask_drop(asks[i]);
    }
}

static void a_closed_table_ends_long_waits_and_takes_no_new_ones(void **state)
{
    (void)state;
    struct ask *longer = call(0, 60000), *shorter = call(1, 100);
    int64_t now_ms = clock_mono_ms();
    pending_acknowledged(pending, longer);
    pending_stored(pending, longer);
    pending_close(pending, now_ms + 500);
    struct ask *late = ask_new(REQUESTS_PREDICT, (struct bytes){0});
    assert_false(pending_add(pending, late, exchange_of(2)));
    ask_drop(late);
    pending_look(pending, now_ms + 1000);
    assert_int_equal(atomic_load(&answers[0][DECIDE_ACCEPTED]), 1);
    pending_look(pending, now_ms + 4000);
    assert_int_equal(answered(1), 1);
    ask_drop(longer);
    ask_drop(shorter);
}

// ---- many threads

static struct ask *shared[CALLS];
static atomic_int results;

static void *acknowledge(void *argument)
{
    (void)argument;
    for (size_t i = 0; i < CALLS; i++)
        pending_acknowledged(pending, shared[i]);
    return NULL;
}

static void *store(void *argument)
{
    (void)argument;
    for (size_t i = CALLS; i-- > 0;)
        pending_stored(pending, shared[i]);
    return NULL;
}

static void *reply(void *argument)
{
    (void)argument;
    for (size_t i = 0; i < CALLS; i += 2) {
        struct ask *found = NULL;
        if (pending_take(pending, bytes_of(shared[i]->id, ID_LEN), &found) == NULL)
            continue;
        atomic_fetch_add(&answers[i][DECIDE_RESULT], 1);
        atomic_fetch_add(&results, 1);
        ask_drop(found);
    }
    return NULL;
}

static void *look(void *argument)
{
    (void)argument;
    for (int64_t ms = 0; ms < 400; ms++)
        pending_look(pending, clock_mono_ms() + ms * 10);
    return NULL;
}

static void every_call_is_answered_once_whoever_comes_first(void **state)
{
    (void)state;
    static void *(*const threads[])(void *) = {acknowledge, store, reply, look, reply, look};
    pthread_t started[ARRAY_LEN(threads)];
    for (size_t i = 0; i < CALLS; i++)
        shared[i] = call(i, (int64_t)(i % 20));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&started[i], NULL, threads[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(started[i], NULL);
    pending_end(pending);
    for (size_t i = 0; i < CALLS; i++) {
        if (answered(i) != 1)
            fail_msg("call %zu has %d answers", i, answered(i));
        ask_drop(shared[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_result_goes_to_the_call_that_waits_for_it_once, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_wait_ends_with_accepted_once_both_have_told, begin, end),
        cmocka_unit_test_setup_teardown(a_call_that_does_not_wait_is_accepted_as_soon_as_it_can_be,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_wait_without_word_ends_as_unavailable, begin, end),
        cmocka_unit_test_setup_teardown(a_record_that_is_not_taken_is_told_at_once_with_why, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_full_table_takes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_table_ends_long_waits_and_takes_no_new_ones, begin,
                                        end),
        cmocka_unit_test_setup_teardown(every_call_is_answered_once_whoever_comes_first, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
