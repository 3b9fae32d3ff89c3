// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

#include "auth/token.h"
#include "base/metrics.h"
#include "http/exchange.h"
#include "http/server.h"

// The table of routes (routes.def) and what stands in front of every handler: whose token it is,
// may this role do that, is the body of a type that is read. Any thread.

struct gateway;

// The server's table; static.
const struct http_route *routes_table(size_t *ret_count);
// What is over, counted by route and status: the server calls routes_finished with the gateway.
struct tally;
struct tally *routes_tally_new(struct metrics *metrics); // freed by free()
void routes_finished(void *context, const struct http_finished *finished);

// Who calls, in a handler of a route that is not open.
const struct auth_claims *routes_caller(struct http_exchange *exchange);
// The id as the log and tables have it; lives as long as the exchange.
struct bytes routes_user(struct http_exchange *exchange);
// The rest of the exchange's scratch memory, for the handler.
enum { ROUTES_SCRATCH_BYTES = 96 };
void *routes_scratch(struct http_exchange *exchange);
