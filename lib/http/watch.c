// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/serving.h"

// The list of connections. libmicrohttpd's own time-out is one of inactivity, which a client that
// sends a byte a second never reaches, and a suspended connection is not looked at at all. So every
// phase of a connection has an absolute deadline, and who passes it has its socket shut down, which
// wakes libmicrohttpd up to close it. The list and the validity of `fd` are under the lock: a
// socket leaves the list before libmicrohttpd closes it.
//
// That a client goes is seen by the door's epoll set: while its exchange waits libmicrohttpd does
// not look, and otherwise it misses an end that comes together with the last bytes.

enum { FORSAKEN_MS = 500 };

// ---- the list

static uint8_t address_of(const struct sockaddr_storage *address, uint8_t out[16])
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, address, sizeof v4);
    memcpy(&v6, address, sizeof v6);
    if (address->ss_family == AF_INET) {
        memcpy(out, &v4.sin_addr, 4);
        return 4;
    }
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        memcpy(out, v6.sin6_addr.s6_addr + 12, 4);
        return 4;
    }
    memcpy(out, &v6.sin6_addr, 16);
    return 16;
}

// Those who count as one: an IPv4 address, or the 64 bits of a network of IPv6.
static size_t bucket_of(const uint8_t *address, uint8_t bytes)
{
    uint32_t hash = 2166136261;
    for (uint8_t i = 0; i < bytes && i < 8; i++)
        hash = (hash ^ address[i]) * 16777619;
    return hash % ADDRESS_BUCKETS;
}

static bool is_neighbour(const struct http_connection *connection, const uint8_t *address,
                         uint8_t bytes)
{
    return connection->address_bytes == bytes &&
           memcmp(connection->address, address, bytes == 4 ? 4 : 8) == 0;
}

size_t watch_count_of(struct http_server *server, const struct sockaddr_storage *address)
{
    uint8_t bytes[16];
    uint8_t len = address_of(address, bytes);
    size_t count = 0;
    pthread_mutex_lock(&server->lock);
    const struct http_connection *each = server->buckets[bucket_of(bytes, len)];
    for (; each != NULL; each = each->next_of_bucket)
        count += is_neighbour(each, bytes, len);
    pthread_mutex_unlock(&server->lock);
    return count;
}

struct http_connection *watch_add(struct http_server *server, int fd,
                                  const struct sockaddr_storage *address)
{
    struct http_connection *connection = mem_zalloc(sizeof *connection);
    connection->server = server;
    connection->fd = fd;
    connection->address_bytes = address_of(address, connection->address);
    struct http_connection **bucket =
        &server->buckets[bucket_of(connection->address, connection->address_bytes)];
    size_t need = (size_t)fd + 1;
    pthread_mutex_lock(&server->lock);
    if (need > server->by_fd_count) {
        size_t count = need < 2 * server->by_fd_count ? 2 * server->by_fd_count : need;
        server->by_fd = mem_grow(server->by_fd, count, sizeof(struct http_connection *));
        memset(server->by_fd + server->by_fd_count, 0,
               (count - server->by_fd_count) * sizeof(struct http_connection *));
        server->by_fd_count = count;
    }
    server->by_fd[fd] = connection;
    connection->serial = server->next_serial++ & INT32_MAX;
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    server->connections = connection;
    connection->next_of_bucket = *bucket;
    *bucket = connection;
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET,
                                .data.u64 = (uint64_t)connection->serial << 32 | (uint32_t)fd};
    IGNORE(epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event)); // without it, deadlines are left
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_add(&server->connection_count, 1);
    return connection;
}

static void unlink_one(struct http_server *server, struct http_connection *connection)
{
    struct http_connection **at =
        &server->buckets[bucket_of(connection->address, connection->address_bytes)];
    while (*at != connection)
        at = &(*at)->next_of_bucket;
    *at = connection->next_of_bucket;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    server->by_fd[connection->fd] = NULL;
}

void watch_remove(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    pthread_mutex_lock(&server->lock);
    unlink_one(server, connection);
    if (connection->lingers) { // else closing takes it out of the set
        IGNORE(epoll_ctl(server->epoll, EPOLL_CTL_DEL, connection->fd, NULL)); // it is in the set
        linger_later(server, connection->fd);
    }
    bool wakes = connection->lingers || !server->is_listening;
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_sub(&server->connection_count, 1);
    if (wakes)
        door_wake(server);
    mem_free_p(&connection);
}

// ---- deadlines

// Raw, since libmicrohttpd can answer only where it has not begun to read a body.
static const char too_slow[] = "HTTP/1.1 408 Request Timeout\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";

