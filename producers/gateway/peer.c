// SPDX-License-Identifier: MIT
#include "peer.h"

#include <stdio.h>
#include <string.h>

#include "gateway.h"

static bool is_proxy(const char *list, const char *address)
{
    size_t address_len = strlen(address);
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        if (len == address_len && strncmp(list, address, len) == 0)
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

// What stands last was put there by the proxy itself; everything before it came from its client.
const char *peer_address(const struct gateway *gateway, const struct http_exchange *exchange,
                         char out[HTTP_PEER_MAX])
{
    http_peer(exchange, out);
    const char *forwarded = http_header(exchange, "X-Forwarded-For");
    if (forwarded == NULL || http_header_count(exchange, "X-Forwarded-For") > 1 ||
        !is_proxy(gateway->settings.trusted_proxies, out))
        return out;
    const char *comma = strrchr(forwarded, ',');
    const char *last = comma == NULL ? forwarded : comma + 1;
    last += strspn(last, " \t");
    size_t len = strcspn(last, " \t");
    if (len > 0 && len < HTTP_PEER_MAX) {
        memcpy(out, last, len);
        out[len] = '\0';
    }
    return out;
}
