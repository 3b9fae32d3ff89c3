// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

// How long to wait between the end of a transaction and the begin of the next one. For this
// module's files and their tests only. Plain data, pure functions, times in microseconds of any
// clock that only grows.
//
// When a commit is answered the coordinator has yet to write the marks that end the transaction. A
// request of the next one that comes before it has done so is answered CONCURRENT_TRANSACTIONS, and
// librdkafka then waits for 20 ms: much longer than it takes. How long it takes depends on the
// brokers, on their load and on the number of partitions, so it is learned: the pause grows by half
// where a request came too early, and shrinks by a little with each one that did not. It settles
// where about one transaction in 400 comes too early.

struct bus_pace {
    int64_t pause_us;
    int64_t ended_us; // the last transaction that was committed; 0: none
};

enum { BUS_PACE_FIRST_US = 2000, BUS_PACE_LEAST_US = 200, BUS_PACE_MOST_US = 15000 };

void bus_pace_init(struct bus_pace *pace);
// A transaction was committed.
void bus_pace_end(struct bus_pace *pace, int64_t now_us);
// How long to wait before a begin at `now_us`; 0: no longer.
int64_t bus_pace_left_us(const struct bus_pace *pace, int64_t now_us);
// What the first request of the next transaction, sent at `sent_us`, was answered.
void bus_pace_learn(struct bus_pace *pace, int64_t sent_us, bool was_too_early);
