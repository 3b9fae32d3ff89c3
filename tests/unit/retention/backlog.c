// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "backlog.h"

static size_t dropped;

static void drop(struct backlog_item *item)
{
    dropped++;
    free(item);
}

static struct backlog_item *push(struct backlog *backlog, int64_t offset)
{
    struct backlog_item *item = mem_zalloc(sizeof *item);
    item->offset = offset;
    backlog_push(backlog, item);
    return item;
}

static void what_is_finished_waits_for_what_came_before(void **state)
{
    (void)state;
    CLEANUP(backlogs_done) struct backlogs backlogs = {.drop = drop};
    struct backlog *backlog = backlogs_open(&backlogs, "high-risk", 3);
    struct backlog_item *items[] = {push(backlog, 10), push(backlog, 11), push(backlog, 15)};
    items[1]->is_finished = items[2]->is_finished = true;
    assert_int_equal(backlog_finished(backlog, 10), 0);
    items[0]->is_finished = true;
    assert_int_equal(backlog_finished(backlog, 2), 2);
    assert_int_equal(backlog_finished(backlog, 10), 3);
    assert_int_equal(backlog_offset_after(backlog, 2), 12);
    assert_int_equal(backlog_offset_after(backlog, 3), 16);
    assert_int_equal(backlog->next, 16);
}

static void what_is_unfinished_before_an_offset_is_told(void **state)
{
    (void)state;
    CLEANUP(backlogs_done) struct backlogs backlogs = {.drop = drop};
    struct backlog *backlog = backlogs_open(&backlogs, "high-risk", 3);
    assert_true(backlog_is_finished_before(backlog, 7));
    push(backlog, 4)->is_finished = true;
    push(backlog, 6);
    assert_true(backlog_is_finished_before(backlog, 5));
    assert_true(backlog_is_finished_before(backlog, 6));
    assert_false(backlog_is_finished_before(backlog, 7));
    assert_true(backlog_is_finished_before(backlog, -1001)); // an offset that is not known
}

static void what_is_published_is_dropped(void **state)
{
    (void)state;
    CLEANUP(backlogs_done) struct backlogs backlogs = {.drop = drop};
    struct backlog *backlog = backlogs_open(&backlogs, "high-risk", 3);
    for (int64_t offset = 0; offset < 5; offset++)
        push(backlog, offset);
    dropped = 0;
    backlog_settle(&backlogs, backlog, 2);
    assert_int_equal(dropped, 2);
    assert_int_equal(backlog_at(backlog, 0)->offset, 2);
    backlog_settle(&backlogs, backlog, 1); // an older word
    assert_int_equal(dropped, 2);
    // Control records behind the last item are passed, too.
    backlog_settle(&backlogs, backlog, 9);
    assert_int_equal(dropped, 5);
    assert_int_equal(backlog->next, 9);
    assert_int_equal(backlogs_items(&backlogs), 0);
}

static void backlogs_are_told_apart_by_topic_and_partition(void **state)
{
    (void)state;
    CLEANUP(backlogs_done) struct backlogs backlogs = {.drop = drop};
    for (int32_t partition = 0; partition < 20; partition++) {
        push(backlogs_open(&backlogs, "high-risk", partition), partition);
        push(backlogs_open(&backlogs, "plan-requests", partition), 100 + partition);
    }
    for (int32_t partition = 0; partition < 20; partition++) {
        struct backlog *backlog = backlogs_find(&backlogs, "plan-requests", partition);
        assert_int_equal(backlog_at(backlog, 0)->offset, 100 + partition);
        assert_ptr_equal(backlogs_open(&backlogs, "plan-requests", partition), backlog);
    }
    assert_null(backlogs_find(&backlogs, "high-risk", 20));
    assert_null(backlogs_find(&backlogs, "predictions", 1));
    assert_int_equal(backlogs_items(&backlogs), 40);
    dropped = 0;
    backlogs_clear(&backlogs);
    assert_int_equal(dropped, 40);
    assert_null(backlogs_find(&backlogs, "high-risk", 1));
}

// A ring that moves on while it grows, beside what it must hold.
static void a_long_backlog_keeps_its_order(void **state)
{
    (void)state;
    CLEANUP(backlogs_done) struct backlogs backlogs = {.drop = drop};
    struct backlog *backlog = backlogs_open(&backlogs, "high-risk", 0);
    int64_t first = 0, next = 0;
    uint32_t random = 1;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        if (random >> 30 > 0 && next - first < 1000) {
            push(backlog, next)->is_finished = next % 7 != 3;
            next++;
        } else if (first < next) {
            first += 1 + (int64_t)(random >> 8) % (next - first);
            backlog_settle(&backlogs, backlog, first);
        }
        assert_int_equal(backlog->count, next - first);
        for (size_t at = 0; at < backlog->count; at++)
            assert_int_equal(backlog_at(backlog, at)->offset, first + (int64_t)at);
        size_t run = 0;
        while ((int64_t)run < next - first && (first + (int64_t)run) % 7 != 3)
            run++;
        assert_int_equal(backlog_finished(backlog, SIZE_MAX), run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_finished_waits_for_what_came_before),
        cmocka_unit_test(what_is_unfinished_before_an_offset_is_told),
        cmocka_unit_test(what_is_published_is_dropped),
        cmocka_unit_test(backlogs_are_told_apart_by_topic_and_partition),
        cmocka_unit_test(a_long_backlog_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
