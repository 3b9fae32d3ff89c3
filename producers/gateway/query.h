// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "http/exchange.h"

// Query parameters of the lists, and their cursors: opaque text that says where the next page
// begins and of which list. Any thread.

// True where every parameter is one of the names, each once at most. False: the exchange has its
// answer.
MUST_CHECK bool query_is_known(struct http_exchange *exchange, const char *const *names,
                               size_t count);
// "limit": 1 to 200, 50 where it is not given. False: the exchange has its answer.
MUST_CHECK bool query_limit(struct http_exchange *exchange, size_t *ret);

// A place in a list: the last row of a page.
enum { QUERY_CURSOR_MAX = 1024, QUERY_PLACE_MAX = 512, QUERY_ID_MAX = 300 };
struct query_place {
    bool is_there; // else from the beginning
    uint64_t bits; // of a time in milliseconds or of a double
    char id[QUERY_ID_MAX + 1];
};
// `scope`: what the list is of (its path and filters); a cursor of another one is refused.
MUST_CHECK bool query_cursor(struct http_exchange *exchange, struct bytes scope,
                             struct query_place *ret);
void query_write_cursor(struct bytes scope, const struct query_place *place,
                        char ret[QUERY_CURSOR_MAX]);
