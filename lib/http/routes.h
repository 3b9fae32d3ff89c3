// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "http/server.h"

// Shared by the .c files of this module only: the table of routes, made ready for looking up, and
// paths decoded as strictly as the table is. Once made, any thread.

enum { ROUTES_SEGMENTS_MAX = 16, ROUTES_METHODS = 5 };

// A path that is cut at its slashes and decoded into memory of its own.
struct routes_path {
    struct bytes segments[ROUTES_SEGMENTS_MAX]; // NUL or '/' behind each
    size_t count;
};

struct routes;
struct routes_place; // the routes that share a path, for other methods each

// Asserts that the table is sound: paths begin with '/', no method twice for a path.
struct routes *routes_new(const struct http_route *table, size_t count);
void routes_free(struct routes *routes);

// Cuts and decodes `path`, which begins with '/', into `room` (strlen(path) + 1 bytes). False where
// it is not a path that we serve: a character that must be written as %XX, %XX that is malformed,
// encoded twice, or stands for a control character; "." or ".." between slashes, in whatever
// spelling; no UTF-8. Longer than ROUTES_SEGMENTS_MAX segments: true with count 0.
bool routes_decode(const char *path, char *room, struct routes_path *ret);

// The place of this path, or NULL. Where several match, one that has the method comes before one
// that has not, and among these what is literal before what is not.
const struct routes_place *routes_find(const struct routes *routes, const struct routes_path *path,
                                       const char *method);

// The route of this place and method, NULL where there is none; HEAD is GET's.
const struct http_route *routes_of(const struct routes_place *place, const char *method);
const char *routes_allowed(const struct routes_place *place); // "GET, HEAD, OPTIONS"

// Where {name} stands in the place of the route: the segment, or the rest from it on.
struct bytes routes_param(const struct routes_place *place, const struct http_route *route,
                          const struct routes_path *path, const char *name);
// Puts a NUL behind every segment that is a parameter.
void routes_cut(const struct routes_place *place, const struct routes_path *path);
