// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/leases.h"
#include "support/gateway_pg.h"

enum { PARTITIONS = RIVALS, LEASE_MS = 60000 };

static bool take(const char *holder, int32_t *partition)
{
    struct why why = {0};
    bool is_taken = false;
    assert_ok(leases_take(pg, holder, PARTITIONS, LEASE_MS, &is_taken, partition, &why), &why);
    return is_taken;
}

static bool renew(const char *holder, int32_t partition)
{
    struct why why = {0};
    bool is_held = false;
    assert_ok(leases_renew(pg, holder, partition, LEASE_MS, &is_held, &why), &why);
    return is_held;
}

#define END_ALL_LEASES "UPDATE reply_lease SET leased_until = now() - interval '1 ms'"

static void each_partition_is_held_by_one_until_its_lease_is_over(void **state)
{
    (void)state;
    struct why why = {0};
    char holder[16];
    bool is_used[PARTITIONS] = {false};
    int32_t partition = -1, again = -1;
    for (int i = 0; i < PARTITIONS; i++) {
        snprintf(holder, sizeof holder, "g-%d", i);
        assert_true(take(holder, &partition));
        assert_true(partition >= 0 && partition < PARTITIONS && !is_used[partition]);
        is_used[partition] = true;
        assert_true(take(holder, &again)); // has one already
        assert_int_equal(partition, again);
    }
    assert_false(take("late", &partition));
    assert_true(take("g-3", &partition));
    assert_false(renew("late", partition));
    assert_ok(leases_release(pg, "late", partition, &why), &why); // is not its own
    assert_false(take("late", &again));
    assert_ok(leases_release(pg, "g-3", partition, &why), &why);
    assert_true(take("late", &again));
    assert_int_equal(partition, again);

    pg_must(pg, END_ALL_LEASES);
    assert_true(renew("late", partition)); // over, but nobody came
    assert_true(take("other", &again));
    assert_true(again != partition);
    assert_false(renew("g-3", partition));
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM reply_lease WHERE leased_until > now()"),
                     2);
}

struct taken {
    bool is_taken[RIVALS];
    int32_t partitions[RIVALS];
};

static void take_at_once(struct rival *rival)
{
    struct taken *taken = rival->context;
    char holder[16];
    snprintf(holder, sizeof holder, "g-%zu", rival->number);
    rival->err =
        leases_take(rival->pg, holder, PARTITIONS, LEASE_MS, &taken->is_taken[rival->number],
                    &taken->partitions[rival->number], &rival->why);
}

static void gateways_that_start_at_once_take_different_partitions(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    for (int i = 0; i < 40; i++) {
        struct taken taken = {.is_taken = {false}};
        bool is_used[PARTITIONS] = {false};
        // In turn none has a row, or all have one whose time is over and whose holder is gone.
        pg_must(pg, i % 2 == 0 ? "TRUNCATE reply_lease"
                               : END_ALL_LEASES "; UPDATE reply_lease SET holder = 'gone'");
        rivals_meet(rivals, RIVALS, take_at_once, &taken);
        for (size_t k = 0; k < RIVALS; k++) {
            assert_true(taken.is_taken[k] && !is_used[taken.partitions[k]]);
            is_used[taken.partitions[k]] = true;
        }
    }
    rivals_close(rivals);
}

enum { BLOCKS = 20 };

static void take_numbers(struct rival *rival)
{
    int64_t *firsts = (int64_t *)rival->context + rival->number * BLOCKS;
    for (int i = 0; i < BLOCKS && rival->err == ERR_OK; i++)
        rival->err = leases_numbers(rival->pg, &firsts[i], &rival->why);
}

static int compare_numbers(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, c = *(const int64_t *)right;
    return (a > c) - (a < c);
}

static void nobody_gets_a_number_that_another_has(void **state)
{
    (void)state;
    int64_t firsts[RIVALS * BLOCKS];
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    rivals_meet(rivals, RIVALS, take_numbers, firsts);
    rivals_close(rivals);
    qsort(firsts, RIVALS * BLOCKS, sizeof firsts[0], compare_numbers);
    assert_int_equal(firsts[0], 1000000000);
    for (int i = 1; i < RIVALS * BLOCKS; i++)
        assert_int_equal(firsts[i], firsts[i - 1] + LEASES_NUMBERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(each_partition_is_held_by_one_until_its_lease_is_over),
        IN_DATABASE(gateways_that_start_at_once_take_different_partitions),
        IN_DATABASE(nobody_gets_a_number_that_another_has),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
