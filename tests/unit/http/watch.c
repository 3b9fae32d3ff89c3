// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// Clients that take their time: every phase has an absolute deadline, and those who hold
// connections do not keep others out.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURES false // a sanitizer's time is not ours
#else
#define MEASURES true
#endif

enum { TIMEOUT_MS = 600, LATE_MS = 20000, LARGE = 16 * 1024 * 1024, SLOW = 1000, HONEST = 300 };

struct fixture {
    struct http_server *server;
    uint16_t port;
    char *document;
    _Atomic(struct http_exchange *) last;
};

static void is_gone(void *context, uint64_t tag)
{
    (void)context, (void)tag; // the test ends what it holds
}

static void suspend(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    http_suspend(exchange, is_gone, 1);
    atomic_store(&fixture->last, exchange);
}

static void quick(struct http_exchange *exchange, void *context)
{
    (void)context;
    http_answer(exchange, &(struct http_answer){.status = 204});
}

static void large(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    http_answer(exchange, &(struct http_answer){.status = 200,
                                                .content_type = "text/plain",
                                                .constant = bytes_of(fixture->document, LARGE)});
}

// A body of its own.
static void listing(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct text body = TEXT_INIT(LARGE);
    char *room = text_room(&body, LARGE - 1);
    assert_non_null(room);
    memset(room, 'x', LARGE - 1);
    body.len = LARGE - 1;
    http_answer(exchange,
                &(struct http_answer){.status = 200, .content_type = "text/plain", .body = &body});
}

static const struct http_route routes[] = {
    {"GET", "/listing", listing, NULL, 0, 0, NULL}, {"GET", "/quick", quick, NULL, 0, 0, NULL},
    {"POST", "/quick", quick, NULL, 1000, 0, NULL}, {"GET", "/wait", suspend, NULL, 0, 0, NULL},
    {"GET", "/large", large, NULL, 0, 0, NULL},     {"POST", "/listing", listing, NULL, 0, 0, NULL},
};

static struct fixture fixture;

static void open_server(const struct http_server_options *from)
{
    struct why why = {0};
    struct http_server_options options = *from;
    options.address = "127.0.0.1";
    options.routes = routes;
    options.route_count = ARRAY_LEN(routes);
    options.context = &fixture;
    fixture = (struct fixture){.document = mem_array(LARGE, 1)};
    assert_ok(http_server_start(&options, &fixture.server, &why), &why);
    fixture.port = http_server_port(fixture.server);
}

static const struct http_server_options hasty = {.head_timeout_ms = TIMEOUT_MS,
                                                 .body_timeout_ms = TIMEOUT_MS,
                                                 .write_timeout_ms = TIMEOUT_MS,
                                                 .idle_timeout_ms = TIMEOUT_MS};

static int close_server(void **state)
{
    (void)state;
    http_server_stop(fixture.server);
    mem_free_p(&fixture.document);
    return 0;
}

#define QUICK "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"

static void expect_status(struct raw *raw, int status)
{
    struct raw_answer answer;
    raw_read(raw, false, &answer);
    assert_int_equal(answer.status, status);
    raw_answer_done(&answer);
}

// ---- slow clients

// Sends a byte every 50 ms, of `bytes` or, where these are over, "x"; how long that went well.
static int64_t drip(struct raw *raw, const char *bytes)
{
    int64_t begin_ms = clock_mono_ms();
    struct pollfd ready = {.fd = raw->fd, .events = POLLIN | POLLRDHUP};
    while (clock_mono_ms() - begin_ms < LATE_MS) {
        if (poll(&ready, 1, 50) > 0)
            return clock_mono_ms() - begin_ms;
        if (send(raw->fd, *bytes == '\0' ? "x" : bytes, 1, MSG_NOSIGNAL) < 0)
            return clock_mono_ms() - begin_ms;
        bytes += *bytes != '\0';
    }
    fail_msg("a slow client may go on for %d ms", LATE_MS);
    return 0;
}

