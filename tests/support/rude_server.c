// SPDX-License-Identifier: MIT
#include "support/rude_server.h"

#include "support/check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/mem.h"

enum { CONNECTIONS = 400, REQUEST_MAX = 8192, DRIP_MS = 100, BIG = 2 * 1024 * 1024 };

enum then { THEN_KEEP, THEN_CLOSE, THEN_RESET, THEN_WAIT, THEN_DRIP, THEN_HOLD, THEN_ECHO };

// What is sent for each path, `repeat` times its second part, and what then becomes of the
// connection.
static const struct behaviour {
    const char *path, *answer, *part;
    size_t repeat;
    enum then then;
} behaviours[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "",
     0, THEN_KEEP},
    {"/echo", "", "", 0, THEN_ECHO},
    {"/held", "", "", 0, THEN_HOLD},
    {"/busy", "HTTP/1.1 429 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy", "", 0,
     THEN_KEEP},
    {"/redirect",
     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "", 0,
     THEN_KEEP},
    {"/silent", "", "", 0, THEN_WAIT},
    {"/drip", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "", 0, THEN_DRIP},
    {"/reset", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "x", 50, THEN_RESET},
    {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", "x", 200, THEN_CLOSE},
    {"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "", 0,
     THEN_CLOSE},
    {"/chunked-open", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "", 0,
     THEN_WAIT},
    {"/big", "HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n", "x", BIG, THEN_KEEP},
    {"/endless", "HTTP/1.1 200 OK\r\n\r\n", "x", BIG, THEN_CLOSE},
    {"/headers", "HTTP/1.1 200 OK\r\n", "X-Filler: 0123456789012345678901234567890123456789\r\n",
     4000, THEN_CLOSE},
    {"/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", "",
     0, THEN_KEEP},
    {"/head-only", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", 0, THEN_CLOSE},
    {"/vanish", "", "", 0, THEN_CLOSE},
    {"/ssh", "SSH-2.0-OpenSSH\r\n\r\n", "", 0, THEN_CLOSE},
};

struct connection {
    int fd; // -1: free
    size_t len;
    bool is_held, drips;
    char request[REQUEST_MAX + 1];
};

struct rude_server {
    int listener, wake[2];
    uint16_t port;
    pthread_t thread;
    atomic_size_t requests, connections, held;
    atomic_bool is_released, is_ending;
    struct connection each[CONNECTIONS];
};

static void drop(struct connection *connection)
{
    close(connection->fd);
    *connection = (struct connection){.fd = -1};
}

// What a client no longer reads is its business.
static void put(const struct connection *connection, const char *data, size_t len)
{
    for (ssize_t sent = 0; len > 0; data += sent, len -= (size_t)sent)
        if ((sent = send(connection->fd, data, len, MSG_NOSIGNAL)) <= 0)
            return;
}

static void put_parts(const struct connection *connection, const char *part, size_t repeat)
{
    size_t each = strlen(part), len = each * repeat;
    CLEANUP(mem_free_p) char *all = mem_array(len + 1, 1);
    for (size_t i = 0; i < repeat; i++)
        memcpy(all + i * each, part, each);
    put(connection, all, len);
}

static void put_body(const struct connection *connection, const char *body)
{
    CLEANUP(mem_free_p)
    char *answer = mem_printf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                              "Content-Length: %zu\r\n\r\n%s",
                              strlen(body), body);
    put(connection, answer, strlen(answer));
}

static void end_with_reset(struct connection *connection)
{
    struct linger none = {.l_onoff = 1};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    drop(connection);
}

static const struct behaviour *find(const char *request)
{
    const char *path = strchr(request, ' ');
    for (size_t i = 0; path != NULL && i < ARRAY_LEN(behaviours); i++) {
        size_t len = strlen(behaviours[i].path);
        if (strncmp(path + 1, behaviours[i].path, len) == 0 && strchr(" ?", path[1 + len]) != NULL)
            return &behaviours[i];
    }
    return NULL;
}

