// SPDX-License-Identifier: MIT
// The HTTP servers that tests/bench/http and tests/bench/gateway compare with. `bare` is
// libmicrohttpd alone: it reads the body into memory and answers with a status and so many bytes,
// made once. `ours` is lib/http's server without a program behind it. Prints its port, and runs
// until its standard input ends.
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"
#include "http/exchange.h"

enum {
    THREADS_MAX = 64,
    CONNECTIONS = 4096,
    MEMORY = 10 * 1024, // of a connection, as ours has; it is cleared for each request
    BODY_MAX = 64 * 1024,
    HANDED_MAX = 16384,
};

static void serve_until_told(unsigned port)
{
    char end = 0;
    printf("%u\n", port);
    fflush(stdout);
    while (read(STDIN_FILENO, &end, 1) > 0)
        continue;
}

// ---- libmicrohttpd alone

struct bare {
    struct MHD_Response *response;
    unsigned status;
};

struct call {
    char *body;
    size_t len;
};

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_bytes, void **place)
{
    (void)path, (void)method, (void)version;
    const struct bare *bare = context;
    struct call *call = *place;
    if (call == NULL) {
        *place = mem_zalloc(sizeof *call);
        return MHD_YES;
    }
    if (*upload_bytes > 0) {
        call->body = mem_grow(call->body, call->len + *upload_bytes, 1);
        memcpy(call->body + call->len, upload, *upload_bytes);
        call->len += *upload_bytes;
        *upload_bytes = 0;
        return MHD_YES;
    }
    return MHD_queue_response(connection, bare->status, bare->response);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **place,
                         enum MHD_RequestTerminationCode how)
{
    (void)context, (void)connection, (void)how;
    struct call *call = *place;
    if (call != NULL)
        free(call->body);
    free(call);
}

struct worker {
    struct MHD_Daemon *daemon;
    int epoll;
    pthread_t thread;
};

static atomic_bool is_over;

// As lib/http's worker.c and for its reason: with 128 connections ready at once libmicrohttpd's own
// threads can sleep for ever.
static void *serve(void *context)
{
    struct worker *worker = context;
    while (!atomic_load(&is_over)) {
        MHD_UNSIGNED_LONG_LONG due_ms = 0;
        struct pollfd ready = {.fd = worker->epoll, .events = POLLIN};
        IGNORE(MHD_run(worker->daemon)); // what it could not do it can do the next time
        bool is_due = MHD_get_timeout(worker->daemon, &due_ms) == MHD_YES && due_ms == 0;
        if (!is_due)
            IGNORE(poll(&ready, 1, 100)); // and looks whether it is over
    }
    return NULL;
}

static bool start(struct worker *worker, struct bare *bare, struct sockaddr_in *address)
{
    worker->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, bare, MHD_OPTION_SOCK_ADDR, address,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_END);
    if (worker->daemon == NULL)
        return false;
    worker->epoll = MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    address->sin_port = htons(MHD_get_daemon_info(worker->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return pthread_create(&worker->thread, NULL, serve, worker) == 0;
}

static int run_bare(unsigned threads, unsigned status, size_t bytes)
{
    struct worker workers[THREADS_MAX];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CLEANUP(mem_free_p) char *body = mem_array(bytes + 1, 1);
    memset(body, 'x', bytes);
    struct bare bare = {MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_PERSISTENT),
                        status};
    IGNORE(
        MHD_add_response_header(bare.response, "Content-Type", "application/json")); // has memory
    for (unsigned i = 0; i < threads; i++)
        if (!start(&workers[i], &bare, &address)) {
            fprintf(stderr, "bench-server: cannot start\n");
            return 1;
        }
    serve_until_told(ntohs(address.sin_port));
    atomic_store(&is_over, true);
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        MHD_stop_daemon(workers[i].daemon);
    }
    MHD_destroy_response(bare.response);
    return 0;
}

// ---- ours

struct ours {
    struct http_fixed *refusal;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct http_exchange *handed[HANDED_MAX];
    size_t count;
    bool is_ending;
};

static void refuse(struct http_exchange *exchange, void *context)
{
    struct ours *ours = context;
    http_answer_fixed(exchange, ours->refusal);
}

