// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "bus/client.h"

// A list of brokers as librdkafka reads it: [SCHEME://]host[:port], ... A name that is none would
// be looked up for ever.

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
static const char v6[] = "0123456789abcdefABCDEF:.";

static size_t scheme_len(struct bytes server)
{
    static const char *const schemes[] = {"PLAINTEXT://", "SSL://", "SASL_PLAINTEXT://",
                                          "SASL_SSL://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (server.len >= len && memcmp(server.data, schemes[i], len) == 0)
            return len;
    }
    return 0;
}

static bool is_all_of(struct bytes text, const char *set)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\0' || strchr(set, text.data[i]) == NULL)
            return false;
    return text.len > 0;
}

static bool is_port(struct bytes text)
{
    int64_t port = 0;
    return is_all_of(text, "0123456789") && parse_i64(text, 1, 65535, &port, NULL) == ERR_OK;
}

// Number of bytes of the host, brackets included; 0: there is none.
static size_t host_len(struct bytes server)
{
    const uint8_t *close = memchr(server.data, ']', server.len);
    if (server.len > 0 && server.data[0] == '[') {
        size_t len = close == NULL ? 0 : (size_t)(close - server.data) + 1;
        return len > 2 && is_all_of(bytes_of(server.data + 1, len - 2), v6) ? len : 0;
    }
    const uint8_t *colon = memchr(server.data, ':', server.len);
    size_t len = colon == NULL ? server.len : (size_t)(colon - server.data);
    return is_all_of(bytes_of(server.data, len), letters) ? len : 0;
}

static bool is_server(struct bytes server)
{
    size_t scheme = scheme_len(server);
    server = bytes_of(server.data + scheme, server.len - scheme);
    size_t host = server.len == 0 ? 0 : host_len(server);
    if (host == 0 || host == server.len)
        return host > 0;
    return server.data[host] == ':' &&
           is_port(bytes_of(server.data + host + 1, server.len - host - 1));
}

bool bus_servers_are_valid(const char *servers)
{
    for (const char *at = servers;;) {
        at += strspn(at, " ");
        size_t len = strcspn(at, ",");
        size_t end = len;
        while (end > 0 && at[end - 1] == ' ')
            end--;
        if (!is_server(bytes_of(at, end)))
            return false;
        if (at[len] == '\0')
            return true;
        at += len + 1;
    }
}
