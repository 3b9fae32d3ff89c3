// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

// How long somebody who gave wrong passwords waits before the next one is looked at. Failures are
// counted per account and per address; from a few on, each one doubles the wait, up to 15 minutes,
// and they are forgotten one by one as time goes by, so no lock-out lasts. An attempt that comes
// while it has to wait is answered at once, is not looked at and does not count: so nobody makes a
// wait longer by asking. Decisions only: the counts are the caller's (the table login_throttle).
// Pure; any thread. Times are milliseconds of one clock that all who count share.
//
// Somebody who fails for an account at the end of each wait could keep its owner out for as long as
// they go on. So who has logged in from an address before is counted as a pair of both: where there
// is a row of the pair, it takes the account's place, and what others do elsewhere does not count.

enum auth_throttle_scope {
    AUTH_THROTTLE_ACCOUNT, // of the username as given, whether it exists or not
    AUTH_THROTTLE_ADDRESS, // more are allowed: a house shares one
    AUTH_THROTTLE_PAIR,    // an account from an address that it was logged in from before
};
enum { AUTH_THROTTLE_SCOPES = AUTH_THROTTLE_PAIR + 1 };
const char *
auth_throttle_scope_name(enum auth_throttle_scope scope); // "account", "address", "pair"

enum { AUTH_THROTTLE_WAIT_MOST_MS = 15 * 60 * 1000 };

// A row; all zero: none yet.
struct auth_throttle {
    int failures;
    int64_t last_failure_ms;
    int64_t blocked_until_ms;
};

// 0: an attempt may be looked at now; else how long until it may. For several rows the longest
// counts. Never over AUTH_THROTTLE_WAIT_MOST_MS, also where the clock was set back.
int64_t auth_throttle_wait_ms(const struct auth_throttle *row, int64_t now_ms);
// The row after one more failure.
struct auth_throttle auth_throttle_failed(enum auth_throttle_scope scope,
                                          const struct auth_throttle *row, int64_t now_ms);
// The row after a success: an account and a pair start anew; an address forgets one failure only,
// or somebody with an account of their own could try others without end.
struct auth_throttle auth_throttle_worked(enum auth_throttle_scope scope,
                                          const struct auth_throttle *row, int64_t now_ms);
// How many failures still count, for those who keep rows: a row without any can go (that of a pair
// is kept, as it says that the pair is known).
int auth_throttle_counting(enum auth_throttle_scope scope, const struct auth_throttle *row,
                           int64_t now_ms);

// The subject of an address for its row: an IPv4 address as it is (also where it came inside an
// IPv6 one), of an IPv6 address its /64, which is what one customer has. False: no address.
enum { AUTH_THROTTLE_SUBJECT_MAX = 46 };
bool auth_throttle_address(const char *address, char ret[AUTH_THROTTLE_SUBJECT_MAX]);
