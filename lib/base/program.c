// SPDX-License-Identifier: MIT
#include "base/program.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

// The stop flag is an atomic for loops and an eventfd for poll(2), never reset. The signal thread
// lives as long as the process and ends it when the grace is over: librdkafka and libpq can hang in
// a destructor while their server is away, and nothing unfinished matters then (transactions roll
// back).

static struct {
    atomic_bool is_stopping;
    int fd;
    int64_t grace_ms;
    atomic_int late_status;
} stop = {.fd = -1, .late_status = EXIT_FAILED};

const char *program_version(void)
{
    return RETENTIONAI_VERSION;
}

static void wait_for(const sigset_t *signals, int64_t ms)
{
    int64_t by_ms = clock_mono_ms() + ms;
    int got = -1;
    do {
        int64_t left_ms = by_ms - clock_mono_ms();
        if (left_ms <= 0)
            return;
        struct timespec limit = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        got = sigtimedwait(signals, NULL, &limit);
    } while (got < 0 && errno == EINTR); // being stopped and continued, or traced, is no signal
}

static void raise_flag(void)
{
    if (atomic_exchange(&stop.is_stopping, true))
        return;
    uint64_t one = 1;
    IGNORE(write(stop.fd, &one, sizeof one)); // only fails when it is readable already
}

static void *watch_signals(void *unused)
{
    (void)unused;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigset_t first = signals;
    sigaddset(&first, SIGUSR2); // program_stop's wake-up, which starts the grace
    int signal = 0;
    sigwait(&first, &signal);
    raise_flag();
    wait_for(&signals, stop.grace_ms);
    _exit(atomic_load(&stop.late_status));
}

void program_init(int64_t grace_ms)
{
    signal(SIGPIPE, SIG_IGN);
    stop.grace_ms = grace_ms;
    stop.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_t thread;
    if (stop.fd < 0 || pthread_create(&thread, NULL, watch_signals, NULL) != 0)
        abort();
    pthread_detach(thread);
}

void program_set_late_status(int status)
{
    atomic_store(&stop.late_status, status);
}

bool program_is_stopping(void)
{
    return atomic_load_explicit(&stop.is_stopping, memory_order_relaxed);
}

void program_stop(void)
{
    raise_flag();
    kill(getpid(), SIGUSR2);
}

int program_stop_fd(void)
{
    return stop.fd;
}

bool program_wait_ms(int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;
    for (int64_t left = ms; left > 0 && !program_is_stopping(); left = end - clock_mono_ms()) {
        struct pollfd fd = {.fd = stop.fd, .events = POLLIN};
        IGNORE(
            poll(&fd, stop.fd >= 0, (int)(left > 60000 ? 60000 : left))); // the loop looks itself
    }
    return program_is_stopping();
}
