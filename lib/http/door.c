// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/serving.h"

// The thread that accepts. libmicrohttpd could do that itself, but then it stops accepting where
// its limit is reached, so that those who hold connections and send nothing keep everybody else
// out: here the one that has idled longest goes instead. Connections are dealt out to the workers
// in turn.

enum {
    TICK_MS = 200, // how late a deadline may be noticed
    EVENTS = 256,
    ACCEPTS = 64, // in a row
    SLACK = 64,   // connections over the limit, until those that had to go have gone
    FILES = 512,  // for everything else in the program
    BACKLOG = 1024,
    UNSENT_BYTES =
        128 * 1024, // of an answer, in the kernel's memory for a client that reads slowly
};

static const uint64_t listener_tag = UINT64_MAX, wake_tag = UINT64_MAX - 1;

// ---- opening

// The same as lib/http/ops.c needs, but for a socket of ours.
static enum err read_address(const struct http_server_options *options,
                             struct sockaddr_storage *ret, socklen_t *ret_len, struct why *why)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(options->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    *ret = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET6, options->address, &v6.sin6_addr) == 1) {
        memcpy(ret, &v6, *ret_len = sizeof v6);
    } else if (inet_pton(AF_INET, options->address, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, *ret_len = sizeof v4);
    } else {
        return why_say(why, ERR_FATAL, "\"%s\" is not a numeric address: use for example 127.0.0.1",
                       options->address);
    }
    return ERR_OK;
}

static enum err raise_files(const struct http_server_options *options, struct why *why)
{
    struct rlimit limit;
    rlim_t need = options->connections_max + SLACK + LINGERING_MAX + FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= need)
        return ERR_OK;
    limit.rlim_cur = need;
    if (limit.rlim_max < need || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return why_say(why, ERR_FATAL,
                       "%zu connections need %llu open files, and the limit is %llu: raise it "
                       "(ulimit -Hn, LimitNOFILE) or allow fewer connections",
                       options->connections_max, (unsigned long long)need,
                       (unsigned long long)limit.rlim_max);
    return ERR_OK;
}

static enum err listen_at(struct http_server *server, struct why *why)
{
    struct sockaddr_storage address;
    socklen_t len = 0;
    enum err err = read_address(&server->options, &address, &len, why);
    if (err != ERR_OK)
        return err;
    int yes = 1, unsent = UNSENT_BYTES;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server->listener = fd;
    // Accepted sockets inherit these; without them nothing breaks.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return why_say(why, ERR_FATAL, "cannot listen on %s port %u: %s; choose a free one",
                       server->options.address, server->options.port, strerrordesc_np(errno));
    struct sockaddr_in v4; // the port is at the same place in both
    memcpy(&v4, &address, sizeof v4);
    server->port = ntohs(v4.sin_port);
    return ERR_OK;
}

static bool watch(struct http_server *server, int fd, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

enum err door_open(struct http_server *server, struct why *why)
{
    server->listener = server->epoll = server->wake = server->held.fd = -1;
    for (size_t slot = 0; slot < LINGERING_MAX; slot++)
        server->lingering[slot].fd = -1;
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->moved, NULL);
    enum err err = raise_files(&server->options, why);
    if (err == ERR_OK)
        err = listen_at(server, why);
    if (err != ERR_OK)
        return err;
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->is_listening = true;
    if (server->epoll < 0 || server->wake < 0 || !watch(server, server->wake, wake_tag) ||
        !watch(server, server->listener, listener_tag))
        return why_say(why, ERR_FATAL, "cannot wait for connections: %s", strerrordesc_np(errno));
    return ERR_OK;
}

void door_wake(struct http_server *server)
{
    uint64_t one = 1;
    IGNORE(write(server->wake, &one, sizeof one)); // full: it is awake
}

// ---- letting in

static void heed_listener(struct http_server *server, bool is_listening)
{
    if (server->listener < 0 || server->is_listening == is_listening)
        return;
    struct epoll_event event = {.events = is_listening ? EPOLLIN : 0, .data.u64 = listener_tag};
    pthread_mutex_lock(&server->lock);
    server->is_listening = is_listening;
    pthread_mutex_unlock(&server->lock);
    IGNORE(epoll_ctl(server->epoll, EPOLL_CTL_MOD, server->listener, &event)); // it is in the set
}

// Asked for somebody who is at the door.
static bool has_room(struct http_server *server)
{
    size_t count = atomic_load(&server->connection_count), max = server->options.connections_max;
    return count < max || (watch_evict(server) && count < max + SLACK);
}

