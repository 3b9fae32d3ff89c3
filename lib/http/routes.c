// SPDX-License-Identifier: MIT
#include "http/routes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/percent.h"

// Few routes: a place is looked up by trying them all, the most literal first, so that the first
// that matches is the right one. A path is decoded once, segment by segment, so that a %2F inside
// of one is text and no border; what two readers could take for different paths is refused.

enum segment_kind { SEGMENT_LITERAL = 'a', SEGMENT_PARAM, SEGMENT_REST }; // in this order of choice

static const char *const methods[ROUTES_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

struct routes_place {
    char kinds[ROUTES_SEGMENTS_MAX + 1]; // of enum segment_kind, as a string
    struct bytes literals[ROUTES_SEGMENTS_MAX];
    size_t count;
    const struct http_route *routes[ROUTES_METHODS];
    char allowed[64];
};

struct routes {
    struct routes_place *places;
    size_t count;
};

// ---- the table

static struct bytes next_segment(const char **at)
{
    assert(**at == '/');
    const char *begin = *at + 1, *end = strchrnul(begin, '/');
    *at = end;
    return bytes_of(begin, (size_t)(end - begin));
}

static enum segment_kind kind_of(struct bytes segment)
{
    if (segment.len == 0 || segment.data[0] != '{')
        return SEGMENT_LITERAL;
    assert(segment.len > 2 && segment.data[segment.len - 1] == '}');
    return segment.data[segment.len - 2] == '*' ? SEGMENT_REST : SEGMENT_PARAM;
}

static void cut_pattern(struct routes_place *place, const char *pattern)
{
    *place = (struct routes_place){.count = 0};
    for (const char *at = pattern; *at != '\0'; place->count++) {
        assert(place->count < ROUTES_SEGMENTS_MAX);
        struct bytes segment = next_segment(&at);
        place->literals[place->count] = segment;
        place->kinds[place->count] = (char)kind_of(segment);
        assert(place->kinds[place->count] != SEGMENT_REST || *at == '\0');
    }
}

static bool is_same_pattern(const struct routes_place *a, const struct routes_place *b)
{
    bool is_same = strcmp(a->kinds, b->kinds) == 0;
    for (size_t i = 0; i < a->count && is_same; i++)
        is_same = a->kinds[i] != SEGMENT_LITERAL || bytes_equal(a->literals[i], b->literals[i]);
    return is_same;
}

static int by_choice(const void *left, const void *right)
{
    const struct routes_place *a = left, *b = right;
    return strcmp(a->kinds, b->kinds);
}

static size_t method_at(const char *method)
{
    for (size_t i = 0; i < ROUTES_METHODS; i++)
        if (strcmp(methods[i], method) == 0)
            return i;
    return ROUTES_METHODS;
}

static void write_allowed(struct routes_place *place)
{
    for (size_t i = 0; i < ROUTES_METHODS; i++)
        if (place->routes[i] != NULL) {
            strcat(place->allowed, methods[i]);
            strcat(place->allowed, i == 0 ? ", HEAD, " : ", ");
        }
    strcat(place->allowed, "OPTIONS");
}

struct routes *routes_new(const struct http_route *table, size_t count)
{
    struct routes *routes = mem_zalloc(sizeof *routes);
    routes->places = mem_array(count, sizeof *routes->places);
    for (size_t i = 0; i < count; i++) {
        struct routes_place place;
        cut_pattern(&place, table[i].path);
        size_t at = 0, method = method_at(table[i].method);
        while (at < routes->count && !is_same_pattern(&routes->places[at], &place))
            at++;
        if (at == routes->count)
            routes->places[routes->count++] = place;
        assert(method < ROUTES_METHODS && table[i].handler != NULL);
        assert(routes->places[at].routes[method] == NULL);
        routes->places[at].routes[method] = &table[i];
    }
    for (size_t i = 0; i < routes->count; i++)
        write_allowed(&routes->places[i]);
    qsort(routes->places, routes->count, sizeof *routes->places, by_choice);
    return routes;
}

void routes_free(struct routes *routes)
{
    if (routes == NULL)
        return;
    mem_free_p(&routes->places);
    mem_free_p(&routes);
}

// ---- paths

// What may stand in a path as it is (RFC 3986: pchar, '%' aside): letters, digits,
// -._~!$&'()*+,;=:@
static bool is_path_char(char c)
{
    static const uint64_t bits[2] = {0x2fff7fd200000000, 0x47fffffe87ffffff};
    return (uint8_t)c < 128 && (bits[(uint8_t)c / 64] >> ((uint8_t)c % 64) & 1) != 0;
}

// Decodes until '/' or the end; false where that is refused.
static bool decode_segment(const char **from, char **to)
{
    const char *in = *from;
    char *out = *to;
    for (; *in != '\0' && *in != '/'; out++) {
        if (*in != '%') {
            if (!is_path_char(*in))
                return false;
            *out = *in++;
            continue;
        }
        int byte = percent_byte(in + 1);
        if (!percent_is_printable(byte))
            return false;
        *out = (char)byte;
        in += 3;
    }
    *from = in;
    *to = out;
    return true;
}

// No "." nor ".." between slashes of either kind, and nothing that a second decoding would change.
static bool is_plain(struct bytes segment)
{
    const char *text = (const char *)segment.data;
    if (memchr(text, '%', segment.len) != NULL)
        for (size_t i = 0; i + 2 < segment.len; i++)
            if (text[i] == '%' && percent_byte(text + i + 1) >= 0)
                return false;
    if (memchr(text, '.', segment.len) == NULL)
        return utf8_is_valid(segment);
    for (size_t begin = 0, i = 0; i <= segment.len; i++)
        if (i == segment.len || text[i] == '/' || text[i] == '\\') {
            size_t len = i - begin;
            if ((len == 1 || len == 2) && memcmp(text + begin, "..", len) == 0)
                return false;
            begin = i + 1;
        }
    return utf8_is_valid(segment);
}

bool routes_decode(const char *path, char *room, struct routes_path *ret)
{
    ret->count = 0;
    char *out = room;
    size_t count = 0;
    for (const char *in = path; *in != '\0'; count++) {
        in++; // the slash
        char *begin = out;
        if (!decode_segment(&in, &out) || !is_plain(bytes_of(begin, (size_t)(out - begin))))
            return false;
        if (count < ROUTES_SEGMENTS_MAX)
            ret->segments[count] = bytes_of(begin, (size_t)(out - begin));
        *out++ = *in == '\0' ? '\0' : '/';
    }
    ret->count = count <= ROUTES_SEGMENTS_MAX ? count : 0;
    return true;
}

// ---- looking up

static bool matches(const struct routes_place *place, const struct routes_path *path)
{
    for (size_t i = 0; i < place->count; i++) {
        if (i == path->count)
            return false;
        bool is_literal = place->kinds[i] == SEGMENT_LITERAL;
        const struct bytes *literal = &place->literals[i], *segment = &path->segments[i];
        if (is_literal ? literal->len != segment->len ||
                             memcmp(literal->data, segment->data, segment->len) != 0
                       : segment->len == 0)
            return false;
        if (place->kinds[i] == SEGMENT_REST) {
            for (size_t rest = i + 1; rest < path->count; rest++)
                if (path->segments[rest].len == 0)
                    return false;
            return true;
        }
    }
    return place->count == path->count;
}

const struct routes_place *routes_find(const struct routes *routes, const struct routes_path *path,
                                       const char *method)
{
    const struct routes_place *other = NULL;
    for (size_t i = 0; i < routes->count; i++) {
        const struct routes_place *place = &routes->places[i];
        if (!matches(place, path))
            continue;
        if (routes_of(place, method) != NULL)
            return place;
        other = other != NULL ? other : place;
    }
    return other;
}

const struct http_route *routes_of(const struct routes_place *place, const char *method)
{
    size_t at = method_at(strcmp(method, "HEAD") == 0 ? "GET" : method);
    return at < ROUTES_METHODS ? place->routes[at] : NULL;
}

const char *routes_allowed(const struct routes_place *place)
{
    return place->allowed;
}

struct bytes routes_param(const struct routes_place *place, const struct http_route *route,
                          const struct routes_path *path, const char *name)
{
    size_t len = strlen(name), i = 0;
    for (const char *at = route->path; *at != '\0'; i++) {
        struct bytes segment = next_segment(&at); // "{name}" or "{name*}"
        if (place->kinds[i] == SEGMENT_LITERAL ||
            segment.len != len + 2 + (place->kinds[i] == SEGMENT_REST) ||
            memcmp(segment.data + 1, name, len) != 0)
            continue;
        size_t last = place->kinds[i] == SEGMENT_REST ? path->count - 1 : i;
        const uint8_t *end = path->segments[last].data + path->segments[last].len;
        return bytes_of(path->segments[i].data, (size_t)(end - path->segments[i].data));
    }
    assert(!"the route has such a parameter");
    return (struct bytes){0};
}

void routes_cut(const struct routes_place *place, const struct routes_path *path)
{
    for (size_t i = 0; i < place->count; i++)
        if (place->kinds[i] == SEGMENT_PARAM) {
            const struct bytes *segment = &path->segments[i];
            // The room is the caller's, who gave it to be written to.
            *((char *)(uintptr_t)segment->data + segment->len) = '\0';
        }
}
