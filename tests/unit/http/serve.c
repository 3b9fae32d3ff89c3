// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// Bodies of every length, connections that go on and end; with a real server.

enum { BODY_MAX = 1000, LARGE_BODY_MAX = 1024 * 1024 };

struct fixture {
    struct http_server *server;
    uint16_t port;
};

// Gives the body back, behind its length.
static void echo(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct text text = TEXT_INIT(2 * LARGE_BODY_MAX);
    struct bytes body = http_body(exchange);
    assert_int_equal(body.data[body.len], 0);
    IGNORE(text_printf(&text, "%zu:", body.len));
    IGNORE(text_append(&text, body.data, body.len));
    const struct http_answer answer = {.status = 200, .content_type = "text/plain", .body = &text};
    http_answer(exchange, &answer);
}

static void forbid(struct http_exchange *exchange, void *context)
{
    (void)context;
    const struct http_problem problem = {.status = 403, .code = "no", .title = "No"};
    if (http_header(exchange, "X-Allow") == NULL)
        http_answer_problem(exchange, &problem);
}

static atomic_bool is_blocked, is_released;

// Keeps its worker from looking at anything else.
static void block(struct http_exchange *exchange, void *context)
{
    (void)context;
    const struct timespec moment = {.tv_nsec = 1000000};
    atomic_store(&is_blocked, true);
    while (!atomic_load(&is_released))
        nanosleep(&moment, NULL);
    http_answer(exchange, &(struct http_answer){.status = 204});
}

static const struct http_route routes[] = {
    {"GET", "/block", block, NULL, 0, 0, NULL},
    {"GET", "/", echo, NULL, 0, 0, NULL},
    {"POST", "/predict", echo, NULL, BODY_MAX, 0, NULL},
    {"POST", "/large", echo, NULL, LARGE_BODY_MAX, 0, NULL},
    {"GET", "/closed", echo, forbid, 0, 0, NULL},
    {"POST", "/closed", echo, forbid, LARGE_BODY_MAX, 0, NULL},
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct why why = {0};
    const struct http_server_options options = {
        .address = "127.0.0.1", .routes = routes, .route_count = ARRAY_LEN(routes)};
    assert_ok(http_server_start(&options, &fixture.server, &why), &why);
    fixture.port = http_server_port(fixture.server);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    http_server_stop(fixture->server);
    return 0;
}

static void expect_problem(const struct raw_answer *answer, int status, const char *code)
{
    CLEANUP(mem_free_p) char *member = mem_printf("\"code\":\"%s\"", code);
    if (answer->status != status || strstr(text_string(&answer->body), member) == NULL)
        fail_msg("%d %s is not %d %s", answer->status, text_string(&answer->body), status, code);
    raw_expect_header(answer, "Content-Type", "application/problem+json");
}

// ---- bodies

static void post(struct raw *raw, const char *path, size_t len)
{
    CLEANUP(mem_free_p) char *body = mem_array(len + 1, 1);
    memset(body, 'x', len);
    raw_say(raw, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", path, len);
    IGNORE(raw_try(raw, body, len)); // the server may have closed
}

static void post_chunked(struct raw *raw, const char *path, size_t chunk, size_t count)
{
    CLEANUP(mem_free_p) char *body = mem_array(chunk + 3, 1);
    memset(body, 'x', chunk);
    memcpy(body + chunk, "\r\n", 2);
    raw_say(raw, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    bool goes_on = true;
    for (size_t i = 0; i < count && goes_on; i++) {
        char size[20];
        snprintf(size, sizeof size, "%zx\r\n", chunk);
        goes_on = raw_try(raw, size, strlen(size)) && raw_try(raw, body, chunk + 2);
    }
    if (goes_on)
        IGNORE(raw_try(raw, "0\r\n\r\n", 5));
}

static void expect_body(struct raw *raw, size_t len)
{
    struct raw_answer answer;
    raw_read(raw, false, &answer);
    char mark[40];
    snprintf(mark, sizeof mark, "%zu:", len);
    if (answer.status != 200 || strncmp(text_string(&answer.body), mark, strlen(mark)) != 0)
        fail_msg("%d %.100s, not %s", answer.status, text_string(&answer.body), mark);
    assert_int_equal(strspn(strchr(answer.body.data, ':') + 1, "x"), len);
    raw_answer_done(&answer);
}

static void a_body_comes_whole_up_to_the_routes_limit(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    static const size_t sizes[] = {0, 1, BODY_MAX - 1, BODY_MAX};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        post(&raw, "/predict", sizes[i]);
        expect_body(&raw, sizes[i]);
    }
    post(&raw, "/large", LARGE_BODY_MAX);
    expect_body(&raw, LARGE_BODY_MAX);
    raw_say(&raw, "POST /predict HTTP/1.1\r\nHost: a\r\n\r\n"); // neither length nor chunks
    expect_body(&raw, 0);
    raw_close(&raw);
}

static void chunks_are_put_together_and_the_connection_ends(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        size_t chunk, count;
    } cases[] = {{"/predict", 1, 5},
                 {"/predict", BODY_MAX, 1},
                 {"/predict", BODY_MAX / 10, 10},
                 {"/predict", 0, 0},
                 {"/large", 4096, LARGE_BODY_MAX / 4096}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw raw = raw_connect(fixture->port);
        post_chunked(&raw, cases[i].path, cases[i].chunk, cases[i].count);
        expect_body(&raw, cases[i].chunk * cases[i].count);
        assert_true(raw_ends(&raw, 5000));
        raw_close(&raw);
    }
}

