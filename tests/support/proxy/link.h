// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/answer.h"

// One connection through the proxy: a client, a server, and what is on its way between them. The
// owner polls the sockets and calls the functions; nothing here blocks. One thread.

enum { LINK_KEYS = 128, LINK_QUEUE_BYTES = 1 << 20 };

struct chunk {
    struct chunk *next;
    int64_t due_ms; // not to be sent before
    size_t at, len;
    uint8_t data[];
};

// What is on its way in one direction.
struct flow {
    struct chunk *first, *last;
    size_t queued; // bytes
    int64_t due_ms;
    bool is_ended; // the sender has sent its last byte
    bool is_shut;  // and the receiver knows
};

// What happens to all connections, set by the control port.
struct faults {
    int64_t delay_ms, jitter_ms;
    bool is_blackhole; // nothing passes, and nobody is told
    bool refuses;      // new connections are closed at once
    int hold_key;      // the next request with this ApiKey is kept back; -1: none
    int hold_skip;     // after so many others with it
    int error_key;     // the answer to the next request with this ApiKey gets error_code; -1: none
    int error_skip, error_code;
    bool errors_last; // and the answers to those behind it
};

struct link {
    int client, server; // -1: closed
    struct flow up, down;
    bool is_kafka;
    uint8_t head[12]; // of the request that is coming: length, ApiKey, version, correlation id
    size_t head_len, body_left;
    struct answers answers;
    bool is_held; // a request and all behind it are kept back
    struct chunk *kept, *kept_last;
    bool was_answered; // after its client had gone
};

// Takes both sockets over; they are made non-blocking.
struct link *link_new(int client, int server, bool is_kafka);
void link_free(struct link *link);
// With a reset for both sides.
void link_cut(struct link *link);
// Reads what a side has sent. False: the connection is broken.
bool link_read_client(struct link *link, struct faults *faults, int64_t now_ms,
                      uint64_t requests[LINK_KEYS]);
bool link_read_server(struct link *link, const struct faults *faults, int64_t now_ms,
                      uint64_t *ret_errors); // grows with each answer that was changed
// Sends what is due. False: the connection is broken.
bool link_write(struct link *link, int64_t now_ms);
// When the first byte is due that can be sent: its time, or -1 where there is none.
int64_t link_due_ms(const struct flow *flow);
// Ends one direction as if the sender had closed it.
void link_end(struct flow *flow);
// What was kept back goes on its way.
void link_release(struct link *link, int64_t now_ms);
bool link_is_over(const struct link *link);
