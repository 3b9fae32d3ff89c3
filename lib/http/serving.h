// SPDX-License-Identifier: MIT
#pragma once

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "http/exchange.h"
#include "http/routes.h"

// Shared by the .c files of the server only. Who does what:
//
//   worker.c    the threads that serve
//   door.c      the thread that accepts and wakes up for what the others need
//   watch.c     the list of connections: deadlines, clients that go, exchanges that wait
//   linger.c    sockets that are read to their end, so that a refusal arrives
//   serve.c     libmicrohttpd's calls: a request from its first line to the end of the answer
//   head.c      what is wrong with a request's head
//   target.c    its path and query
//   answer.c    responses out of answers; those that are kept ready, too
//   problem.c   problem+json
//   exchange.c  what handlers see, and how they suspend and answer
//   stream.c    server-sent events
//   server.c    start, drain, stop
//
// Three kinds of threads: the workers', each with a daemon of libmicrohttpd and connections of its
// own, the door, and the program's. A lock orders before those inside libmicrohttpd.

// ---- connections

// What a connection is doing, for its deadline.
enum phase {
    PHASE_IDLE,  // kept, between requests
    PHASE_HEAD,  // a request line or headers are awaited
    PHASE_BODY,  // a body is
    PHASE_WORK,  // ours to do; no deadline
    PHASE_WRITE, // the answer is being sent
};

#define NO_DEADLINE INT64_MAX

struct worker;

struct http_connection {
    struct http_server *server;
    struct worker *worker;
    int fd;
    uint8_t address[16];
    uint8_t address_bytes; // 4 or 16
    bool lingers;          // the client may still be sending when we close

    // To be resumed by its worker; it is suspended meanwhile, so it is in one list at most.
    struct http_connection *next_to_resume;
    struct MHD_Connection *to_resume;

    _Atomic int phase; // moved by the workers, read by the door
    _Atomic int64_t deadline_ms;

    // Under the server's lock:
    struct http_connection *previous, *next, *next_of_bucket;
    struct http_exchange *waiting; // suspended or streaming
    uint32_t serial;
    int64_t client_gone_ms; // when it closed its side; 0: it has not
};

// ---- exchanges

// What libmicrohttpd keeps beside the bytes of each header line and of each pair of a query.
enum { ITEM_BYTES = 64 };

enum state {
    STATE_RUNNING,   // the server's, on one of libmicrohttpd's threads
    STATE_SUSPENDED, // the program's, without an answer
    STATE_ANSWERED,  // the program's answer is there or in the making
    STATE_CUT,       // answered by the server in the program's place
    STATE_STREAMING,
};

// Headers that the server reads itself, as they came; NULL where absent.
struct head {
    const char *host, *content_length, *transfer_encoding, *content_encoding, *expect, *origin,
        *requested_method, *if_none_match, *accept_encoding;
    uint64_t body_bytes; // by Content-Length
    bool has_body, is_chunked;
};

struct extra_headers {
    size_t count, len;
    struct http_header headers[8];
    char text[512];
};

struct http_exchange {
    struct http_server *server;
    struct http_connection *connection;
    struct MHD_Connection *mhd; // valid until the server's reference is dropped
    uint8_t address[16];        // the connection's
    uint8_t address_bytes;
    atomic_int references; // the server's, the program's, the stream's
    atomic_int state;

    // Written on libmicrohttpd's thread before the program sees it.
    const struct routes_place *place;
    const struct http_route *route;
    const char *method, *target; // target: raw, as libmicrohttpd parsed it
    int64_t arrived_ns;
    struct head head;
    char *path; // raw, without the query; ours
    size_t target_len;
    struct routes_path segments;
    bool is_target_bad; // no path of ours, whatever the table
    struct http_pair *query;
    size_t query_count;
    char *body;
    size_t body_len, body_capacity, request_bytes;
    bool has_begun;      // the head was looked at
    bool is_refused;     // by the server or before the body; what still comes is thrown away
    bool was_handled;    // the handler was called
    bool was_suspended;  // by it
    bool must_close;     // the connection, after the answer
    bool is_head_method; // HEAD

    // The answer; written by whoever holds the exchange.
    struct MHD_Response *response; // NULL until there is one
    bool is_response_shared;       // it is a fixed one's, not ours to give back
    unsigned status;
    uint64_t answer_bytes;
    size_t unsent_bytes; // counted in the server's, until the answer is over
    bool is_abandoned, is_queued;
    struct extra_headers *extra;

    http_gone *gone;
    uint64_t tag;
    bool was_gone_told; // under the server's lock
    struct stream *stream;

    _Alignas(16) uint8_t scratch[HTTP_SCRATCH_BYTES];
    _Alignas(16) char memory[]; // the query's pairs, the path, and what is decoded of both
};

// ---- the server

#define DEFAULT_POLICY "default-src 'none'; frame-ancestors 'none'"

enum { ADDRESS_BUCKETS = 1024, LINGERING_MAX = 128 };
#define LINGERING_TAG (UINT64_C(1) << 63) // of events of the epoll set, with the slot

struct lingering {
    int fd; // -1: free
    int64_t deadline_ms;
    size_t bytes_left;
};

// A call of an http_gone that is due.
struct telling {
    http_gone *gone;
    uint64_t tag;
};

struct http_server {
    struct http_server_options options;
    struct routes *routes;
    char hsts[64]; // "": none
    struct worker **workers;
    unsigned worker_count;
    uint16_t port;

