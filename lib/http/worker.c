// SPDX-License-Identifier: MIT
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "http/serving.h"

// The threads that serve: each runs the loop of a libmicrohttpd daemon of its own. libmicrohttpd's
// own threads must not be used (0.9.75 and 1.0.1): where 128 connections, as many as it asks epoll
// for at once, are ready together, it asks once more before it serves them, and sleeps until
// something else comes, which may be never. So here one waits, and libmicrohttpd is told not to.
//
// Others wake a worker for a newcomer or a connection to resume, by a system call only where it
// sleeps: they set is_pending and then look at is_sleeping, and the worker the other way round.
// Connections are resumed by their worker: libmicrohttpd goes through all that are suspended under
// the lock that it takes for each to resume, and whoever has many answers at once waited for it.

// libmicrohttpd before 1.0 is lenient in any case, and what it checks when told to it answers
// twice.
#if MHD_VERSION < 0x00097701
#define STRICTNESS MHD_OPTION_STRICT_FOR_CLIENT, 0
#else
#define STRICTNESS MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1
#endif

enum {
    ANSWER_HEAD_BYTES = 2 * 1024, // of libmicrohttpd's memory, kept for the answer's headers
    SPARE = 1024, // connections that a daemon takes beyond its share; the door keeps the limit
};

struct newcomer {
    int fd;
    struct http_connection *connection;
    struct sockaddr_storage address;
    socklen_t address_len;
};

struct worker {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    struct http_connection *adding; // what libmicrohttpd is just given
    int epoll, wake;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_sleeping, is_pending, is_ending;
    pthread_mutex_t lock;
    struct newcomer *newcomers;
    size_t count, room;
    _Atomic(struct http_connection *) to_resume; // the latest first
};

// ---- waking

static void wake(struct worker *worker)
{
    uint64_t one = 1;
    atomic_store(&worker->is_pending, true);
    if (atomic_load(&worker->is_sleeping))
        IGNORE(write(worker->wake, &one, sizeof one)); // full: it is awake
}

void worker_give(struct worker *worker, struct http_connection *connection,
                 const struct sockaddr_storage *address, socklen_t len)
{
    connection->worker = worker;
    pthread_mutex_lock(&worker->lock);
    if (worker->count == worker->room) {
        worker->room = worker->room == 0 ? 16 : 2 * worker->room;
        worker->newcomers = mem_grow(worker->newcomers, worker->room, sizeof *worker->newcomers);
    }
    worker->newcomers[worker->count++] =
        (struct newcomer){connection->fd, connection, *address, len};
    pthread_mutex_unlock(&worker->lock);
    wake(worker);
}

void worker_resume(struct http_connection *connection, struct MHD_Connection *mhd)
{
    struct worker *worker = connection->worker;
    struct http_connection *head = atomic_load(&worker->to_resume);
    connection->to_resume = mhd;
    do
        connection->next_to_resume = head;
    while (!atomic_compare_exchange_weak(&worker->to_resume, &head, connection));
    wake(worker);
}

// ---- the loop

static void add(struct worker *worker, const struct newcomer *newcomer)
{
    worker->adding = newcomer->connection;
    if (MHD_add_connection(worker->daemon, newcomer->fd,
                           (const struct sockaddr *)&newcomer->address,
                           newcomer->address_len) != MHD_YES &&
        worker->adding != NULL)
        watch_remove(worker->adding); // its socket was closed, and nothing else was told
    worker->adding = NULL;
}

static void take_newcomers(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    CLEANUP(mem_free_p) struct newcomer *all = TAKE(worker->newcomers);
    size_t count = worker->count;
    worker->count = worker->room = 0;
    pthread_mutex_unlock(&worker->lock);
    for (size_t i = 0; i < count; i++)
        add(worker, &all[i]);
}

