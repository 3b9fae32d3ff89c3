// SPDX-License-Identifier: MIT
#include "http/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/serving.h"

// Workers, and the door in front of them. The end is in this order: nobody comes in, exchanges end,
// then their connections do; a daemon of libmicrohttpd that is stopped while a connection is
// suspended would end the process.

enum {
    THREADS = 2,
    HEAD_BYTES = 8 * 1024,
    HEADERS = 100,
    CONNECTIONS = 8192,
    UNSENT_BYTES = 32 * 1024 * 1024,
    HEAD_MS = 10000,
    BODY_MS = 30000,
    WRITE_MS = 30000,
    IDLE_MS = 60000,
    CUT_MS = 2000, // for the answers of what was cut
};

// ---- start

static size_t size_or(size_t value, size_t fallback)
{
    return value > 0 ? value : fallback;
}

static int64_t ms_or(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

static void fill_options(struct http_server *server, const struct http_server_options *from)
{
    server->options = *from;
    struct http_server_options *options = &server->options;
    options->threads = from->threads > 0 ? from->threads : THREADS;
    options->head_bytes = size_or(from->head_bytes, HEAD_BYTES);
    options->headers_max = size_or(from->headers_max, HEADERS);
    options->connections_max = size_or(from->connections_max, CONNECTIONS);
    options->unsent_bytes = size_or(from->unsent_bytes, UNSENT_BYTES);
    options->head_timeout_ms = ms_or(from->head_timeout_ms, HEAD_MS);
    options->body_timeout_ms = ms_or(from->body_timeout_ms, BODY_MS);
    options->write_timeout_ms = ms_or(from->write_timeout_ms, WRITE_MS);
    options->idle_timeout_ms = ms_or(from->idle_timeout_ms, IDLE_MS);
    if (options->hsts_s > 0)
        snprintf(server->hsts, sizeof server->hsts, "max-age=%lld", (long long)options->hsts_s);
}

static enum err start(struct http_server *server, struct why *why)
{
    enum err err = door_open(server, why);
    if (err != ERR_OK)
        return err;
    server->workers = mem_array(server->options.threads, sizeof(struct worker *));
    while (server->worker_count < server->options.threads) {
        struct worker *worker = worker_start(server);
        if (worker == NULL)
            return why_say(why, ERR_FATAL, "cannot start the HTTP server's threads: %s",
                           errno == 0 ? "no reason given" : strerrordesc_np(errno));
        server->workers[server->worker_count++] = worker;
    }
    return door_start(server, why);
}

enum err http_server_start(const struct http_server_options *options, struct http_server **ret,
                           struct why *why)
{
    CLEANUP(http_server_stop_p) struct http_server *server = mem_zalloc(sizeof *server);
    fill_options(server, options);
    server->routes = routes_new(options->routes, options->route_count);
    errno = 0;
    enum err err = start(server, why);
    if (err == ERR_OK)
        *ret = TAKE(server);
    return err;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

size_t http_server_open(const struct http_server *server)
{
    return atomic_load(&server->open);
}

size_t http_server_connections(const struct http_server *server)
{
    return atomic_load(&server->connection_count);
}

// ---- the end

// True where every exchange was over in time.
static bool wait_for_quiet(struct http_server *server, int64_t wait_ms)
{
    int64_t until_ms = clock_real_ms() + wait_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int code = 0;
    pthread_mutex_lock(&server->lock);
    while (atomic_load(&server->open) > 0 && code == 0)
        code = pthread_cond_timedwait(&server->moved, &server->lock, &until);
    pthread_mutex_unlock(&server->lock);
    return atomic_load(&server->open) == 0;
}

bool http_server_drain(struct http_server *server, int64_t wait_ms)
{
    door_shut(server);
    bool is_quiet = wait_for_quiet(server, wait_ms);
    watch_cut(server);
    if (!is_quiet)
        IGNORE(wait_for_quiet(server, CUT_MS)); // who does not read until then gets nothing
    return is_quiet;
}

// Who has been answered or cut is resumed in a moment.
static void wait_for_resumed(const struct http_server *server)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    while (atomic_load(&server->suspended) > 0)
        nanosleep(&moment, NULL);
}

void http_server_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    if (server->has_door) {
        if (!server->is_cutting)
            IGNORE(http_server_drain(server, 0)); // nobody asks for the rest
        wait_for_resumed(server);
    }
    door_stop(server);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_stop(server->workers[i]);
    door_close(server);
    routes_free(server->routes);
    mem_free_p(&server->workers);
    mem_free_p(&server->by_fd);
    mem_free_p(&server);
}
