// SPDX-License-Identifier: MIT
// A host is private by its number, never by its name: what a name stands for is decided somewhere
// else, and may change. "localhost" and names below it are this machine (RFC 6761 section 6.3).
#include "planner/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

// RFC 1918 and 127/8.
static bool is_private_v4(const char *host)
{
    struct in_addr number;
    if (inet_pton(AF_INET, host, &number) != 1)
        return false;
    uint32_t ip = ntohl(number.s_addr);
    return ip >> 24 == 127 || ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8;
}

// RFC 4193 and ::1.
static bool is_private_v6(const char *host)
{
    struct in6_addr number;
    if (inet_pton(AF_INET6, host, &number) != 1)
        return false;
    return (number.s6_addr[0] & 0xfe) == 0xfc ||
           memcmp(&number, &in6addr_loopback, sizeof number) == 0;
}

static bool is_private(const char *host)
{
    size_t len = strlen(host);
    bool is_local = strcasecmp(host, "localhost") == 0 ||
                    (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0);
    return is_local || is_private_v4(host) || is_private_v6(host);
}

// The host of "host:port" or "[::1]:port", without brackets. False: there is none.
static bool host_of(const char *authority, size_t len, char ret[ADDRESS_MAX + 1])
{
    const char *end = authority + len;
    bool is_number = len > 0 && authority[0] == '[';
    const char *from = is_number ? authority + 1 : authority;
    const char *to = memchr(from, is_number ? ']' : ':', (size_t)(end - from));
    if (is_number && to == NULL)
        return false;
    size_t size = (size_t)((to == NULL ? end : to) - from);
    memcpy(ret, from, size);
    ret[size] = '\0';
    return size > 0;
}

enum err address_parse(const char *url, struct address *ret, struct why *why)
{
    char host[ADDRESS_MAX + 1];
    size_t len = url == NULL ? 0 : strlen(url);
    if (len == 0 || len > ADDRESS_MAX)
        return why_say(why, ERR_REJECT, "is empty or longer than %d bytes", ADDRESS_MAX);
    for (size_t i = 0; i < len; i++)
        if (url[i] <= ' ' || url[i] >= 0x7f)
            return why_say(why, ERR_REJECT, "has a blank or a byte that a URL cannot have");
    struct address address = {.is_https = strncmp(url, "https://", 8) == 0};
    if (!address.is_https && strncmp(url, "http://", 7) != 0)
        return why_say(why, ERR_REJECT, "begins with neither https:// nor http://");
    if (strpbrk(url, "?#@") != NULL)
        return why_say(why, ERR_REJECT,
                       "has a user, a query or a fragment: a key never goes into an address");
    const char *authority = url + (address.is_https ? 8 : 7);
    size_t authority_len = strcspn(authority, "/");
    if (!host_of(authority, authority_len, host))
        return why_say(why, ERR_REJECT, "names no host");
    while (url[len - 1] == '/' && url + len > authority + authority_len)
        len--;
    address.is_private = is_private(host);
    address.base = bytes_of(url, len);
    address.has_path = url + len > authority + authority_len;
    *ret = address;
    return ERR_OK;
}
