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
    int epoll, wake;  // the sockets that libcurl waits for; an eventfd
    int64_t timer_ms; // monotonic: when libcurl wants to be called; -1: it does not
};

// At most `connections`, in use or kept. False where the system gives none; drive_close is due then
// too. `drive` must not move.
bool drive_open(struct drive *drive, size_t connections);
void drive_close(struct drive *drive);

// Does what can be done now.
CURLMcode drive_run(struct drive *drive);

// Until there is something to do, `stop_fd` (-1: none) is readable, somebody wakes it, or `wait_ms`
// are over.
void drive_wait(const struct drive *drive, int stop_fd, int64_t wait_ms);

// Ends that wait, now or the next time; any thread.
void drive_wake(const struct drive *drive);
