// SPDX-License-Identifier: MIT
#include "routes.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "decide.h"
#include "gateway.h"
#include "handlers.h"
#include "limits.h"
#include "metrics.h"
#include "problem.h"

enum { BODY_BYTES = 64 * 1024, ROWS_BYTES = 16 * 1024 * 1024 };

enum who {
    OPEN = 0,
    PLANNERS = 1 << AUTH_ROLE_ADMIN | 1 << AUTH_ROLE_HR,
    READERS = PLANNERS | 1 << AUTH_ROLE_VIEWER,
    WRITERS = PLANNERS | 1 << AUTH_ROLE_SERVICE,
    RESULTS = READERS | WRITERS,
    EVERYBODY = RESULTS,
};

enum what { NOTHING, LISTING, JSON, MAYBE_JSON, ROWS };

struct route {
    const char *name; // the metrics' label
    gateway_handler *handler;
    enum who who;
    enum what what;
};

static const struct route routes[] = {
#define ROUTE(id, method, path, handler, who, what, bytes) {#id, handler, who, what},
#include "routes.def"
#undef ROUTE
};

static http_handler dispatch, gate;

static const struct http_route table[] = {
#define ROUTE(id, method, path, handler, who, what, bytes)                                         \
    {#method, path, dispatch, gate, bytes, 0, NULL},
#include "routes.def"
#undef ROUTE
};
static_assert(ARRAY_LEN(table) == ARRAY_LEN(routes), "one table");

const struct http_route *routes_table(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(table);
    return table;
}

static size_t place_of(const struct http_route *route)
{
    return (size_t)(route - table);
}

// ---- who calls

struct seen {
    _Alignas(16) uint8_t handlers[ROUTES_SCRATCH_BYTES];
    struct auth_claims claims;
    bool has_passed;
};
static_assert(sizeof(struct seen) <= HTTP_SCRATCH_BYTES, "it fits");

const struct auth_claims *routes_caller(struct http_exchange *exchange)
{
    const struct seen *seen = http_scratch(exchange);
    return &seen->claims;
}

struct bytes routes_user(struct http_exchange *exchange)
{
    return bytes_from_string(routes_caller(exchange)->subject);
}

void *routes_scratch(struct http_exchange *exchange)
{
    struct seen *seen = http_scratch(exchange);
    return seen->handlers;
}

static void refuse_role(struct http_exchange *exchange, enum who who)
{
    char roles[64] = "";
    for (int role = 0; role < AUTH_ROLES; role++)
        if ((who & (enum who)(1 << role)) != 0)
            snprintf(roles + strlen(roles), sizeof roles - strlen(roles), "%s%s",
                     roles[0] == '\0' ? "" : ", ", auth_role_name((enum auth_role)role));
    problem_answer(exchange, PROBLEM_ROLE_NOT_ALLOWED, "this needs one of the roles %s", roles);
}

// False: the exchange has its answer.
static bool check_caller(struct gateway *gateway, struct http_exchange *exchange,
                         const struct route *route)
{
    struct seen *seen = http_scratch(exchange);
    bool is_there = false;
    if (route->who == OPEN)
        return true;
    const char *authorization = http_header(exchange, "Authorization");
    if (http_header_count(exchange, "Authorization") > 1)
        authorization = NULL; // two are none
    if (!authority_check(gateway->authority, authorization, &seen->claims, &is_there)) {
        http_answer_fixed(exchange, is_there ? gateway->bad_token : gateway->no_token);
        return false;
    }
    if ((route->who & (enum who)(1 << seen->claims.role)) == 0) {
        refuse_role(exchange, route->who);
        return false;
    }
    return true;
}

// False: the exchange has its answer.
static bool check_limit(struct gateway *gateway, struct http_exchange *exchange,
                        const struct route *route)
{
    char text[64];
    struct limits_left left;
    int64_t most = gateway->settings.rate_limit;
    if (route->who == OPEN || gateway->limits == NULL)
        return true;
    bool is_taken = limits_take(gateway->limits, routes_user(exchange), clock_mono_ms(), &left);
    snprintf(text, sizeof text, "\"default\";q=%lld;w=%d", (long long)most,
             LIMITS_WINDOW_MS / 1000);
    http_add_header(exchange, "RateLimit-Policy", text);
    snprintf(text, sizeof text, "\"default\";r=%lld;t=%lld", (long long)left.requests,
             (long long)left.wait_s);
    http_add_header(exchange, "RateLimit", text);
    if (!is_taken)
        problem_answer_after(exchange, PROBLEM_RATE_LIMITED, left.wait_s,
                             "%lld requests in %d seconds", (long long)most,
                             LIMITS_WINDOW_MS / 1000);
    return is_taken;
}

static bool check_type(struct http_exchange *exchange, const struct route *route)
{
    const char *type = http_header(exchange, "Content-Type");
    switch (route->what) {
    case NOTHING:
    case LISTING:
        return true;
    case JSON:
        if (type != NULL && decide_type_is(type, "application/json"))
            return true;
        problem_answer(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "send the header Content-Type: application/json");
        return false;
    case MAYBE_JSON:
        if (type == NULL || decide_type_is(type, "application/json"))
            return true;
        problem_answer(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "send the header Content-Type: application/json");
        return false;
    case ROWS:
        if (type != NULL &&
            (decide_type_is(type, "application/x-ndjson") || decide_type_is(type, "text/csv")))
            return true;
        problem_answer(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                       "send JSON lines as application/x-ndjson, or text/csv");
        return false;
    }
    return true;
}

// No parameter is passed over in silence; those that have some check them themselves.
static bool check_query(struct http_exchange *exchange, const struct route *route)
{
    bool is_page = route->who == OPEN && route->what == NOTHING;
    if (route->what == LISTING || is_page || http_query_count(exchange) == 0)
        return true;
    struct bytes name = http_query_at(exchange, 0).name;
    problem_answer_field(exchange, name.len == 0 ? "?" : (const char *)name.data,
                         "unknown-parameter", "there are no parameters here");
    return false;
}

static bool has_passed(struct gateway *gateway, struct http_exchange *exchange)
{
    const struct route *route = &routes[place_of(http_route_of(exchange))];
    struct seen *seen = http_scratch(exchange);
    if (!seen->has_passed)
        seen->has_passed = check_caller(gateway, exchange, route) &&
                           check_limit(gateway, exchange, route) && check_type(exchange, route) &&
                           check_query(exchange, route);
    return seen->has_passed;
}

// Before the body is read: nobody sends megabytes to be told that they may not.
static void gate(struct http_exchange *exchange, void *context)
{
    IGNORE(has_passed(context, exchange)); // otherwise it was answered
}

static void dispatch(struct http_exchange *exchange, void *context)
{
    if (has_passed(context, exchange))
        routes[place_of(http_route_of(exchange))].handler(exchange, context);
}

// ---- what was answered

// Statuses that are counted by themselves; any other is "other".
static const unsigned statuses[] = {0,   200, 201, 202, 204, 207, 304, 400, 401, 403, 404, 405,
                                    408, 409, 413, 414, 415, 417, 422, 429, 431, 500, 501, 503};

static size_t place_of_status(unsigned status)
{
    size_t at = 0;
    while (at < ARRAY_LEN(statuses) && statuses[at] != status)
        at++;
    return at;
}

// The last row is for what has no route.
struct tally {
    struct metrics *metrics;
    _Atomic(struct metric_cell *) counts[ARRAY_LEN(table) + 1][ARRAY_LEN(statuses) + 1];
    struct metric_cell *times[ARRAY_LEN(table) + 1];
};

static const char *name_of(size_t place)
{
    return place == ARRAY_LEN(table) ? "none" : routes[place].name;
}

struct tally *routes_tally_new(struct metrics *metrics)
{
    struct tally *tally = mem_zalloc(sizeof *tally);
    tally->metrics = metrics;
    for (size_t i = 0; i < ARRAY_LEN(tally->times); i++)
        tally->times[i] = metrics_cell(metrics, METRIC_REQUEST_SECONDS, name_of(i), NULL);
    return tally;
}

void routes_finished(void *context, const struct http_finished *finished)
{
    struct tally *tally = ((struct gateway *)context)->tally;
    size_t route = finished->route == NULL ? ARRAY_LEN(table) : place_of(finished->route);
    size_t status = place_of_status(finished->status);
    struct metric_cell *count = atomic_load(&tally->counts[route][status]);
    if (count == NULL) { // two threads find the same one
        char text[12] = "other";
        if (status < ARRAY_LEN(statuses))
            snprintf(text, sizeof text, "%u", finished->status);
        count = metrics_cell(tally->metrics, METRIC_REQUESTS, name_of(route), text);
        atomic_store(&tally->counts[route][status], count);
    }
    metric_add(count, 1);
    metric_observe_ns(tally->times[route], finished->duration_ns);
}