static void a_larger_body_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        size_t len;
    } cases[] = {{"/predict", BODY_MAX + 1},
                 {"/large", LARGE_BODY_MAX + 1},
                 {"/large", 8 * LARGE_BODY_MAX},
                 {"/predict", 999999}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw raw = raw_connect(fixture->port);
        struct raw_answer answer;
        raw_say(&raw, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", cases[i].path,
                cases[i].len);
        raw_read(&raw, false, &answer); // not a byte of the body was sent
        expect_problem(&answer, 413, "body-too-large");
        assert_true(answer.closes);
        raw_answer_done(&answer);
        raw_close(&raw);
        raw = raw_connect(fixture->port);
        post(&raw, cases[i].path, cases[i].len); // a client that sends first must get it, too
        raw_read(&raw, false, &answer);
        expect_problem(&answer, 413, "body-too-large");
        raw_answer_done(&answer);
        assert_true(raw_ends(&raw, 5000));
        raw_close(&raw);
    }
}

static void chunks_are_counted_and_refused_where_they_grow_over_the_limit(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        size_t chunk, count;
    } cases[] = {{"/predict", BODY_MAX + 1, 1},
                 {"/predict", 100, 11},
                 {"/large", 65536, 17},
                 {"/large", 65536, 1000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw raw = raw_connect(fixture->port);
        struct raw_answer answer;
        post_chunked(&raw, cases[i].path, cases[i].chunk, cases[i].count);
        raw_read(&raw, false, &answer);
        expect_problem(&answer, 413, "body-too-large");
        assert_true(answer.closes);
        raw_answer_done(&answer);
        assert_true(raw_ends(&raw, 5000));
        raw_close(&raw);
    }
}

