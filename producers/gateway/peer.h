// SPDX-License-Identifier: MIT
#pragma once

#include "http/exchange.h"

// Who calls, by address: that of the connection, or, where that is a proxy of ours, what the proxy
// says. Any thread.

struct gateway;

// Only in a handler: it reads headers.
const char *peer_address(const struct gateway *gateway, const struct http_exchange *exchange,
                         char out[HTTP_PEER_MAX]);
