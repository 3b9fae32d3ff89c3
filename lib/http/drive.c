// SPDX-License-Identifier: MIT
#include "http/drive.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"

enum { EVENTS_MAX = 64 };

// libcurl removes a socket before it closes it.
static int on_socket(CURL *curl, curl_socket_t fd, int what, void *context, void *of_socket)
{
    (void)curl, (void)of_socket;
    const struct drive *drive = context;
    bool reads = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool writes = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    struct epoll_event event = {.events = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U),
                                .data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(drive->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (epoll_ctl(drive->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return errno == ENOENT ? epoll_ctl(drive->epoll, EPOLL_CTL_ADD, fd, &event) : -1;
}

static int on_timer(CURLM *curl, long wait_ms, void *context)
{
    (void)curl;
    struct drive *drive = context;
    drive->timer_ms = wait_ms < 0 ? -1 : clock_mono_ms() + wait_ms;
    return 0;
}

bool drive_open(struct drive *drive, size_t connections)
{
    CURLMcode bad = CURLM_OK;
    *drive = (struct drive){.curl = curl_multi_init(),
                            .epoll = epoll_create1(EPOLL_CLOEXEC),
                            .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                            .timer_ms = -1};
#define SET(option, value)                                                                         \
    bad = bad == CURLM_OK ? curl_multi_setopt(drive->curl, option, value) : bad
    SET(CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    SET(CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
    SET(CURLMOPT_MAXCONNECTS, (long)connections);
    SET(CURLMOPT_SOCKETFUNCTION, on_socket);
    SET(CURLMOPT_SOCKETDATA, drive);
    SET(CURLMOPT_TIMERFUNCTION, on_timer);
    SET(CURLMOPT_TIMERDATA, drive);
#undef SET
    return drive->epoll >= 0 && drive->wake >= 0 && bad == CURLM_OK; // bad where there is no handle
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void drive_close(struct drive *drive)
{
    curl_multi_cleanup(drive->curl);
    close_fd(drive->epoll);
    close_fd(drive->wake);
}

static CURLMcode run_timer(struct drive *drive)
{
    int running = 0;
    if (drive->timer_ms < 0 || drive->timer_ms > clock_mono_ms())
        return CURLM_OK;
    drive->timer_ms = -1; // libcurl sets it anew
    return curl_multi_socket_action(drive->curl, CURL_SOCKET_TIMEOUT, 0, &running);
}

CURLMcode drive_run(struct drive *drive)
{
    struct epoll_event events[EVENTS_MAX];
    CURLMcode code = CURLM_OK;
    int running = 0, count = epoll_wait(drive->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count && code == CURLM_OK; i++) {
        int ready = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                    (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                    (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        code = curl_multi_socket_action(drive->curl, events[i].data.fd, ready, &running);
    }
    return code == CURLM_OK ? run_timer(drive) : code;
}

void drive_wait(const struct drive *drive, int stop_fd, int64_t wait_ms)
{
    struct pollfd fds[] = {{.fd = drive->epoll, .events = POLLIN},
                           {.fd = drive->wake, .events = POLLIN},
                           {.fd = stop_fd, .events = POLLIN}};
    uint64_t wakes = 0;
    if (drive->timer_ms >= 0) {
        int64_t timer_ms = drive->timer_ms - clock_mono_ms();
        wait_ms = timer_ms < wait_ms ? timer_ms : wait_ms;
    }
    IGNORE(poll(fds, ARRAY_LEN(fds), wait_ms < 0 ? 0 : (int)wait_ms)); // the caller looks itself
    IGNORE(read(drive->wake, &wakes, sizeof wakes));                   // fails where nobody did
}

void drive_wake(const struct drive *drive)
{
    uint64_t one = 1;
    IGNORE(write(drive->wake, &one, sizeof one)); // fails only when it is awake already
}