static void expect_cut_after(struct raw *raw, const char *bytes)
{
    int64_t took_ms = drip(raw, bytes);
    if (took_ms < TIMEOUT_MS - 50)
        fail_msg("cut off after %lld ms", (long long)took_ms);
    if (MEASURES)
        assert_true(took_ms < 10 * TIMEOUT_MS); // the machine may be slow
    raw_close(raw);
}

static void a_head_that_drips_is_cut_off(void **state)
{
    (void)state;
    open_server(&hasty);
    static const char *const heads[] = {
        "", "GET /quick HTTP/1.1\r\nHost: a\r\nX-Long: ", "GET /quick?", "\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct raw raw = raw_connect(fixture.port);
        expect_cut_after(&raw, heads[i]);
    }
    struct raw raw = raw_connect(fixture.port); // nor does a silent one stay
    assert_false(raw_ends(&raw, TIMEOUT_MS / 2));
    assert_true(raw_ends(&raw, LATE_MS));
    raw_close(&raw);
}

static void a_kept_connection_that_drips_is_cut_off(void **state)
{
    (void)state;
    open_server(&hasty);
    struct raw raw = raw_connect(fixture.port);
    raw_say(&raw, QUICK);
    expect_status(&raw, 204);
    expect_cut_after(&raw, "GET /quick HTTP/1.1\r\nX: ");
    raw = raw_connect(fixture.port);
    raw_say(&raw, QUICK);
    expect_status(&raw, 204);
    assert_false(raw_ends(&raw, TIMEOUT_MS / 2));
    assert_true(raw_ends(&raw, LATE_MS));
    raw_close(&raw);
}

