// SPDX-License-Identifier: MIT
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "decide.h"
#include "domain/features.h"
#include "http/exchange.h"
#include "id.h"
#include "store/requests.h"

// One call that waits for its result: from the moment its record is handed to Kafka until its
// exchange is answered, and until Kafka and PostgreSQL have said what became of record and row. It
// is counted by those who hold it: the table of pending.h, the sender, the writer of rows. One
// block of memory.

struct gateway;

enum { ASK_USER_MAX = 64, ASK_SHA_HEX = 64 };

struct ask {
    char id[ID_LEN + 1]; // request id = correlation id = event id
    enum requests_kind kind;
    char user_id[ASK_USER_MAX + 1];
    char body_sha256[ASK_SHA_HEX + 1]; // empty: no key came with the call
    enum language language;            // of words in the answer
    int64_t created_at_ms;             // since 1970
    int64_t due_ms;                    // monotonic: the end of the wait
    struct bytes employee_id;          // behind the struct

    struct gateway *gateway; // launch.c's
    enum ask_unsent {
        ASK_GIVEN_UP,  // not acknowledged in time
        ASK_NOT_TAKEN, // Kafka is away
        ASK_NO_PLACE,  // too many wait to be sent
    } unsent;          // why, where its record was not sent

    // pending.c's, under its lock
    struct http_exchange *exchange; // until it is answered
    struct decide_ask state;
    struct ask *next_by_id;
    struct ask **slot_place, *slot_next; // of those that are to be looked at at one time
    struct ask *due_next;
    bool is_in_table;

    struct ask *row_next; // rows.c's
    atomic_int holders;
};

// `employee_id` is copied. Held once, by the caller.
struct ask *ask_new(enum requests_kind kind, struct bytes employee_id);
// The same call, once it is known whom it is about.
struct ask *ask_about(const struct ask *ask, struct bytes employee_id);
struct ask *ask_hold(struct ask *ask); // one holder more; gives the ask
void ask_drop(struct ask *ask);        // one less; the last one frees it. NULL is accepted
DEFINE_CLEANUP(struct ask, ask_drop)
