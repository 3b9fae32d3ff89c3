// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "order.h"

enum { ENTRIES = 500, PEOPLE = 40 };

static struct order order;
static struct order_entry entries[ENTRIES];
static char names[PEOPLE][16];
static int owner[ENTRIES];
static bool is_in[ENTRIES];

static void the_earliest_of_an_employee_comes_first(void **state)
{
    (void)state;
    for (int i = 0; i < PEOPLE; i++)
        snprintf(names[i], sizeof names[i], "E%d", i);
    uint32_t random = 7;
    int entered = 0;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        int at = (int)(random >> 8) % ENTRIES;
        if (entered < ENTRIES && step % 3 == 0) {
            at = entered++;
            owner[at] = (int)(random >> 16) % PEOPLE;
            entries[at].employee_id = bytes_from_string(names[owner[at]]);
            order_enter(&order, &entries[at]);
            is_in[at] = true;
        } else if (is_in[at]) {
            bool was_first = order_is_first(&order, &entries[at]), has_next = false;
            for (int i = 0; i < entered; i++)
                has_next |= is_in[i] && i != at && owner[i] == owner[at];
            order.has_next = false;
            order_leave(&order, &entries[at]);
            is_in[at] = false;
            assert_int_equal(order.has_next, was_first && has_next);
        }
        int seen[PEOPLE] = {0};
        for (int i = 0; i < entered; i++)
            if (is_in[i])
                assert_int_equal(order_is_first(&order, &entries[i]), seen[owner[i]]++ == 0);
    }
    assert_int_equal(entered, ENTRIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_earliest_of_an_employee_comes_first)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
