// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/sessions.h"
#include "support/gateway_pg.h"

#define NOW INT64_C(1790000000000)

static struct sessions_subjects subjects_of(const char *account, const char *address,
                                            const char *pair)
{
    struct sessions_subjects subjects = {{{0}}};
    const char *const all[SESSIONS_SCOPES] = {account, address, pair};
    for (size_t i = 0; i < SESSIONS_SCOPES; i++)
        if (all[i] != NULL)
            subjects.of[i] = b(all[i]);
    return subjects;
}

// One more failure, at NOW + the number of failures so far.
static void fail_once(void *context, enum sessions_scope scope, struct sessions_throttle *row)
{
    int *calls = context;
    calls[scope]++;
    *row = (struct sessions_throttle){.is_there = true,
                                      .failures = row->failures + 1,
                                      .last_failure_ms = NOW + row->failures,
                                      .blocked_until_ms = NOW + 1000 * (row->failures + 1)};
}

static void start_anew(void *context, enum sessions_scope scope, struct sessions_throttle *row)
{
    (void)context;
    row->is_there = scope == SESSIONS_PAIR;
    row->failures = 0;
}

static void rows_move_as_they_are_told(void **state)
{
    (void)state;
    struct why why = {0};
    int calls[SESSIONS_SCOPES] = {0};
    struct sessions_throttle rows[SESSIONS_SCOPES];
    const struct sessions_subjects who = subjects_of("anna", "192.0.2.7", "anna 192.0.2.7");
    const struct sessions_subjects without = subjects_of("anna", "192.0.2.7", NULL);
    assert_ok(sessions_throttle_read(pg, &who, rows, &why), &why);
    for (size_t i = 0; i < SESSIONS_SCOPES; i++)
        assert_false(rows[i].is_there);

    assert_ok(sessions_throttle_move(pg, &without, fail_once, calls, NOW, rows, &why), &why);
    assert_ok(sessions_throttle_move(pg, &without, fail_once, calls, NOW, rows, &why), &why);
    assert_true(calls[SESSIONS_ACCOUNT] == 2 && calls[SESSIONS_PAIR] == 0);
    assert_true(rows[SESSIONS_ACCOUNT].failures == 2 && !rows[SESSIONS_PAIR].is_there);
    assert_ok(sessions_throttle_read(pg, &who, rows, &why), &why);
    for (size_t i = 0; i < SESSIONS_PAIR; i++)
        assert_true(rows[i].is_there && rows[i].failures == 2 &&
                    rows[i].last_failure_ms == NOW + 1 && rows[i].blocked_until_ms == NOW + 2000);
    assert_false(rows[SESSIONS_PAIR].is_there);

    // A success makes the pair known, and what goes leaves no row behind.
    assert_ok(sessions_throttle_move(pg, &who, start_anew, NULL, NOW, NULL, &why), &why);
    assert_ok(sessions_throttle_read(pg, &who, rows, &why), &why);
    assert_true(!rows[SESSIONS_ACCOUNT].is_there && !rows[SESSIONS_ADDRESS].is_there);
    assert_true(rows[SESSIONS_PAIR].is_there && rows[SESSIONS_PAIR].failures == 0);
    assert_int_equal(pg_value(pg, "SELECT count(*) FROM login_throttle"), 1);
    assert_int_equal(
        pg_value(pg, "SELECT extract(epoch FROM changed_at) * 1000 FROM login_throttle"), NOW);
}

static void a_known_row_is_told_from_a_new_one_also_without_failures(void **state)
{
    (void)state;
    struct why why = {0};
    int calls[SESSIONS_SCOPES] = {0};
    struct sessions_throttle rows[SESSIONS_SCOPES];
    const struct sessions_subjects pair = subjects_of(NULL, NULL, "anna 192.0.2.7");
    assert_ok(sessions_throttle_move(pg, &pair, start_anew, NULL, NOW, rows, &why), &why);
    assert_ok(sessions_throttle_move(pg, &pair, start_anew, NULL, NOW, rows, &why), &why);
    assert_true(rows[SESSIONS_PAIR].is_there);
    assert_ok(sessions_throttle_move(pg, &pair, fail_once, calls, NOW, rows, &why), &why);
    assert_true(rows[SESSIONS_PAIR].failures == 1);
    const struct sessions_subjects nobody = subjects_of(NULL, NULL, NULL);
    assert_ok(sessions_throttle_move(pg, &nobody, fail_once, calls, NOW, rows, &why), &why);
    assert_int_equal(calls[SESSIONS_PAIR], 1);
}