static void let_in(struct http_server *server, int fd, const struct sockaddr_storage *address,
                   socklen_t len)
{
    const struct http_server_options *options = &server->options;
    if (options->per_address_max > 0 &&
        watch_count_of(server, address) >= options->per_address_max) {
        close(fd);
        return;
    }
    struct http_connection *connection = watch_add(server, fd, address);
    watch_phase(connection, PHASE_HEAD, clock_mono_ms() + options->head_timeout_ms);
    worker_give(server->workers[server->next_worker++ % server->worker_count], connection, address,
                len);
}

// Lets in who is held at the door; false where there is no room.
static bool let_in_held(struct http_server *server)
{
    if (server->held.fd < 0)
        return true;
    if (!has_room(server))
        return false;
    int fd = server->held.fd;
    server->held.fd = -1;
    let_in(server, fd, &server->held.address, server->held.address_len);
    return true;
}

// Where there is no room the last one is held, and the others stay in the kernel's queue until
// somebody goes or the next tick comes.
static void accept_some(struct http_server *server)
{
    bool has_place = let_in_held(server);
    for (int i = 0; i < ACCEPTS && has_place; i++) {
        struct held *held = &server->held;
        held->address_len = sizeof held->address;
        held->fd = accept4(server->listener, (struct sockaddr *)&held->address, &held->address_len,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (held->fd < 0 &&
            (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
            has_place = false;
        else if (held->fd < 0 && errno != ECONNABORTED)
            break; // nobody
        else
            has_place = let_in_held(server);
    }
    heed_listener(server, has_place);
}

// Who has connected already is let in, and told that we end.
static void shut(struct http_server *server)
{
    accept_some(server);
    pthread_mutex_lock(&server->lock);
    close(server->listener);
    server->listener = -1;
    pthread_cond_broadcast(&server->moved);
    pthread_mutex_unlock(&server->lock);
}

// ---- the thread

static void on_event(struct http_server *server, uint64_t tag)
{
    if (tag == listener_tag) {
        if (server->listener >= 0)
            accept_some(server);
    } else if (tag == wake_tag) {
        uint64_t count;
        IGNORE(read(server->wake, &count, sizeof count)); // only empties it
    } else if ((tag & LINGERING_TAG) != 0) {
        linger_read(server, tag & ~LINGERING_TAG);
    } else {
        watch_client_gone(server, tag);
    }
}

static void *run(void *context)
{
    struct http_server *server = context;
    struct epoll_event events[EVENTS];
    size_t lingering = 0;
    while (!atomic_load(&server->is_ending)) {
        bool has_deadlines = atomic_load(&server->connection_count) > 0 || lingering > 0;
        int count = epoll_wait(server->epoll, events, EVENTS, has_deadlines ? TICK_MS : -1);
        for (int i = 0; i < count; i++)
            on_event(server, events[i].data.u64);
        if (atomic_load(&server->is_draining) && server->listener >= 0)
            shut(server);
        linger_begin(server);
        watch_tell(server);
        int64_t now_ms = clock_mono_ms();
        if (now_ms >= server->next_tick_ms || !server->is_listening) {
            server->next_tick_ms = now_ms + TICK_MS;
            watch_expire(server, now_ms);
            lingering = linger_expire(server, now_ms);
            if (!server->is_listening && server->listener >= 0)
                accept_some(server);
        }
    }
    return NULL;
}

enum err door_start(struct http_server *server, struct why *why)
{
    int code = pthread_create(&server->door, NULL, run, server);
    server->has_door = code == 0;
    return code == 0 ? ERR_OK
                     : why_say(why, ERR_FATAL, "cannot start a thread: %s", strerrordesc_np(code));
}

void door_shut(struct http_server *server)
{
    atomic_store(&server->is_draining, true);
    door_wake(server);
    pthread_mutex_lock(&server->lock);
    while (server->has_door && server->listener >= 0)
        pthread_cond_wait(&server->moved, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

void door_stop(struct http_server *server)
{
    atomic_store(&server->is_ending, true);
    if (server->has_door) {
        door_wake(server);
        pthread_join(server->door, NULL);
    }
}

void door_close(struct http_server *server)
{
    watch_tell(server);
    linger_end(server);
    if (server->held.fd >= 0)
        close(server->held.fd);
    if (server->listener >= 0)
        close(server->listener);
    if (server->epoll >= 0)
        close(server->epoll);
    if (server->wake >= 0)
        close(server->wake);
    pthread_cond_destroy(&server->moved);
    pthread_mutex_destroy(&server->lock);
}
