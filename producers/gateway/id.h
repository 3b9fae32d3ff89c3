// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// Ids of requests and events: a UUID of version 7 (RFC 9562), so that rows of one time stand
// together in an index. Any thread.

enum { ID_LEN = 36 };

// `now_ms`: since 1970.
void id_new(int64_t now_ms, char ret[ID_LEN + 1]);