enum { TRIES = 25 };

// All from one address, each for two accounts in turn.
static void fail_often(struct rival *rival)
{
    int calls[SESSIONS_SCOPES] = {0};
    for (int i = 0; i < TRIES && rival->err == ERR_OK; i++) {
        const struct sessions_subjects who =
            subjects_of((i + (int)rival->number) % 2 == 0 ? "anna" : "bert", "192.0.2.7",
                        i % 2 == 0 ? "pair" : NULL);
        rival->err =
            sessions_throttle_move(rival->pg, &who, fail_once, calls, NOW, NULL, &rival->why);
    }
}

static void of_many_failures_at_once_none_is_lost(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    rivals_meet(rivals, RIVALS, fail_often, NULL);
    rivals_close(rivals);
    assert_int_equal(pg_value(pg, "SELECT failures FROM login_throttle WHERE scope = 'address'"),
                     RIVALS * TRIES);
    assert_int_equal(
        pg_value(pg, "SELECT sum(failures) FROM login_throttle WHERE scope = 'account'"),
        RIVALS * TRIES);
    assert_int_equal(pg_value(pg, "SELECT failures FROM login_throttle WHERE scope = 'pair'"),
                     RIVALS * (TRIES / 2 + 1));
}

static void fail_and_succeed(struct rival *rival)
{
    int calls[SESSIONS_SCOPES] = {0};
    const struct sessions_subjects who = subjects_of("anna", "192.0.2.7", "pair");
    for (int i = 0; i < TRIES && rival->err == ERR_OK; i++)
        rival->err = sessions_throttle_move(
            rival->pg, &who, (i + (int)rival->number) % 2 == 0 ? fail_once : start_anew, calls, NOW,
            NULL, &rival->why);
}

static void rows_that_come_and_go_at_once_stop_nobody(void **state)
{
    (void)state;
    struct why why = {0};
    struct sessions_throttle rows[SESSIONS_SCOPES];
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    rivals_meet(rivals, RIVALS, fail_and_succeed, NULL);
    rivals_close(rivals);
    const struct sessions_subjects who = subjects_of("anna", "192.0.2.7", "pair");
    assert_ok(sessions_throttle_move(pg, &who, start_anew, NULL, NOW, NULL, &why), &why);
    assert_ok(sessions_throttle_read(pg, &who, rows, &why), &why);
    assert_true(!rows[SESSIONS_ACCOUNT].is_there && rows[SESSIONS_PAIR].is_there);
}

static void a_restart_forgets_nothing(void **state)
{
    (void)state;
    struct why why = {0};
    int calls[SESSIONS_SCOPES] = {0};
    struct sessions_throttle rows[SESSIONS_SCOPES];
    const struct sessions_subjects who = subjects_of("anna", NULL, NULL);
    assert_ok(sessions_throttle_move(pg, &who, fail_once, calls, NOW, rows, &why), &why);
    pg_server_crash(server);
    pg_server_again(server);
    assert_err(sessions_throttle_move(pg, &who, fail_once, calls, NOW, rows, &why), ERR_RETRY,
               &why);
    assert_int_equal(calls[SESSIONS_ACCOUNT], 1);
    assert_ok(pg_connect(pg, &why), &why);
    assert_ok(sessions_throttle_read(pg, &who, rows, &why), &why);
    assert_true(rows[SESSIONS_ACCOUNT].is_there && rows[SESSIONS_ACCOUNT].failures == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(rows_move_as_they_are_told),
        IN_DATABASE(a_known_row_is_told_from_a_new_one_also_without_failures),
        IN_DATABASE(of_many_failures_at_once_none_is_lost),
        IN_DATABASE(rows_that_come_and_go_at_once_stop_nobody),
        IN_DATABASE(a_restart_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
