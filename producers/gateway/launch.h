// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ask.h"
#include "base/text.h"
#include "http/exchange.h"

// A call on its way through Kafka: what its headers ask for, its record with the address of the
// reply, and what is said where no result comes in time. Any thread.

struct gateway;

// What the headers of a call ask for: copies, since headers are gone once the exchange is
// suspended. Plain data.
enum { LAUNCH_KEY_MAX = 128, LAUNCH_TRACE_MAX = 128 };
struct launch_wishes {
    int64_t wait_ms;
    enum language language;
    char key[LAUNCH_KEY_MAX + 1];           // Idempotency-Key; empty: none
    char traceparent[LAUNCH_TRACE_MAX + 1]; // empty: none
};
// False: the exchange has its answer.
MUST_CHECK bool launch_read_wishes(const struct gateway *gateway, struct http_exchange *exchange,
                                   struct launch_wishes *ret);

// A new ask of this caller with a new id.
struct ask *launch_ask(struct http_exchange *exchange, enum requests_kind kind,
                       struct bytes employee_id, const struct launch_wishes *wishes);

struct launch {
    const char *topic;       // of the request
    const char *reply_topic; // and of the reply
    struct bytes message;    // borrowed for the call
    const char *traceparent; // empty: none
};
// Takes the ask and the exchange, which is suspended: sends the record, and whoever hears of its
// result, or of none, answers.
void launch(struct gateway *gateway, struct ask *ask, struct http_exchange *exchange,
            const struct launch *launch);

// The call came to nothing before anybody heard of it: its key is free again, in a moment.
void launch_release_key(struct gateway *gateway, const struct ask *ask);

// For pending_options.answer; the context is the gateway.
void launch_answer(void *context, const struct ask *ask, struct http_exchange *exchange,
                   enum decide_answer answer);
// Whether records can be sent; and whether their replies are read, too. False: the exchange has its
// answer.
MUST_CHECK bool launch_can_send(struct gateway *gateway, struct http_exchange *exchange);
MUST_CHECK bool launch_is_possible(struct gateway *gateway, struct http_exchange *exchange);
