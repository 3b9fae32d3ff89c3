// SPDX-License-Identifier: MIT
#pragma once

// A header field, of requests that the clients here send and of answers that the server gives.

struct http_header {
    const char *name, *value; // printable, none of them empty
};