static void answer_fresh(struct http_exchange *exchange)
{
    struct text text = TEXT_INIT(BODY_MAX);
    IGNORE(text_printf(&text, "{\"churn_probability\":%.17g,\"request_bytes\":%zu}", 0.78,
                       http_body(exchange).len)); // fits
    http_answer(exchange, &(struct http_answer){
                              .status = 200, .content_type = "application/json", .body = &text});
}

static void fresh(struct http_exchange *exchange, void *context)
{
    (void)context;
    answer_fresh(exchange);
}

static void gone(void *context, uint64_t tag)
{
    (void)context, (void)tag; // it is answered in a moment
}

static void suspend(struct http_exchange *exchange, void *context)
{
    struct ours *ours = context;
    http_suspend(exchange, gone, 0);
    pthread_mutex_lock(&ours->lock);
    ours->handed[ours->count++] = exchange; // as many as there are connections, at most
    pthread_cond_signal(&ours->moved);
    pthread_mutex_unlock(&ours->lock);
}

static void *answer_handed(void *context)
{
    struct ours *ours = context;
    pthread_mutex_lock(&ours->lock);
    while (!ours->is_ending) {
        if (ours->count == 0) {
            pthread_cond_wait(&ours->moved, &ours->lock);
            continue;
        }
        struct http_exchange *exchange = ours->handed[--ours->count];
        pthread_mutex_unlock(&ours->lock);
        answer_fresh(exchange);
        pthread_mutex_lock(&ours->lock);
    }
    pthread_mutex_unlock(&ours->lock);
    return NULL;
}

static const struct http_route routes[] = {
    {"POST", "/fixed", refuse, NULL, BODY_MAX, 0, NULL},
    {"POST", "/fresh", fresh, NULL, BODY_MAX, 0, NULL},
    {"POST", "/suspended", suspend, NULL, BODY_MAX, 0, NULL}};

static int run_ours(unsigned threads)
{
    static struct ours ours;
    const struct http_header bearer = {"WWW-Authenticate", "Bearer"};
    const struct http_server_options options = {.address = "127.0.0.1",
                                                .threads = threads,
                                                .routes = routes,
                                                .route_count = ARRAY_LEN(routes),
                                                .context = &ours};
    CLEANUP(http_server_stop_p) struct http_server *server = NULL;
    struct why why = {0};
    pthread_t thread;
    pthread_mutex_init(&ours.lock, NULL);
    pthread_cond_init(&ours.moved, NULL);
    ours.refusal = http_fixed_problem(&(struct http_problem){.status = 401,
                                                             .code = "no-token",
                                                             .title = "An access token is needed",
                                                             .headers = &bearer,
                                                             .header_count = 1});
    if (http_server_start(&options, &server, &why) != ERR_OK ||
        pthread_create(&thread, NULL, answer_handed, &ours) != 0) {
        fprintf(stderr, "bench-server: %s\n", why.text);
        return 1;
    }
    serve_until_told(http_server_port(server));
    pthread_mutex_lock(&ours.lock);
    ours.is_ending = true;
    pthread_cond_signal(&ours.moved);
    pthread_mutex_unlock(&ours.lock);
    pthread_join(thread, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    int64_t threads = 0, status = 0, bytes = 0;
    bool is_bare = argc == 5 && strcmp(argv[1], "bare") == 0;
    bool is_ours = argc == 3 && strcmp(argv[1], "ours") == 0;
    if ((!is_bare && !is_ours) ||
        parse_i64(bytes_from_string(argv[2]), 1, THREADS_MAX, &threads, NULL) != ERR_OK ||
        (is_bare && (parse_i64(bytes_from_string(argv[3]), 200, 599, &status, NULL) != ERR_OK ||
                     parse_i64(bytes_from_string(argv[4]), 0, BODY_MAX, &bytes, NULL) != ERR_OK))) {
        fprintf(stderr, "usage: bench-server bare THREADS STATUS BYTES | ours THREADS\n");
        return 2;
    }
    return is_bare ? run_bare((unsigned)threads, (unsigned)status, (size_t)bytes)
                   : run_ours((unsigned)threads);
}
