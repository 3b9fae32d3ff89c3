// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "store/requests.h"

// What the gateway decides about a call, without I/O: pure functions, any thread.

// ---- how a call that waits is answered

struct decide_ask {
    bool has_reply;       // the committed result is here
    bool is_acknowledged; // the record is in Kafka
    bool is_unsent;       // it was given up, or refused
    bool is_stored;       // the row of http_request is durable
    bool is_due;          // the wait that was asked for is over
    bool is_overdue;      // and so is the time that a 202 may take to become true
};
enum decide_answer {
    DECIDE_WAIT,
    DECIDE_RESULT,   // with the result
    DECIDE_ACCEPTED, // 202: it is in Kafka and in the table, and will be found there
    DECIDE_UNSENT,   // 503: nobody knows that it is in Kafka
    DECIDE_UNSTORED, // 503: it is in Kafka, but the table does not know of it
};
enum decide_answer decide_ask(const struct decide_ask *ask);

// ---- what a request says

enum { DECIDE_WAIT_MOST_MS = 60000 };
// Prefer (RFC 7240): wait=N in seconds, at most DECIDE_WAIT_MOST_MS, or respond-async, which is
// wait=0; the first that counts. `prefer` NULL or without either: `standard_ms`, and *ret_is_asked
// is false.
int64_t decide_wait_ms(const char *prefer, int64_t standard_ms, bool *ret_is_asked);

// 1 to 128 printable ASCII characters without blanks.
bool decide_key_is_good(const char *key);

// W3C trace context, version 00 or a later one that begins alike: not all zeroes, lower case.
bool decide_traceparent_is_good(const char *traceparent);

// The media type of a Content-Type, without parameters, in any case: "application/json". A charset
// that is not UTF-8 is another type.
bool decide_type_is(const char *content_type, const char *wanted);
// True where an Accept names this media type (not by "*/*").
bool decide_accepts(const char *accept, const char *wanted);

// An id that the first RetentionAI would have written as a number: decimal, no leading zeros, below
// 2^53.
bool decide_id_is_number(struct bytes id);
// "score-requests/3/17", "employee-changes@2/0/9": what can be the id of a prediction or a plan.
bool decide_is_source_id(struct bytes id);

// ---- idempotency keys

enum decide_repeat {
    DECIDE_REPEAT_OTHER,   // the key belongs to another body
    DECIDE_REPEAT_RUNNING, // the first call has no result yet
    DECIDE_REPEAT_DONE,
    DECIDE_REPEAT_FAILED,
};
// What the row that holds the key means to a call with this hash of its body.
enum decide_repeat decide_repeat(const struct requests_row *row, struct bytes body_sha256);

// ---- numbers for people who come without an id

enum { DECIDE_STOCK_LEAST = 2, DECIDE_STOCK_MOST = 64 };
// How many blocks to keep from now on: more where the last ones went within a second, fewer where
// they lasted long.
int decide_stock(int blocks, int64_t lasted_ms);
