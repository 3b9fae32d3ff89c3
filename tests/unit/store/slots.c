// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/slots.h"
#include "support/pg.h"

static struct pg_server *server;

static int start(void **state)
{
    (void)state;
    server = pg_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pg_server_stop(server);
    return 0;
}

static bool is_owner(struct pg *pg, const char *slot, const char *owner)
{
    bool is_owned = false;
    struct why why = {0};
    assert_ok(slots_is_owner(pg, slot, owner, &is_owned, &why), &why);
    return is_owned;
}

static void who_takes_a_slot_last_owns_it(void **state)
{
    (void)state;
    CLEANUP(pg_close_p) struct pg *pg = pg_server_migrated(server);
    struct why why = {0};
    char first[SLOTS_OWNER_MAX], second[SLOTS_OWNER_MAX], other[SLOTS_OWNER_MAX];
    assert_false(is_owner(pg, "recorder-0", "nobody's"));
    assert_ok(slots_take(pg, "recorder-0", first, &why), &why);
    assert_ok(slots_take(pg, "recorder-1", other, &why), &why);
    assert_true(is_owner(pg, "recorder-0", first));
    assert_ok(slots_take(pg, "recorder-0", second, &why), &why);
    assert_string_not_equal(first, second);
    assert_false(is_owner(pg, "recorder-0", first));
    assert_true(is_owner(pg, "recorder-0", second));
    assert_true(is_owner(pg, "recorder-1", other));
    assert_false(is_owner(pg, "recorder-1", second));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_takes_a_slot_last_owns_it)};
    return cmocka_run_group_tests(tests, start, stop);
}