static void answer(struct rude_server *server, struct connection *connection)
{
    const struct behaviour *behaviour = find(connection->request);
    atomic_fetch_add(&server->requests, 1);
    if (behaviour == NULL) {
        drop(connection);
        return;
    }
    put(connection, behaviour->answer, strlen(behaviour->answer));
    put_parts(connection, behaviour->part, behaviour->repeat);
    switch (behaviour->then) {
    case THEN_ECHO:
        put_body(connection, connection->request);
        break;
    case THEN_KEEP:
    case THEN_WAIT:
        break;
    case THEN_DRIP:
        connection->drips = true;
        break;
    case THEN_HOLD:
        connection->is_held = true;
        atomic_fetch_add(&server->held, 1);
        break;
    case THEN_RESET:
        end_with_reset(connection);
        return;
    case THEN_CLOSE:
        drop(connection);
        return;
    }
    connection->len = 0;
}

// True when head and body are here.
static bool is_whole(const char *request, size_t len)
{
    const char *end = strstr(request, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *length = strcasestr(request, "\r\nContent-Length: ");
    size_t body = length != NULL && length < end ? strtoul(length + 18, NULL, 10) : 0;
    return len >= (size_t)(end + 4 - request) + body;
}

static void hear(struct rude_server *server, struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->request + connection->len,
                       REQUEST_MAX - connection->len, 0);
    if (got <= 0) {
        drop(connection);
        return;
    }
    connection->len += (size_t)got;
    connection->request[connection->len] = '\0';
    if (is_whole(connection->request, connection->len))
        answer(server, connection);
}

static void accept_one(struct rude_server *server)
{
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CONNECTIONS; i++)
        if (server->each[i].fd < 0) {
            struct timeval limit = {.tv_sec = 5};
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
            server->each[i].fd = fd;
            atomic_fetch_add(&server->connections, 1);
            return;
        }
    if (fd >= 0)
        close(fd);
}

// What connections do without being asked.
static void tick(struct rude_server *server, struct connection *connection, bool is_drip_due)
{
    if (connection->drips && is_drip_due)
        put(connection, "x", 1);
    if (connection->is_held && atomic_load(&server->is_released)) {
        connection->is_held = false;
        atomic_fetch_sub(&server->held, 1);
        put_body(connection, "released");
    }
}

static void *run(void *context)
{
    struct rude_server *server = context;
    struct pollfd fds[CONNECTIONS + 2];
    while (!atomic_load(&server->is_ending)) {
        fds[CONNECTIONS] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        fds[CONNECTIONS + 1] = (struct pollfd){.fd = server->wake[0], .events = POLLIN};
        bool is_dripping = false;
        for (size_t i = 0; i < CONNECTIONS; i++) {
            fds[i] = (struct pollfd){.fd = server->each[i].fd, .events = POLLIN};
            is_dripping |= server->each[i].drips;
        }
        int ready = poll(fds, ARRAY_LEN(fds), is_dripping ? DRIP_MS : -1);
        char woken = 0;
        if (fds[CONNECTIONS + 1].revents != 0)
            IGNORE(read(server->wake[0], &woken, 1)); // the flags say why
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (server->each[i].fd >= 0 && fds[i].revents != 0)
                hear(server, &server->each[i]);
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (server->each[i].fd >= 0)
                tick(server, &server->each[i], ready == 0);
        if (fds[CONNECTIONS].revents != 0)
            accept_one(server);
    }
    return NULL;
}

int listen_anywhere(uint16_t *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(fd, 512), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

struct rude_server *rude_server_start(void)
{
    struct rude_server *server = mem_zalloc(sizeof *server);
    for (size_t i = 0; i < CONNECTIONS; i++)
        server->each[i].fd = -1;
    server->listener = listen_anywhere(&server->port);
    assert_int_equal(pipe2(server->wake, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
    return server;
}

void rude_server_stop(struct rude_server *server)
{
    atomic_store(&server->is_ending, true);
    assert_int_equal(write(server->wake[1], "", 1), 1);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (server->each[i].fd >= 0)
            close(server->each[i].fd);
    close(server->listener);
    close(server->wake[0]);
    close(server->wake[1]);
    mem_free_p(&server);
}

uint16_t rude_server_port(const struct rude_server *server)
{
    return server->port;
}

size_t rude_server_requests(struct rude_server *server)
{
    return atomic_load(&server->requests);
}

size_t rude_server_connections(struct rude_server *server)
{
    return atomic_load(&server->connections);
}

size_t rude_server_held(struct rude_server *server)
{
    return atomic_load(&server->held);
}

void rude_server_release(struct rude_server *server)
{
    atomic_store(&server->is_released, true);
    assert_int_equal(write(server->wake[1], "", 1), 1);
}