static void a_body_where_none_is_taken_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct raw_answer answer;
    raw_ask(fixture->port, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", &answer);
    expect_problem(&answer, 413, "body-too-large");
    raw_answer_done(&answer);
    raw_ask(fixture->port,
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &answer);
    expect_problem(&answer, 413, "body-too-large");
    raw_answer_done(&answer);
    raw_ask(fixture->port, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_done(&answer);
}

static void a_coded_body_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct raw_answer answer;
    raw_ask(fixture->port,
            "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n"
            "Content-Length: 1\r\n\r\nx",
            &answer);
    expect_problem(&answer, 415, "unsupported-media-type");
    assert_false(answer.closes);
    raw_answer_done(&answer);
    raw_ask(fixture->port,
            "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Encoding: identity\r\n"
            "Content-Length: 1\r\n\r\nx",
            &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_done(&answer);
}

static void a_body_that_is_longer_than_its_length_is_the_next_request(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxxyz\r\n\r\n");
    expect_body(&raw, 2);
    int status = raw_last(&raw); // libmicrohttpd before 1.0 closes, newer ones tell why
    assert_true(status == 0 || status == 400);
    raw_close(&raw);
}

static void who_announces_more_than_comes_gets_no_answer(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nxx");
    shutdown(raw.fd, SHUT_WR);
    int status = raw_last(&raw); // it depends on who sees the end first
    assert_true(status == 0 || status == 408);
    raw_close(&raw);
}

static void a_client_that_asks_first_is_told_to_go_on_or_not(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    struct raw_answer answer;
    char line[32] = "";
    raw_say(&raw, "POST /predict HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 3\r\n\r\n");
    for (size_t len = 0; len < 25; len++)
        assert_int_equal(recv(raw.fd, line + len, 1, 0), 1);
    assert_string_equal(line, "HTTP/1.1 100 Continue\r\n\r\n");
    raw_say(&raw, "xxx");
    expect_body(&raw, 3);
    raw_say(&raw, "POST /predict HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                  "Content-Length: 3000\r\n\r\n");
    assert_int_equal(recv(raw.fd, line, 12, MSG_PEEK | MSG_WAITALL), 12);
    assert_memory_equal(line, "HTTP/1.1 413", 12);
    raw_close(&raw);
    raw_ask(fixture->port, "GET / HTTP/1.1\r\nHost: a\r\nExpect: the-moon\r\n\r\n", &answer);
    expect_problem(&answer, 417, "bad-expectation");
    raw_answer_done(&answer);
}

// ---- before the body

static void who_is_refused_before_the_body_keeps_the_connection_where_it_is_small(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    struct raw_answer answer;
    static const size_t sizes[] = {0, 1, 1000, 64 * 1024};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        post(&raw, "/closed", sizes[i]);
        raw_read(&raw, false, &answer);
        expect_problem(&answer, 403, "no");
        assert_false(answer.closes);
        raw_answer_done(&answer);
    }
    raw_say(&raw, "GET /closed HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_read(&raw, false, &answer);
    expect_problem(&answer, 403, "no");
    raw_answer_done(&answer);
    raw_say(&raw, "POST /closed HTTP/1.1\r\nHost: a\r\nX-Allow: 1\r\nContent-Length: 1\r\n\r\nx");
    expect_body(&raw, 1);
    raw_say(&raw, "POST /closed HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n");
    raw_read(&raw, false, &answer);
    expect_problem(&answer, 403, "no");
    assert_true(answer.closes);
    raw_answer_done(&answer);
    assert_true(raw_ends(&raw, 5000));
    raw_close(&raw);
}

// ---- connections

static void requests_in_a_row_are_answered_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    for (int i = 0; i < 20; i++)
        raw_say(&raw, "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d", i);
    for (int i = 0; i < 20; i++) {
        struct raw_answer answer;
        char expected[64];
        snprintf(expected, sizeof expected, "2:%02d", i);
        raw_read(&raw, false, &answer);
        assert_string_equal(text_string(&answer.body), expected);
        raw_answer_done(&answer);
    }
    raw_close(&raw);
}

// libmicrohttpd asks epoll for 128 connections at once, and its own threads then sleep before they
// serve them where it was that many.
static void however_many_are_ready_at_once_all_are_served(void **state)
{
    (void)state;
    static const size_t counts[] = {127, 128, 129, 256};
    struct http_server *server = NULL;
    struct why why = {0};
    const struct http_server_options options = {
        .address = "127.0.0.1", .threads = 1, .routes = routes, .route_count = ARRAY_LEN(routes)};
    assert_ok(http_server_start(&options, &server, &why), &why);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct raw raws[256], blocker = raw_connect(http_server_port(server));
        for (size_t j = 0; j < counts[i]; j++) {
            raws[j] = raw_connect(http_server_port(server));
            post(&raws[j], "/predict", 1);
            expect_body(&raws[j], 1); // it is known to the worker
        }
        atomic_store(&is_blocked, false);
        atomic_store(&is_released, false);
        raw_say(&blocker, "GET /block HTTP/1.1\r\nHost: a\r\n\r\n");
        while (!atomic_load(&is_blocked))
            poll(NULL, 0, 1);
        for (size_t j = 0; j < counts[i]; j++)
            post(&raws[j], "/predict", 2);
        atomic_store(&is_released, true);
        for (size_t j = 0; j < counts[i]; j++) {
            expect_body(&raws[j], 2);
            raw_close(&raws[j]);
        }
        raw_close(&blocker);
    }
    http_server_stop(server);
}

static void http_1_0_is_spoken(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    struct raw_answer answer;
    raw_say(&raw, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    raw_read(&raw, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_false(answer.closes);
    raw_answer_done(&answer);
    raw_say(&raw, "GET / HTTP/1.0\r\n\r\n");
    raw_read(&raw, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(answer.closes);
    raw_answer_done(&answer);
    assert_true(raw_ends(&raw, 5000));
    raw_close(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_comes_whole_up_to_the_routes_limit),
        cmocka_unit_test(chunks_are_put_together_and_the_connection_ends),
        cmocka_unit_test(a_larger_body_is_refused_at_once),
        cmocka_unit_test(chunks_are_counted_and_refused_where_they_grow_over_the_limit),
        cmocka_unit_test(a_body_where_none_is_taken_is_refused),
        cmocka_unit_test(a_coded_body_is_refused),
        cmocka_unit_test(a_body_that_is_longer_than_its_length_is_the_next_request),
        cmocka_unit_test(who_announces_more_than_comes_gets_no_answer),
        cmocka_unit_test(a_client_that_asks_first_is_told_to_go_on_or_not),
        cmocka_unit_test(who_is_refused_before_the_body_keeps_the_connection_where_it_is_small),
        cmocka_unit_test(requests_in_a_row_are_answered_in_their_order),
        cmocka_unit_test(however_many_are_ready_at_once_all_are_served),
        cmocka_unit_test(http_1_0_is_spoken),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
