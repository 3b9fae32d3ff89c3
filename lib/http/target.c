// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/mem.h"
#include "http/percent.h"
#include "http/serving.h"

// A request's target, cut and decoded before libmicrohttpd changes it: it comes here raw. The
// exchange, the pairs of its query and every text of the target are one allocation; a request
// without body needs no other.
//
// Only the origin form is taken ("/path?query"): an absolute URI or an authority names a host once
// more, and a proxy in front may have looked at the other one.

enum { PAIRS_MAX = 64 };

// What may stand in a query as it is (RFC 3986: pchar, '/', '?'; '%' and '+' aside).
static bool is_query_char(char c)
{
    static const uint64_t bits[2] = {0xaffff7d200000000, 0x47fffffe87ffffff};
    return (uint8_t)c < 128 && (bits[(uint8_t)c / 64] >> ((uint8_t)c % 64) & 1) != 0;
}

// Decodes up to one of `ends` or the end into *to, a NUL behind; false where that is refused.
static bool decode(const char **from, const char *ends, char **to, struct bytes *ret)
{
    const char *in = *from;
    char *out = *to;
    while (*in != '\0' && strchr(ends, *in) == NULL) {
        char c = *in++;
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int byte = percent_byte(in);
            if (!percent_is_printable(byte))
                return false;
            c = (char)byte;
            in += 2;
        } else if (!is_query_char(c)) {
            return false;
        }
        *out++ = c;
    }
    *ret = bytes_of(*to, (size_t)(out - *to));
    *out++ = '\0';
    *from = in;
    *to = out;
    return utf8_is_valid(*ret);
}

static bool decode_query(struct http_exchange *exchange, const char *in, char *room)
{
    while (*in != '\0') {
        if (*in == '&') {
            in++;
            continue;
        }
        struct http_pair *pair = &exchange->query[exchange->query_count];
        pair->value = bytes_of("", 0);
        if (!decode(&in, "=&", &room, &pair->name))
            return false;
        if (*in == '=') {
            in++;
            if (!decode(&in, "&", &room, &pair->value))
                return false;
        }
        exchange->query_count++;
    }
    return true;
}

static size_t pairs_at_most(const char *query)
{
    size_t pairs = *query == '\0' ? 0 : 1;
    for (; (query = strchr(query, '&')) != NULL; query++)
        pairs++;
    return pairs;
}

struct http_exchange *target_new(const char *target)
{
    size_t len = strlen(target), path_len = strcspn(target, "?");
    const char *query = path_len < len ? target + path_len + 1 : "";
    size_t pairs = pairs_at_most(query);
    bool is_fine = target[0] == '/' && pairs <= PAIRS_MAX;
    pairs = is_fine ? pairs : 0;
    // path, path decoded, and the query decoded: each pair may need two NULs instead of '=' and '&'
    size_t texts = 2 * (path_len + 1) + (len - path_len) + 2;
    size_t pairs_bytes = pairs * sizeof(struct http_pair);
    // Not cleared as a whole: it is the one allocation of many a request.
    struct http_exchange *exchange = mem_grow(NULL, sizeof *exchange + pairs_bytes + texts, 1);
    memset(exchange, 0, sizeof *exchange);
    exchange->query = (void *)exchange->memory;
    exchange->path = exchange->memory + pairs_bytes;
    exchange->target_len = len;
    memcpy(exchange->path, target, path_len);
    exchange->path[path_len] = '\0';
    char *room = exchange->path + path_len + 1;
    exchange->is_target_bad = !is_fine ||
                              !routes_decode(exchange->path, room, &exchange->segments) ||
                              !decode_query(exchange, query, room + path_len + 1);
    return exchange;
}