static void shut(struct http_connection *connection)
{
    enum phase phase = (enum phase)atomic_load(&connection->phase);
    watch_phase(connection, phase, NO_DEADLINE);
    if (phase == PHASE_BODY)
        IGNORE(send(connection->fd, too_slow, sizeof too_slow - 1, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (phase == PHASE_WRITE) { // what the client has not read is thrown away
        const struct linger none = {.l_onoff = 1};
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    shutdown(connection->fd, SHUT_RDWR);
}

// The client has said all that it will, some time ago, and it is not a request.
static bool is_forsaken(struct http_connection *connection, int64_t now_ms)
{
    return connection->client_gone_ms > 0 && now_ms - connection->client_gone_ms > FORSAKEN_MS &&
           atomic_load(&connection->phase) <= PHASE_BODY &&
           atomic_load(&connection->deadline_ms) != NO_DEADLINE;
}

void watch_expire(struct http_server *server, int64_t now_ms)
{
    pthread_mutex_lock(&server->lock);
    for (struct http_connection *each = server->connections; each != NULL; each = each->next)
        if (atomic_load_explicit(&each->deadline_ms, memory_order_relaxed) <= now_ms ||
            is_forsaken(each, now_ms))
            shut(each);
    pthread_mutex_unlock(&server->lock);
}

bool watch_evict(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct http_connection *found = NULL;
    for (struct http_connection *each = server->connections; each != NULL; each = each->next) {
        int phase = atomic_load(&each->phase), best = found == NULL ? 0 : found->phase;
        if (phase > PHASE_HEAD || atomic_load(&each->deadline_ms) == NO_DEADLINE)
            continue; // at work, or ended already
        if (found == NULL || phase < best ||
            (phase == best && atomic_load(&each->deadline_ms) < atomic_load(&found->deadline_ms)))
            found = each;
    }
    if (found != NULL)
        shut(found);
    pthread_mutex_unlock(&server->lock);
    return found != NULL;
}

// ---- exchanges that wait

static void tell_later(struct http_server *server, http_gone *gone, uint64_t tag)
{
    if (server->telling_count == server->telling_room) {
        server->telling_room = server->telling_room == 0 ? 16 : 2 * server->telling_room;
        server->tellings =
            mem_grow(server->tellings, server->telling_room, sizeof *server->tellings);
    }
    server->tellings[server->telling_count++] = (struct telling){gone, tag};
}

void watch_tell_later(struct http_server *server, http_gone *gone, uint64_t tag)
{
    pthread_mutex_lock(&server->lock);
    tell_later(server, gone, tag);
    pthread_mutex_unlock(&server->lock);
    door_wake(server);
}

void watch_tell(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    struct telling *due = TAKE(server->tellings);
    size_t count = server->telling_count;
    server->telling_count = server->telling_room = 0;
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < count; i++)
        due[i].gone(server->options.context, due[i].tag);
    mem_free_p(&due);
}

// Under the lock. A stream that is cut tells by itself when its connection ends.
static void client_gone(struct http_server *server, struct http_exchange *exchange)
{
    if (atomic_load(&exchange->state) == STATE_STREAMING) {
        stream_cut(exchange);
    } else if (!exchange->was_gone_told && exchange->gone != NULL &&
               atomic_load(&exchange->state) == STATE_SUSPENDED) {
        exchange->was_gone_told = true;
        tell_later(server, exchange->gone, exchange->tag);
    }
}

void watch_begin(struct http_exchange *exchange, enum state state)
{
    struct http_server *server = exchange->server;
    struct http_connection *connection = exchange->connection;
    pthread_mutex_lock(&server->lock);
    connection->waiting = exchange;
    atomic_store(&exchange->state, (int)state);
    bool wakes = connection->client_gone_ms > 0 || server->is_cutting;
    if (wakes)
        client_gone(server, exchange);
    if (server->is_cutting && state == STATE_SUSPENDED)
        exchange_cut(exchange);
    pthread_mutex_unlock(&server->lock);
    if (wakes)
        door_wake(server);
}

void watch_end(struct http_exchange *exchange)
{
    pthread_mutex_lock(&exchange->server->lock);
    if (exchange->connection->waiting == exchange)
        exchange->connection->waiting = NULL;
    pthread_mutex_unlock(&exchange->server->lock);
}

void watch_client_gone(struct http_server *server, uint64_t event)
{
    uint32_t fd = (uint32_t)event, serial = (uint32_t)(event >> 32);
    pthread_mutex_lock(&server->lock);
    struct http_connection *connection = fd < server->by_fd_count ? server->by_fd[fd] : NULL;
    if (connection != NULL && connection->serial == serial) {
        connection->client_gone_ms = clock_mono_ms();
        if (connection->waiting != NULL)
            client_gone(server, connection->waiting);
    }
    pthread_mutex_unlock(&server->lock);
}

void watch_cut(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->is_cutting = true;
    for (struct http_connection *each = server->connections; each != NULL; each = each->next)
        if (each->waiting != NULL) {
            client_gone(server, each->waiting);
            exchange_cut(each->waiting);
        }
    pthread_mutex_unlock(&server->lock);
    door_wake(server);
}
