// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// A server's beginning and end, and what it tells of every exchange.

enum { LATE_MS = 20000, MANY = 200 };

struct fixture {
    struct http_server *server;
    uint16_t port;
    pthread_mutex_t lock;
    struct http_exchange *waiting[MANY];
    size_t count;
    atomic_size_t gone;
    struct http_finished finished[MANY]; // of each exchange that is over
    size_t finished_count;
};

static struct fixture fixture;

static void is_gone(void *context, uint64_t tag)
{
    (void)context, (void)tag;
    atomic_fetch_add(&fixture.gone, 1);
}

static void suspend(struct http_exchange *exchange, void *context)
{
    (void)context;
    pthread_mutex_lock(&fixture.lock);
    http_suspend(exchange, is_gone, fixture.count);
    fixture.waiting[fixture.count++] = exchange;
    pthread_mutex_unlock(&fixture.lock);
}

static void quick(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct text text = TEXT_INIT(100);
    IGNORE(text_append_string(&text, "quick"));
    http_answer(exchange,
                &(struct http_answer){.status = 200, .content_type = "text/plain", .body = &text});
}

static const struct http_route routes[] = {
    {"GET", "/quick", quick, NULL, 0, 0, NULL},
    {"POST", "/quick", quick, NULL, 100, 0, NULL},
    {"GET", "/wait", suspend, NULL, 0, 0, NULL},
};

static void finished(void *context, const struct http_finished *finished)
{
    (void)context;
    pthread_mutex_lock(&fixture.lock);
    fixture.finished[fixture.finished_count++] = *finished;
    pthread_mutex_unlock(&fixture.lock);
}

static struct http_server_options options_of(void)
{
    return (struct http_server_options){.address = "127.0.0.1",
                                        .routes = routes,
                                        .route_count = ARRAY_LEN(routes),
                                        .context = &fixture,
                                        .finished = finished};
}

static int open_server(void **state)
{
    (void)state;
    struct why why = {0};
    const struct http_server_options options = options_of();
    fixture = (struct fixture){.count = 0};
    pthread_mutex_init(&fixture.lock, NULL);
    assert_ok(http_server_start(&options, &fixture.server, &why), &why);
    fixture.port = http_server_port(fixture.server);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    http_server_stop(TAKE(fixture.server));
    return 0;
}

#define QUICK "GET /quick HTTP/1.1\r\nHost: a\r\n\r\n"
#define WAIT  "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"

