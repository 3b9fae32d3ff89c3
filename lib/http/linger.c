// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/serving.h"

// Where a request is refused while its body is still on the way, closing the socket would make the
// kernel reset the connection, and the client might lose the answer that says why (RFC 9112, 9.6).
// So a copy of the socket stays open for a moment, and what still comes is thrown away. Bounded in
// number, bytes and time: beyond that the client gets its reset.

enum { LINGER_MS = 2000, LINGER_BYTES = 32 * 1024 * 1024, LINGER_TURNS = 16 };

void linger_later(struct http_server *server, int fd)
{
    int copy = server->to_linger_count < LINGERING_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy >= 0)
        server->to_linger[server->to_linger_count++] = copy;
}

static void end(struct lingering *lingering)
{
    close(lingering->fd); // which takes it out of the epoll set
    lingering->fd = -1;
}

void linger_read(struct http_server *server, size_t slot)
{
    struct lingering *lingering = &server->lingering[slot];
    for (int turn = 0; lingering->fd >= 0 && turn < LINGER_TURNS; turn++) {
        // TCP throws it away without a copy.
        ssize_t got = recv(lingering->fd, NULL, 1024 * 1024, MSG_TRUNC | MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0 || (size_t)got >= lingering->bytes_left)
            end(lingering);
        else
            lingering->bytes_left -= (size_t)got;
    }
}

static bool keep(struct http_server *server, int fd)
{
    for (size_t slot = 0; slot < LINGERING_MAX; slot++) {
        struct lingering *lingering = &server->lingering[slot];
        if (lingering->fd >= 0)
            continue;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                    .data.u64 = LINGERING_TAG | slot};
        *lingering = (struct lingering){fd, clock_mono_ms() + LINGER_MS, LINGER_BYTES};
        if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
            return true;
        lingering->fd = -1;
    }
    return false;
}

void linger_begin(struct http_server *server)
{
    int fds[LINGERING_MAX];
    pthread_mutex_lock(&server->lock);
    size_t count = server->to_linger_count;
    for (size_t i = 0; i < count; i++)
        fds[i] = server->to_linger[i];
    server->to_linger_count = 0;
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < count; i++) {
        shutdown(fds[i], SHUT_WR);
        if (!keep(server, fds[i]))
            close(fds[i]);
    }
}

size_t linger_expire(struct http_server *server, int64_t now_ms)
{
    size_t left = 0;
    for (size_t slot = 0; slot < LINGERING_MAX; slot++) {
        struct lingering *lingering = &server->lingering[slot];
        if (lingering->fd >= 0 && lingering->deadline_ms <= now_ms)
            end(lingering);
        left += lingering->fd >= 0;
    }
    return left;
}

void linger_end(struct http_server *server)
{
    linger_begin(server);
    IGNORE(linger_expire(server, NO_DEADLINE)); // all of them
}