static void a_body_that_drips_is_cut_off_and_told(void **state)
{
    (void)state;
    open_server(&hasty);
    struct raw raw = raw_connect(fixture.port);
    raw_say(&raw, "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    expect_cut_after(&raw, "");
    raw = raw_connect(fixture.port);
    raw_say(&raw, "POST /quick HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n");
    expect_cut_after(&raw, "");
    raw = raw_connect(fixture.port);
    raw_say(&raw, "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nxx");
    assert_int_equal(raw_last(&raw), 408);
    raw_close(&raw);
}

static void who_reads_slowly_is_cut_off(void **state)
{
    (void)state;
    open_server(&hasty);
    struct raw raw = raw_connect(fixture.port);
    int small = 4096;
    setsockopt(raw.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    raw_say(&raw, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    int64_t begin_ms = clock_mono_ms();
    char byte;
    while (recv(raw.fd, &byte, 1, 0) > 0) { // drips, too
        poll(NULL, 0, 20);
        assert_true(clock_mono_ms() - begin_ms < LATE_MS);
        if (http_server_open(fixture.server) == 0)
            break; // what is in the kernel's buffers may still come
    }
    assert_true(clock_mono_ms() - begin_ms >= TIMEOUT_MS - 50);
    raw_close(&raw);
}

static int status_of_listing(const char *method)
{
    struct raw raw = raw_connect(fixture.port);
    struct raw_answer answer;
    raw_say(&raw, "%s /listing HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", method);
    raw_read(&raw, false, &answer);
    int status = answer.status;
    raw_answer_done(&answer);
    raw_close(&raw);
    return status;
}

static void what_slow_clients_leave_unread_is_bounded(void **state)
{
    (void)state;
    const struct http_server_options options = {.unsent_bytes = 2 * LARGE - 1};
    open_server(&options);
    assert_int_equal(status_of_listing("GET"), 200); // what was read counts no more
    assert_int_equal(status_of_listing("GET"), 200);
    struct raw slow = raw_connect(fixture.port);
    raw_say(&slow, "GET /listing HTTP/1.1\r\nHost: a\r\n\r\n");
    char byte;
    assert_int_equal(recv(slow.fd, &byte, 1, 0), 1); // it is there, and most of it unsent
    assert_int_equal(status_of_listing("GET"), 503);
    assert_int_equal(status_of_listing("POST"), 200); // of what was done is told
    struct raw other = raw_connect(fixture.port);
    raw_say(&other, QUICK);
    expect_status(&other, 204); // small answers go on
    raw_close(&other);
    raw_close(&slow);
    int64_t end_ms = clock_mono_ms() + LATE_MS;
    while (status_of_listing("GET") != 200)
        assert_true(clock_mono_ms() < end_ms);
}

static void who_waits_for_us_has_time(void **state)
{
    (void)state;
    open_server(&hasty);
    struct raw raw = raw_connect(fixture.port);
    raw_say(&raw, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(raw_ends(&raw, 4 * TIMEOUT_MS)); // longer than every time-out
    http_answer(atomic_load(&fixture.last), &(struct http_answer){.status = 204});
    expect_status(&raw, 204);
    raw_close(&raw);
}

// ---- limits

static void await_connections(size_t count)
{
    int64_t until_ms = clock_mono_ms() + LATE_MS;
    while (http_server_connections(fixture.server) != count) {
        assert_true(clock_mono_ms() < until_ms);
        poll(NULL, 0, 1);
    }
}

static void the_longest_idle_connection_goes_where_there_are_too_many(void **state)
{
    enum { MAX = 20 };
    (void)state;
    open_server(&(struct http_server_options){.connections_max = MAX});
    struct raw idle[MAX], others[MAX];
    for (size_t i = 0; i < MAX; i++) {
        idle[i] = raw_connect(fixture.port);
        if (i % 2 == 0) {
            raw_say(&idle[i], QUICK);
            expect_status(&idle[i], 204);
        }
        await_connections(i + 1);
    }
    for (size_t i = 0; i < MAX; i++) {
        others[i] = raw_connect(fixture.port);
        raw_say(&others[i], QUICK);
        expect_status(&others[i], 204); // and so each other one idles, too
    }
    size_t closed = 0;
    for (size_t i = 0; i < MAX; i++)
        closed += raw_ends(&idle[i], 0);
    assert_in_range(closed, MAX / 2, MAX);
    assert_true(raw_ends(&idle[0], LATE_MS)); // kept ones before fresh ones, the oldest first
    for (size_t i = 0; i < MAX; i++) {
        raw_close(&idle[i]);
        raw_close(&others[i]);
    }
}

static void who_is_at_work_is_not_put_out_and_others_wait(void **state)
{
    enum { MAX = 4 };
    (void)state;
    open_server(&(struct http_server_options){.connections_max = MAX});
    struct raw raws[MAX];
    struct http_exchange *exchanges[MAX];
    for (size_t i = 0; i < MAX; i++) {
        raws[i] = raw_connect(fixture.port);
        raw_say(&raws[i], "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        int64_t until_ms = clock_mono_ms() + LATE_MS;
        while ((exchanges[i] = atomic_exchange(&fixture.last, NULL)) == NULL)
            assert_true(clock_mono_ms() < until_ms);
    }
    struct raw late = raw_connect(fixture.port); // the kernel takes it
    raw_say(&late, QUICK);
    assert_false(raw_ends(&late, 300));
    http_abandon(exchanges[0]);
    expect_status(&late, 204);
    for (size_t i = 1; i < MAX; i++) {
        http_answer(exchanges[i], &(struct http_answer){.status = 204});
        expect_status(&raws[i], 204);
    }
    for (size_t i = 0; i < MAX; i++)
        raw_close(&raws[i]);
    raw_close(&late);
}

static struct raw connect_from(const char *address)
{
    struct raw raw = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                      .read = TEXT_INIT(1000)};
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons(fixture.port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(inet_pton(AF_INET, address, &own.sin_addr), 1);
    assert_int_equal(bind(raw.fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(raw.fd, (struct sockaddr *)&server, sizeof server), 0);
    return raw;
}

static void an_address_has_so_many_connections_and_no_more(void **state)
{
    enum { MAX = 3 };
    (void)state;
    open_server(&(struct http_server_options){.per_address_max = MAX});
    struct raw raws[MAX];
    for (size_t i = 0; i < MAX; i++) {
        raws[i] = raw_connect(fixture.port);
        await_connections(i + 1);
    }
    struct raw other = raw_connect(fixture.port);
    assert_true(raw_ends(&other, LATE_MS));
    raw_close(&other);
    other = connect_from("127.0.0.2"); // somebody else is let in
    raw_say(&other, QUICK);
    expect_status(&other, 204);
    raw_close(&raws[0]);
    await_connections(MAX); // two, and the other address
    raws[0] = raw_connect(fixture.port);
    raw_say(&raws[0], QUICK);
    expect_status(&raws[0], 204);
    for (size_t i = 0; i < MAX; i++)
        raw_close(&raws[i]);
    raw_close(&other);
}

// ---- an honest client among slow ones

static int by_size(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

// The 99th of 100 answers, in microseconds.
static int64_t honest_us(void)
{
    int64_t took[HONEST];
    struct raw raw = raw_connect(fixture.port);
    for (size_t i = 0; i < HONEST; i++) {
        int64_t begin_ns = clock_mono_ns();
        raw_say(&raw, QUICK);
        expect_status(&raw, 204);
        took[i] = clock_mono_ns() - begin_ns;
    }
    raw_close(&raw);
    qsort(took, HONEST, sizeof *took, by_size);
    return took[HONEST * 99 / 100] / 1000;
}

static void a_thousand_slow_clients_do_not_hold_up_an_honest_one(void **state)
{
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 16384)
        skip();
    open_server(&(struct http_server_options){.head_timeout_ms = 60000, .body_timeout_ms = 60000});
    int64_t alone_us = honest_us();
    CLEANUP(mem_free_p) struct raw *slow = mem_array(SLOW, sizeof *slow);
    for (size_t i = 0; i < SLOW; i++) {
        static const char *const requests[] = {
            "GET /quick HTTP/1.1\r\nHost: a\r\nX: ",
            "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n",
            "GET /large HTTP/1.1\r\nHost: a\r\n\r\n"};
        int small = 4096;
        slow[i] = raw_connect(fixture.port);
        setsockopt(slow[i].fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        raw_say(&slow[i], "%s", requests[i % 3]);
    }
    await_connections(SLOW);
    for (size_t i = 0; i < SLOW; i++)
        IGNORE(send(slow[i].fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT)); // they drip
    int64_t among_us = honest_us();
    print_message("p99 of an honest client: %lld us alone, %lld us among %d slow ones\n",
                  (long long)alone_us, (long long)among_us, SLOW);
    if (MEASURES)
        assert_true(among_us < 1000000); // of one second; what is exact is measured elsewhere
    for (size_t i = 0; i < SLOW; i++)
        raw_close(&slow[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_head_that_drips_is_cut_off, close_server),
        cmocka_unit_test_teardown(a_kept_connection_that_drips_is_cut_off, close_server),
        cmocka_unit_test_teardown(a_body_that_drips_is_cut_off_and_told, close_server),
        cmocka_unit_test_teardown(who_reads_slowly_is_cut_off, close_server),
        cmocka_unit_test_teardown(what_slow_clients_leave_unread_is_bounded, close_server),
        cmocka_unit_test_teardown(who_waits_for_us_has_time, close_server),
        cmocka_unit_test_teardown(the_longest_idle_connection_goes_where_there_are_too_many,
                                  close_server),
        cmocka_unit_test_teardown(who_is_at_work_is_not_put_out_and_others_wait, close_server),
        cmocka_unit_test_teardown(an_address_has_so_many_connections_and_no_more, close_server),
        cmocka_unit_test_teardown(a_thousand_slow_clients_do_not_hold_up_an_honest_one,
                                  close_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