static void moment(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

static void await(const char *what, const size_t *count, size_t expected)
{
    int64_t until_ms = clock_mono_ms() + LATE_MS;
    for (size_t is = 0; is < expected; moment()) {
        pthread_mutex_lock(&fixture.lock);
        is = *count;
        pthread_mutex_unlock(&fixture.lock);
        if (clock_mono_ms() > until_ms)
            fail_msg("%s: %zu of %zu", what, is, expected);
    }
}

static void expect(struct raw *raw, int status, bool closes)
{
    struct raw_answer answer;
    raw_read(raw, false, &answer);
    if (answer.status != status || answer.closes != closes)
        fail_msg("%d%s: %s", answer.status, answer.closes ? " and close" : "",
                 text_string(&answer.body));
    raw_answer_done(&answer);
}

static bool connects(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(fixture.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_there;
}

static void *answer_soon(void *context)
{
    (void)context;
    const struct timespec soon = {.tv_nsec = 300000000};
    nanosleep(&soon, NULL);
    for (size_t i = 0; i < fixture.count; i++)
        http_answer(fixture.waiting[i], &(struct http_answer){.status = 204});
    return NULL;
}

// ---- the beginning

static void an_address_that_cannot_be_used_is_refused(void **state)
{
    (void)state;
    struct http_server *server = NULL;
    struct why why = {0};
    struct http_server_options options = options_of();
    options.port = fixture.port;
    assert_err(http_server_start(&options, &server, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "choose a free one"));
    options.address = "localhost";
    assert_err(http_server_start(&options, &server, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "\"localhost\" is not a numeric address"));
    options = options_of();
    options.connections_max = 1000000000;
    assert_err(http_server_start(&options, &server, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "LimitNOFILE"));
    assert_null(server);
}

static void ipv6_is_served(void **state)
{
    (void)state;
    struct http_server *server = NULL;
    struct why why = {0};
    struct http_server_options options = options_of();
    options.address = "::1";
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = probe >= 0 && bind(probe, (struct sockaddr *)&address, sizeof address) == 0;
    close(probe);
    if (!has_v6)
        skip();
    assert_ok(http_server_start(&options, &server, &why), &why);
    address.sin6_port = htons(http_server_port(server));
    struct raw raw = {.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0),
                      .read = TEXT_INIT(10000)};
    assert_int_equal(connect(raw.fd, (struct sockaddr *)&address, sizeof address), 0);
    raw_say(&raw, QUICK);
    expect(&raw, 200, false);
    raw_close(&raw);
    http_server_stop(server);
}

// ---- the end

static void a_server_that_nobody_asked_ends(void **state)
{
    (void)state; // that is all: started before, stopped after
    struct raw raw = raw_connect(fixture.port);
    http_server_stop(TAKE(fixture.server));
    assert_true(raw_ends(&raw, LATE_MS));
    raw_close(&raw);
    assert_false(connects());
}

static void draining_waits_for_those_who_wait(void **state)
{
    (void)state;
    struct raw raws[5], idle = raw_connect(fixture.port);
    raw_say(&idle, QUICK);
    expect(&idle, 200, false);
    for (size_t i = 0; i < 5; i++) {
        raws[i] = raw_connect(fixture.port);
        raw_say(&raws[i], WAIT);
    }
    await("waiting", &fixture.count, 5);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer_soon, NULL), 0);
    assert_true(http_server_drain(fixture.server, LATE_MS));
    pthread_join(thread, NULL);
    assert_false(connects());
    for (size_t i = 0; i < 5; i++) {
        expect(&raws[i], 204, true);
        assert_true(raw_ends(&raws[i], LATE_MS));
        raw_close(&raws[i]);
    }
    raw_say(&idle, QUICK WAIT); // a kept connection gets one refusal, and closes
    expect(&idle, 503, true);
    assert_true(raw_ends(&idle, LATE_MS));
    raw_close(&idle);
    assert_int_equal(http_server_open(fixture.server), 0);
    assert_int_equal(atomic_load(&fixture.gone), 0);
}

static void what_is_left_at_the_deadline_is_answered_and_told(void **state)
{
    (void)state;
    struct raw raws[5];
    for (size_t i = 0; i < 5; i++) {
        raws[i] = raw_connect(fixture.port);
        raw_say(&raws[i], WAIT);
    }
    await("waiting", &fixture.count, 5);
    int64_t begin_ms = clock_mono_ms();
    assert_false(http_server_drain(fixture.server, 300));
    assert_true(clock_mono_ms() - begin_ms >= 290);
    for (size_t i = 0; i < 5; i++) {
        expect(&raws[i], 503, true);
        raw_close(&raws[i]);
    }
    http_answer(fixture.waiting[0], &(struct http_answer){.status = 204}); // does nothing
    http_server_stop(TAKE(fixture.server));
    assert_int_equal(atomic_load(&fixture.gone), 5);
    struct text text = TEXT_INIT(10);
    IGNORE(text_append_string(&text, "late"));
    http_answer(fixture.waiting[1], &(struct http_answer){.status = 200, .body = &text});
    http_answer_problem(fixture.waiting[2],
                        &(struct http_problem){.status = 503, .code = "x", .title = "X"});
    http_abandon(fixture.waiting[3]);
    http_add_header(fixture.waiting[4], "X", "y");
    http_answer(fixture.waiting[4], &(struct http_answer){.status = 204});
    assert_null(text.data);
    for (size_t i = 0; i < fixture.finished_count; i++)
        assert_int_equal(fixture.finished[i].status, 503);
    assert_int_equal(fixture.finished_count, 5);
}

static void *stop_now(void *context)
{
    (void)context;
    http_server_stop(TAKE(fixture.server));
    return NULL;
}

