// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

// Whose turn it is: of one employee's unfinished tasks only the earliest is worked on, so that
// nobody is handled twice at once and the order per employee is kept. Without I/O; one thread.

struct order_entry {
    struct order_entry *newer; // in the same bucket
    struct bytes employee_id;  // borrowed; set before order_enter
};

enum { ORDER_BUCKETS = 4096 };

struct order {
    bool has_next; // an entry that waited for one that left has become the first of its employee;
                   // the caller sets it back
    struct order_bucket {
        struct order_entry *oldest, *newest;
    } buckets[ORDER_BUCKETS];
};

// Behind all that are there.
void order_enter(struct order *order, struct order_entry *entry);
void order_leave(struct order *order, struct order_entry *entry);
// No earlier entry is of the same employee.
bool order_is_first(const struct order *order, const struct order_entry *entry);