    atomic_size_t open;      // exchanges that have begun and are not over
    atomic_size_t suspended; // connections that libmicrohttpd has suspended for us
    atomic_size_t connection_count;
    atomic_size_t unsent_bytes; // of large bodies that answers hold
    atomic_bool is_draining;
    atomic_bool is_ending;

    // The door's:
    pthread_t door;
    bool has_door;
    int epoll, wake;
    bool is_listening; // has interest in the listener's events
    struct held {
        int fd; // -1: nobody
        struct sockaddr_storage address;
        socklen_t address_len;
    } held; // was accepted, and there is no room
    unsigned next_worker;
    int64_t next_tick_ms;
    struct lingering lingering[LINGERING_MAX];

    pthread_mutex_t lock;
    pthread_cond_t moved; // `open` fell to 0 while draining, or the listener was closed
    int listener;         // -1: closed
    bool is_cutting;      // what would suspend is answered at once
    struct http_connection *connections;
    struct http_connection *buckets[ADDRESS_BUCKETS];
    struct http_connection **by_fd;
    size_t by_fd_count;
    uint32_t next_serial;
    struct telling *tellings;
    size_t telling_count, telling_room;
    int to_linger[LINGERING_MAX]; // sockets for the door
    size_t to_linger_count;
};

// door.c
MUST_CHECK enum err door_open(struct http_server *server, struct why *why);
MUST_CHECK enum err door_start(struct http_server *server, struct why *why);
void door_shut(struct http_server *server); // takes nobody in any more
void door_stop(struct http_server *server); // ends its thread
void door_close(struct http_server *server);
void door_wake(struct http_server *server);

// worker.c
struct worker *worker_start(struct http_server *server); // NULL: no memory, files or threads
void worker_stop(struct worker *worker); // no connection of it is suspended any more
void worker_give(struct worker *worker, struct http_connection *connection,
                 const struct sockaddr_storage *address, socklen_t len);
void worker_resume(struct http_connection *connection, struct MHD_Connection *mhd);

// watch.c: the list of connections
struct http_connection *watch_add(struct http_server *server, int fd,
                                  const struct sockaddr_storage *address);
void watch_remove(struct http_connection *connection); // before its socket is closed; frees it
void watch_free(struct http_server *server);           // those that libmicrohttpd never took
size_t watch_count_of(struct http_server *server, const struct sockaddr_storage *address);
bool watch_evict(struct http_server *server); // ends the one that is most idle; false: none is
void watch_expire(struct http_server *server, int64_t now_ms);
static inline void watch_phase(struct http_connection *connection, enum phase phase,
                               int64_t deadline_ms)
{
    atomic_store_explicit(&connection->phase, (int)phase, memory_order_relaxed);
    atomic_store_explicit(&connection->deadline_ms, deadline_ms, memory_order_relaxed);
}
// The exchange is the program's from now on, in this state; tells it when the client goes.
void watch_begin(struct http_exchange *exchange, enum state state);
void watch_end(struct http_exchange *exchange);
void watch_client_gone(struct http_server *server, uint64_t event); // of the epoll set
void watch_tell(struct http_server *server);                        // calls what is due
void watch_tell_later(struct http_server *server, http_gone *gone, uint64_t tag);
// Every suspended exchange, and from now on every one that would be suspended, is answered with 503
// and told that it is gone; streams end.
void watch_cut(struct http_server *server);

// linger.c
void linger_later(struct http_server *server, int fd); // under the lock
void linger_begin(struct http_server *server);         // the door: those that wait for it
void linger_read(struct http_server *server, size_t slot);
size_t linger_expire(struct http_server *server, int64_t now_ms); // how many are left
void linger_end(struct http_server *server);

// serve.c
void *serve_target(void *server, const char *target, struct MHD_Connection *mhd);
enum MHD_Result serve_request(void *server, struct MHD_Connection *mhd, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **exchange);
void serve_completed(void *server, struct MHD_Connection *mhd, void **exchange,
                     enum MHD_RequestTerminationCode how);

// head.c: NULL, or what the request is refused with. `version` is where libmicrohttpd has it.
const struct http_problem *head_check(struct http_exchange *exchange, const char *version);

// target.c: a fresh exchange with the target cut and decoded.
struct http_exchange *target_new(const char *target);

// answer.c: the response for this exchange, with status and answer_bytes; takes the answer's body.
// Where too many bytes are unsent it is a 503.
void answer_make(struct http_exchange *exchange, const struct http_answer *answer);
void answer_make_fixed(struct http_exchange *exchange, struct http_fixed *fixed);
void answer_make_stream(struct http_exchange *exchange, struct MHD_Response *response);
void answer_make_preflight(struct http_exchange *exchange, const char *allowed);

// problem.c
void answer_make_problem(struct http_exchange *exchange, const struct http_problem *problem);
// A whole answer as bytes, for where libmicrohttpd gives none.
void problem_write_raw(const struct http_exchange *exchange, const struct http_problem *problem,
                       struct text *out);
extern const struct http_problem problem_shutting_down, problem_internal, problem_overloaded;

// exchange.c
void exchange_release(struct http_exchange *exchange); // drops a reference
// Answers in the program's place; true where that was still to be done.
bool exchange_cut(struct http_exchange *exchange);
// Lets libmicrohttpd go on with what was suspended, whose connection is there until then.
void exchange_resume(struct http_connection *connection, struct MHD_Connection *mhd);

// stream.c
void stream_cut(struct http_exchange *exchange);
void stream_over(struct http_exchange *exchange);
void stream_free(struct stream *stream);
