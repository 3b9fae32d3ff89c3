// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

// The address of a server, taken apart. For this module's files and their tests. Pure; any thread.

enum { ADDRESS_MAX = 512 }; // bytes of a URL

struct address {
    bool is_https;
    bool is_private;   // the host is a number of this machine or of a private network, or localhost
    struct bytes base; // without slashes at its end, borrowed
    bool has_path;
};

// http://host[:port][/path] or https://..; ERR_REJECT: something else, a user or password, a query
// or a fragment (they end in logs). The sentence does not show the address.
MUST_CHECK enum err address_parse(const char *url, struct address *ret, struct why *why);
