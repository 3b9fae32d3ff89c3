// SPDX-License-Identifier: MIT
#include "http/drive.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"

enum { EVENTS_MAX = 64 };

// libcurl removes a socket before it closes it, and forgets then what was noted of it.
static int on_socket(CURL *curl, curl_socket_t fd, int what, void *context, void *is_known)
{
    (void)curl;
    struct drive *drive = context;
    bool reads = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
    bool writes = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
    struct epoll_event event = {.events = (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U),
                                .data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(drive->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (is_known != NULL)
        return epoll_ctl(drive->epoll, EPOLL_CTL_MOD, fd, &event);
    IGNORE(curl_multi_assign(drive->curl, fd, drive)); // it knows the socket: it named it
    return epoll_ctl(drive->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int on_timer(CURLM *curl, long wait_ms, void *context)
{
    (void)curl;
    struct drive *drive = context;
    drive->timer_ms = wait_ms < 0 ? -1 : clock_mono_ms() + wait_ms;
    return 0;
}

static bool watch(const struct drive *drive, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return fd < 0 || epoll_ctl(drive->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool drive_open(struct drive *drive, size_t connections, int stop_fd)
{
    CURLMcode bad = CURLM_OK;
    *drive = (struct drive){.curl = curl_multi_init(),
                            .epoll = epoll_create1(EPOLL_CLOEXEC),
                            .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                            .stop_fd = stop_fd,
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
    return drive->epoll >= 0 && drive->wake >= 0 && watch(drive, drive->wake) &&
           watch(drive, stop_fd) && bad == CURLM_OK; // bad where there is no handle
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

CURLMcode drive_begin(struct drive *drive)
{
    int running = 0;
    if (drive->timer_ms < 0 || drive->timer_ms > clock_mono_ms())
        return CURLM_OK;
    drive->timer_ms = -1; // libcurl sets it anew
    return curl_multi_socket_action(drive->curl, CURL_SOCKET_TIMEOUT, 0, &running);
}

static void read_wake(const struct drive *drive)
{
    uint64_t wakes = 0;
    IGNORE(read(drive->wake, &wakes, sizeof wakes)); // fails where nobody did
}

static CURLMcode run_socket(struct drive *drive, const struct epoll_event *event)
{
    int running = 0;
    int ready = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    return curl_multi_socket_action(drive->curl, event->data.fd, ready, &running);
}

CURLMcode drive_run(struct drive *drive, int64_t wait_ms)
{
    struct epoll_event events[EVENTS_MAX];
    CURLMcode code = CURLM_OK;
    if (drive->timer_ms >= 0 && wait_ms > 0) {
        int64_t timer_ms = drive->timer_ms - clock_mono_ms();
        wait_ms = timer_ms < wait_ms ? timer_ms : wait_ms;
    }
    int count = epoll_wait(drive->epoll, events, EVENTS_MAX, wait_ms < 0 ? 0 : (int)wait_ms);
    for (int i = 0; i < count && code == CURLM_OK; i++) {
        if (events[i].data.fd == drive->wake)
            read_wake(drive);
        else if (events[i].data.fd != drive->stop_fd)
            code = run_socket(drive, &events[i]);
    }
    return code == CURLM_OK ? drive_begin(drive) : code;
}

void drive_rest(const struct drive *drive, int64_t wait_ms)
{
    struct pollfd fds[] = {{.fd = drive->wake, .events = POLLIN},
                           {.fd = drive->stop_fd, .events = POLLIN}};
    IGNORE(poll(fds, ARRAY_LEN(fds), (int)wait_ms)); // the caller looks itself
}

void drive_forget_stop(struct drive *drive)
{
    if (drive->stop_fd >= 0)
        epoll_ctl(drive->epoll, EPOLL_CTL_DEL, drive->stop_fd, NULL);
    drive->stop_fd = -1;
}

void drive_wake(const struct drive *drive)
{
    uint64_t one = 1;
    IGNORE(write(drive->wake, &one, sizeof one)); // fails only when it is awake already
}
