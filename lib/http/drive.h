// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A multi handle of libcurl and what it waits for. libcurl says which sockets these are and until
// when, and is told which are ready (its "socket_action" interface): work is done for the calls
// that move, and not, as curl_multi_perform does, for all that are in flight. One thread, but for
// drive_wake.

struct drive {
    CURLM *curl;
    int epoll, wake;  // what is waited for: libcurl's sockets and the next two; an eventfd
    int stop_fd;      // readable: the program stops; -1: none, or it is known
    int64_t timer_ms; // monotonic: when libcurl wants to be called; -1: it does not
};

// At most `connections`, in use or kept. False where the system gives none; drive_close is due then
// too. `drive` must not move.
bool drive_open(struct drive *drive, size_t connections, int stop_fd);
void drive_close(struct drive *drive);

// Begins what was added to libcurl just now.
CURLMcode drive_begin(struct drive *drive);

// Waits until there is something to do, the program stops, somebody wakes it or `wait_ms` are over,
// and does what can be done then.
CURLMcode drive_run(struct drive *drive, int64_t wait_ms);

// Waits, whatever there is to do, until the program stops, somebody wakes it or `wait_ms` are over.
void drive_rest(const struct drive *drive, int64_t wait_ms);

// From now on a stop ends no wait.
void drive_forget_stop(struct drive *drive);

// Ends a wait, now or the next time; any thread.
void drive_wake(const struct drive *drive);