static void a_stop_in_the_middle_of_everything_does_no_harm(void **state)
{
    for (int round = 0; round < 20; round++) {
        struct raw raws[20];
        pthread_t thread;
        for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
            raws[i] = raw_connect(fixture.port);
            raw_say(&raws[i], "%s", i % 2 == 0 ? WAIT : QUICK);
        }
        assert_int_equal(pthread_create(&thread, NULL, stop_now, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(raws); i++)
            IGNORE(raw_try(&raws[i], QUICK WAIT, strlen(QUICK WAIT)));
        for (bool is_over = false; !is_over; moment()) { // somebody answers all the while
            is_over = pthread_tryjoin_np(thread, NULL) == 0;
            pthread_mutex_lock(&fixture.lock);
            for (size_t i = 0; i < fixture.count; i++)
                http_answer(fixture.waiting[i], &(struct http_answer){.status = 204});
            fixture.count = 0;
            pthread_mutex_unlock(&fixture.lock);
        }
        for (size_t i = 0; i < ARRAY_LEN(raws); i++)
            raw_close(&raws[i]);
        open_server(state);
    }
}

// ---- what is told

static void every_exchange_is_told_when_it_is_over(void **state)
{
    (void)state;
    struct raw raw = raw_connect(fixture.port);
    raw_say(&raw, QUICK);
    expect(&raw, 200, false);
    raw_say(&raw, "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    expect(&raw, 200, false);
    raw_say(&raw, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(&raw, 404, false);
    raw_say(&raw, "BREW /quick HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(&raw, 501, false);
    raw_say(&raw, "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
    expect(&raw, 413, true);
    raw_close(&raw);
    await("finished", &fixture.finished_count, 5);
    raw = raw_connect(fixture.port);
    raw_say(&raw, WAIT);
    await("waiting", &fixture.count, 1);
    raw_close(&raw);
    int64_t until_ms = clock_mono_ms() + LATE_MS;
    for (; atomic_load(&fixture.gone) == 0; moment())
        assert_true(clock_mono_ms() < until_ms);
    http_abandon(fixture.waiting[0]);
    await("finished", &fixture.finished_count, 6);
    raw = raw_connect(fixture.port);
    raw_say(&raw, "POST /quick HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nab");
    for (; http_server_open(fixture.server) == 0; moment())
        assert_true(clock_mono_ms() < until_ms);
    raw_reset(&raw);
    await("finished", &fixture.finished_count, 7);
    const struct http_finished expected[] = {
        {&routes[0], "GET", 200, 0, 0, 5, false},    {&routes[1], "POST", 200, 0, 3, 5, false},
        {NULL, "GET", 404, 0, 0, 166, false},        {NULL, "other", 501, 0, 0, 173, false},
        {&routes[1], "POST", 413, 0, 0, 162, false}, {&routes[2], "GET", 0, 0, 0, 0, true},
        {&routes[1], "POST", 0, 0, 2, 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct http_finished *is = &fixture.finished[i], *other = &expected[i];
        if (is->route != other->route || strcmp(is->method, other->method) != 0 ||
            is->status != other->status || is->request_bytes > other->request_bytes ||
            is->answer_bytes != other->answer_bytes || is->is_cut != other->is_cut ||
            is->duration_ns < 0)
            fail_msg("%zu: %s %u, %zu bytes, %zu bytes%s", i, is->method, is->status,
                     is->request_bytes, (size_t)is->answer_bytes, is->is_cut ? ", cut" : "");
    }
    assert_int_equal(http_server_open(fixture.server), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)
    const struct CMUnitTest tests[] = {
        TEST(an_address_that_cannot_be_used_is_refused),
        TEST(ipv6_is_served),
        TEST(a_server_that_nobody_asked_ends),
        TEST(draining_waits_for_those_who_wait),
        TEST(what_is_left_at_the_deadline_is_answered_and_told),
        TEST(a_stop_in_the_middle_of_everything_does_no_harm),
        TEST(every_exchange_is_told_when_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
