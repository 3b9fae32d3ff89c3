// SPDX-License-Identifier: MIT
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

// The stop flag is an atomic for loops and an eventfd for poll(2), never reset. The signal thread
// lives as long as the process and ends it when the grace is over: calls of librdkafka and libpq
// that nobody can interrupt (the end of a transaction, a destructor) wait long for a server that is
// away, and nothing unfinished matters then (transactions roll back). It says so: whoever finds the
// log ending there should not have to guess.
//
// One wish to stop can arrive as two signals: timeout(1) sends to the process and to its group. So
// what comes close behind the first signal is the first signal.

enum { SAME_SIGNAL_MS = 100 };

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

// True: one of them came. False: none did before that time.
static bool wait_until(const sigset_t *signals, int64_t by_ms)
{
    int got = -1;
    do {
        int64_t left_ms = by_ms - clock_mono_ms();
        if (left_ms <= 0)
            return false;
        struct timespec limit = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        got = sigtimedwait(signals, NULL, &limit);
    } while (got < 0 && errno == EINTR); // being stopped and continued, or traced, is no signal
    return got >= 0;
}

// Only where nobody can make it wait: a full pipe must not keep the process.
static void say_left(bool was_told, int64_t since_ms, int status)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) == 1)
        log_warn("left", "status=%d after_ms=%lld why=\"%s\"", status,
                 (long long)(clock_mono_ms() - since_ms),
                 was_told ? "a second signal came"
                          : "a call to a server had not returned in time; what it was to end is "
                            "undone by itself, and done again by the next start");
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
    int64_t since_ms = clock_mono_ms();
    raise_flag();
    while (wait_until(&signals, since_ms + SAME_SIGNAL_MS))
        ;
    bool was_told = wait_until(&signals, since_ms + stop.grace_ms);
    int status = atomic_load(&stop.late_status);
    say_left(was_told, since_ms, status);
    // Not _exit: ThreadSanitizer would miss whoever joins the others.
    syscall(SYS_exit_group, status);
    abort();
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

void program_give_way(int nice)
{
    char text[8];
    int len = snprintf(text, sizeof text, "%d", nice);
    IGNORE(setsid()); // fails where it leads a group: it has a session already, most likely
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        IGNORE(write(fd, text, (size_t)len));
        close(fd);
    }
    IGNORE(setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + nice));
}
