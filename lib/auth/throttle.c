// SPDX-License-Identifier: MIT
// A row is three numbers, and what it means now is computed from them: failures that still count
// are those that were not forgotten since the last one. Failures stop at the number whose wait is
// the longest, so that an attack of any length is forgotten in the same time after its end.

#include "auth/throttle.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS };

// Guesses for ever, each at the end of its wait: of an account one in 15 minutes, 96 a day, below
// the 100 in a row that NIST SP 800-63B allows at all; from an address, over all accounts, one
// in 5.
static const struct rule {
    const char *name;
    int free;         // failures before the first wait
    int64_t first_ms; // that wait; each further failure doubles it
    int64_t forget_ms;
} rules[AUTH_THROTTLE_SCOPES] = {
    [AUTH_THROTTLE_ACCOUNT] = {"account", 4, SECOND_MS, 15 * MINUTE_MS},
    [AUTH_THROTTLE_ADDRESS] = {"address", 20, SECOND_MS, 5 * MINUTE_MS},
    [AUTH_THROTTLE_PAIR] = {"pair", 4, SECOND_MS, 15 * MINUTE_MS},
};

const char *auth_throttle_scope_name(enum auth_throttle_scope scope)
{
    return rules[scope].name;
}

static int64_t wait_after(const struct rule *rule, int failures)
{
    int64_t wait_ms = failures > rule->free ? rule->first_ms : 0;
    for (int i = rule->free + 1; i < failures && wait_ms < AUTH_THROTTLE_WAIT_MOST_MS; i++)
        wait_ms *= 2;
    return wait_ms < AUTH_THROTTLE_WAIT_MOST_MS ? wait_ms : AUTH_THROTTLE_WAIT_MOST_MS;
}

// The row with what was forgotten taken out of it.
static struct auth_throttle as_of(const struct rule *rule, const struct auth_throttle *row,
                                  int64_t now_ms)
{
    struct auth_throttle now = *row;
    int64_t forgotten =
        now_ms > row->last_failure_ms ? (now_ms - row->last_failure_ms) / rule->forget_ms : 0;
    if (forgotten >= row->failures || row->failures <= 0)
        return (struct auth_throttle){.blocked_until_ms = row->blocked_until_ms};
    now.failures -= (int)forgotten;
    now.last_failure_ms += forgotten * rule->forget_ms;
    return now;
}

int64_t auth_throttle_wait_ms(const struct auth_throttle *row, int64_t now_ms)
{
    if (row->blocked_until_ms <= now_ms)
        return 0;
    int64_t wait_ms = row->blocked_until_ms - now_ms;
    return wait_ms < AUTH_THROTTLE_WAIT_MOST_MS ? wait_ms : AUTH_THROTTLE_WAIT_MOST_MS;
}

struct auth_throttle auth_throttle_failed(enum auth_throttle_scope scope,
                                          const struct auth_throttle *row, int64_t now_ms)
{
    const struct rule *rule = &rules[scope];
    struct auth_throttle now = as_of(rule, row, now_ms);
    if (wait_after(rule, now.failures) < AUTH_THROTTLE_WAIT_MOST_MS)
        now.failures++;
    now.last_failure_ms = now_ms;
    now.blocked_until_ms = now_ms + wait_after(rule, now.failures);
    return now;
}

struct auth_throttle auth_throttle_worked(enum auth_throttle_scope scope,
                                          const struct auth_throttle *row, int64_t now_ms)
{
    if (scope != AUTH_THROTTLE_ADDRESS)
        return (struct auth_throttle){0};
    struct auth_throttle now = as_of(&rules[scope], row, now_ms);
    now.failures -= now.failures > 0 ? 1 : 0;
    now.blocked_until_ms = 0;
    return now;
}

int auth_throttle_counting(enum auth_throttle_scope scope, const struct auth_throttle *row,
                           int64_t now_ms)
{
    return as_of(&rules[scope], row, now_ms).failures;
}

bool auth_throttle_address(const char *address, char ret[AUTH_THROTTLE_SUBJECT_MAX])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; // RFC 4291 section 2.5.5.2
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, address, &four) == 1)
        return inet_ntop(AF_INET, &four, ret, AUTH_THROTTLE_SUBJECT_MAX) != NULL;
    if (inet_pton(AF_INET6, address, &six) != 1)
        return false;
    if (memcmp(six.s6_addr, mapped, sizeof mapped) == 0)
        return inet_ntop(AF_INET, six.s6_addr + 12, ret, AUTH_THROTTLE_SUBJECT_MAX) != NULL;
    memset(six.s6_addr + 8, 0, 8);
    if (inet_ntop(AF_INET6, &six, ret, AUTH_THROTTLE_SUBJECT_MAX - 3) == NULL)
        return false;
    memcpy(ret + strlen(ret), "/64", 4);
    return true;
}