// In the order in which they were answered.
static void resume_all(struct worker *worker)
{
    struct http_connection *latest = atomic_exchange(&worker->to_resume, NULL), *first = NULL;
    while (latest != NULL) {
        struct http_connection *earlier = latest->next_to_resume;
        latest->next_to_resume = first;
        first = latest;
        latest = earlier;
    }
    for (; first != NULL; first = first->next_to_resume)
        MHD_resume_connection(first->to_resume);
}

// Until there is something to do.
static void sleep_now(struct worker *worker)
{
    MHD_UNSIGNED_LONG_LONG due_ms = 0;
    bool is_due = MHD_get_timeout(worker->daemon, &due_ms) == MHD_YES && due_ms == 0;
    struct pollfd ready[] = {{.fd = worker->epoll, .events = POLLIN},
                             {.fd = worker->wake, .events = POLLIN}};
    if (is_due)
        return; // there are no time-outs of libmicrohttpd's beside "at once"
    atomic_store(&worker->is_sleeping, true);
    IGNORE(poll(ready, ARRAY_LEN(ready), atomic_load(&worker->is_pending) ? 0 : -1)); // or a signal
    atomic_store(&worker->is_sleeping, false);
    uint64_t count = 0;
    if (ready[1].revents != 0)
        IGNORE(read(worker->wake, &count, sizeof count)); // only empties it
}

static void *run(void *context)
{
    struct worker *worker = context;
    while (!atomic_load(&worker->is_ending)) {
        if (atomic_exchange(&worker->is_pending, false)) {
            take_newcomers(worker);
            resume_all(worker);
        }
        IGNORE(MHD_run(worker->daemon)); // what it could not do it can do the next time
        sleep_now(worker);
    }
    return NULL;
}

// ---- a worker's life

// Paths are decoded by target.c, of the raw target.
static size_t leave_escapes(void *context, struct MHD_Connection *mhd, char *text)
{
    (void)context, (void)mhd;
    return strlen(text);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **connection,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)mhd;
    struct worker *worker = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *connection = worker->adding;
        return;
    }
    if (worker->adding == *connection)
        worker->adding = NULL;
    watch_remove(TAKE(*connection));
}

static struct MHD_Daemon *start_daemon(struct worker *worker)
{
    struct http_server *server = worker->server;
    const struct http_server_options *options = &server->options;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
    size_t share = options->connections_max / options->threads + SPARE;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, serve_request, server, MHD_OPTION_NOTIFY_COMPLETED, serve_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, worker, MHD_OPTION_URI_LOG_CALLBACK,
        serve_target, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_escapes, server,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)share, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        options->head_bytes + ANSWER_HEAD_BYTES, STRICTNESS, MHD_OPTION_END);
}

struct worker *worker_start(struct http_server *server)
{
    struct worker *worker = mem_zalloc(sizeof *worker);
    worker->server = server;
    pthread_mutex_init(&worker->lock, NULL);
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    worker->daemon = start_daemon(worker);
    const union MHD_DaemonInfo *info =
        worker->daemon == NULL ? NULL
                               : MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info != NULL && worker->wake >= 0) {
        worker->epoll = info->epoll_fd;
        worker->has_thread = pthread_create(&worker->thread, NULL, run, worker) == 0;
    }
    if (worker->has_thread)
        return worker;
    worker_stop(worker);
    return NULL;
}

// The connections that it never took are closed here; those that it has, by libmicrohttpd.
void worker_stop(struct worker *worker)
{
    if (worker->has_thread) {
        atomic_store(&worker->is_ending, true);
        wake(worker);
        pthread_join(worker->thread, NULL);
        resume_all(worker);
    }
    for (size_t i = 0; i < worker->count; i++) {
        close(worker->newcomers[i].fd);
        watch_remove(worker->newcomers[i].connection);
    }
    if (worker->daemon != NULL)
        MHD_stop_daemon(worker->daemon);
    if (worker->wake >= 0)
        close(worker->wake);
    pthread_mutex_destroy(&worker->lock);
    mem_free_p(&worker->newcomers);
    mem_free_p(&worker);
}
