// SPDX-License-Identifier: MIT
#include "throttling.h"

#include <stdio.h>
#include <string.h>

void throttling_init(struct throttling *throttling, const char *account, const char *address)
{
    memset(throttling, 0, sizeof *throttling);
    snprintf(throttling->account, sizeof throttling->account, "%s", account);
    if (!auth_throttle_address(address, throttling->address))
        throttling->address[0] = '\0';
    snprintf(throttling->pair, sizeof throttling->pair, "%s %s", throttling->account,
             throttling->address);
}

static struct sessions_subjects all_of(const struct throttling *throttling)
{
    struct sessions_subjects subjects = {0};
    subjects.of[SESSIONS_ACCOUNT] = bytes_from_string(throttling->account);
    if (throttling->address[0] == '\0')
        return subjects;
    subjects.of[SESSIONS_ADDRESS] = bytes_from_string(throttling->address);
    subjects.of[SESSIONS_PAIR] = bytes_from_string(throttling->pair);
    return subjects;
}

static enum auth_throttle_scope scope_of(enum sessions_scope scope)
{
    switch (scope) {
    case SESSIONS_ADDRESS:
        return AUTH_THROTTLE_ADDRESS;
    case SESSIONS_PAIR:
        return AUTH_THROTTLE_PAIR;
    case SESSIONS_ACCOUNT:
    case SESSIONS_SCOPES:
        break;
    }
    return AUTH_THROTTLE_ACCOUNT;
}

static struct auth_throttle row_of(const struct sessions_throttle *row)
{
    return (struct auth_throttle){row->failures, row->last_failure_ms, row->blocked_until_ms};
}

enum err throttling_look(struct throttling *throttling, struct pg *pg, int64_t now_ms,
                         int64_t *ret_wait_ms, struct why *why)
{
    struct sessions_subjects subjects = all_of(throttling);
    struct sessions_throttle rows[SESSIONS_SCOPES] = {0};
    enum err err = sessions_throttle_read(pg, &subjects, rows, why);
    if (err != ERR_OK)
        return err;
    throttling->has_pair = rows[SESSIONS_PAIR].is_there;
    // Where the pair is known, what others do to the account does not count.
    rows[SESSIONS_ACCOUNT] =
        throttling->has_pair ? (struct sessions_throttle){0} : rows[SESSIONS_ACCOUNT];
    *ret_wait_ms = 0;
    for (int scope = 0; scope < SESSIONS_SCOPES; scope++) {
        struct auth_throttle row = row_of(&rows[scope]);
        int64_t wait_ms = auth_throttle_wait_ms(&row, now_ms);
        *ret_wait_ms = wait_ms > *ret_wait_ms ? wait_ms : *ret_wait_ms;
    }
    return ERR_OK;
}

// Attempts that come at once are all looked at before the first is counted. Who of them is answered
// is decided here, one after the other under the rows' locks: else as many guesses were free at the
// end of each wait as passwords can be hashed at once.
struct count {
    bool is_right;
    int64_t now_ms;
    int64_t wait_ms; // that has begun since this attempt was looked at
};

static void move(void *context, enum sessions_scope scope, struct sessions_throttle *row)
{
    struct count *count = context;
    struct auth_throttle before = row_of(row);
    int64_t wait_ms = auth_throttle_wait_ms(&before, count->now_ms);
    count->wait_ms = wait_ms > count->wait_ms ? wait_ms : count->wait_ms;
    if (count->wait_ms > 0)
        return; // what a scope before this one has counted stays: a guess too many, told to nobody
    struct auth_throttle after =
        count->is_right ? auth_throttle_worked(scope_of(scope), &before, count->now_ms)
                        : auth_throttle_failed(scope_of(scope), &before, count->now_ms);
    // That of a pair says that it is known.
    row->is_there = scope == SESSIONS_PAIR ||
                    auth_throttle_counting(scope_of(scope), &after, count->now_ms) > 0;
    row->failures = after.failures;
    row->last_failure_ms = after.last_failure_ms;
    row->blocked_until_ms = after.blocked_until_ms;
}

enum err throttling_count(struct throttling *throttling, struct pg *pg, bool is_right,
                          int64_t now_ms, int64_t *ret_wait_ms, struct why *why)
{
    struct sessions_subjects subjects = all_of(throttling);
    struct count count = {.is_right = is_right, .now_ms = now_ms};
    if (throttling->has_pair)
        subjects.of[SESSIONS_ACCOUNT] = (struct bytes){0};
    else if (!is_right)
        subjects.of[SESSIONS_PAIR] = (struct bytes){0};
    enum err err = sessions_throttle_move(pg, &subjects, move, &count, now_ms, NULL, why);
    *ret_wait_ms = count.wait_ms;
    return err;
}
