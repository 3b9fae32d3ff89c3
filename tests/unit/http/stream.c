// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// Server-sent events: fed from another thread, read by clients that go, stall or stay.

enum { BUFFER = 4096, DEADLINE_MS = 20000 };

struct fixture {
    struct http_server *server;
    uint16_t port;
    _Atomic(struct http_exchange *) last; // what the handler was given, until a test takes it
    atomic_uint gone, told;               // calls of is_gone, and the last tag
};

static void is_gone(void *context, uint64_t tag)
{
    struct fixture *fixture = context;
    atomic_store(&fixture->told, (unsigned)tag);
    atomic_fetch_add(&fixture->gone, 1);
}

static void stream(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    http_stream(exchange, BUFFER, is_gone, 1);
    atomic_store(&fixture->last, exchange);
}

static void suspend(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    http_suspend(exchange, is_gone, 2);
    atomic_store(&fixture->last, exchange);
}

static const struct http_route routes[] = {
    {"GET", "/events", stream, NULL, 0, 0, NULL},
    {"GET", "/later", suspend, NULL, 0, 0, NULL},
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct why why = {0};
    const struct http_server_options options = {.address = "127.0.0.1",
                                                .routes = routes,
                                                .route_count = ARRAY_LEN(routes),
                                                .context = &fixture,
                                                .write_timeout_ms = 500};
    fixture = (struct fixture){0};
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

static int begin_test(void **state)
{
    struct fixture *fixture = *state;
    atomic_store(&fixture->gone, 0);
    atomic_store(&fixture->last, NULL);
    return 0;
}

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

static struct http_exchange *take(struct fixture *fixture)
{
    struct http_exchange *exchange = NULL;
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while ((exchange = atomic_exchange(&fixture->last, NULL)) == NULL) {
        assert_true(clock_mono_ms() < until_ms);
        pause_a_moment();
    }
    return exchange;
}

static void await_gone(struct fixture *fixture, unsigned count)
{
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (atomic_load(&fixture->gone) < count) {
        assert_true(clock_mono_ms() < until_ms);
        pause_a_moment();
    }
}

static void await_closed(struct fixture *fixture)
{
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (http_server_open(fixture->server) > 0) {
        assert_true(clock_mono_ms() < until_ms);
        pause_a_moment();
    }
}

static struct bytes bytes(const char *words)
{
    return bytes_from_string(words);
}

// ---- what the client gets

static void events_come_as_they_are_sent(void **state)
{
    struct fixture *fixture = *state;
    static const char expected[] = "event: done\nid: 7\ndata: {\"a\":1}\n\n"
                                   "data: one\ndata: two\ndata: three\ndata: \ndata: five\n\n"
                                   "data: \n\n"
                                   ": alive\n\n";
    struct raw raw = raw_connect(fixture->port);
    struct raw_answer answer;
    char value[512];
    raw_say(&raw, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_exchange *exchange = take(fixture);
    assert_int_equal(http_stream_event(exchange, "done", "7", bytes("{\"a\":1}")), ERR_OK);
    assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes("one\ntwo\r\nthree\r\rfive\n")),
                     ERR_OK);
    assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes("")), ERR_OK);
    assert_int_equal(http_stream_comment(exchange, "alive"), ERR_OK);
    http_stream_end(exchange);
    raw_read(&raw, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(raw_header(&answer, "Content-Type", value), "text/event-stream");
    assert_string_equal(raw_header(&answer, "Cache-Control", value), "no-store");
    assert_string_equal(raw_header(&answer, "Transfer-Encoding", value), "chunked");
    assert_string_equal(text_string(&answer.body), expected);
    raw_answer_done(&answer);
    raw_say(&raw, "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n"); // the connection is kept
    raw_read(&raw, true, &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_done(&answer);
    exchange = take(fixture);
    await_gone(fixture, 1); // nobody reads the body of a HEAD
    assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes("x")), ERR_STOP);
    http_stream_end(exchange);
    raw_close(&raw);
}

static void wait_for(struct raw *raw, const char *words)
{
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    while (strstr(text_string(&raw->read), words) == NULL) {
        char chunk[1000];
        assert_true(clock_mono_ms() < until_ms);
        ssize_t got = recv(raw->fd, chunk, sizeof chunk, 0);
        assert_true(got > 0);
        assert_int_equal(text_append(&raw->read, chunk, (size_t)got), ERR_OK);
    }
}

static void an_event_does_not_wait_for_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_exchange *exchange = take(fixture);
    http_stream(exchange, BUFFER, is_gone, 3);
    for (int i = 0; i < 20; i++) {
        char words[20];
        snprintf(words, sizeof words, "event number %d!", i);
        assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes(words)), ERR_OK);
        wait_for(&raw, words);
    }
    http_stream_end(exchange);
    wait_for(&raw, "\r\n0\r\n\r\n");
    raw_close(&raw);
    await_closed(fixture);
    assert_int_equal(atomic_load(&fixture->gone), 0);
}

static void http_1_0_gets_a_stream_that_ends_with_the_connection(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    struct raw_answer answer;
    raw_say(&raw, "GET /events HTTP/1.0\r\n\r\n");
    struct http_exchange *exchange = take(fixture);
    assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes("x")), ERR_OK);
    http_stream_end(exchange);
    raw_read(&raw, false, &answer);
    assert_string_equal(text_string(&answer.body), "data: x\n\n");
    assert_true(answer.closes);
    raw_answer_done(&answer);
    raw_close(&raw);
}

static void much_goes_through_a_small_buffer(void **state)
{
    enum { EVENTS = 20000 };
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, "GET /events HTTP/1.0\r\n\r\n");
    struct http_exchange *exchange = take(fixture);
    size_t bytes_read = 0;
    char chunk[65536];
    for (int i = 0; i < EVENTS; i++) {
        char words[40];
        snprintf(words, sizeof words, "%036d", i);
        enum err err = ERR_RETRY;
        while ((err = http_stream_event(exchange, NULL, NULL, bytes(words))) == ERR_RETRY) {
            ssize_t got = recv(raw.fd, chunk, sizeof chunk, 0);
            assert_true(got > 0);
            bytes_read += (size_t)got;
        }
        assert_int_equal(err, ERR_OK);
    }
    http_stream_end(exchange);
    for (ssize_t got = 1; got > 0; bytes_read += (size_t)got)
        got = recv(raw.fd, chunk, sizeof chunk, 0);
    size_t body = (size_t)EVENTS * (strlen("data: \n\n") + 36);
    assert_in_range(bytes_read, body, body + 1000); // and a head
    raw_close(&raw);
}

// ---- clients that go or stall

static void who_goes_is_told_and_gets_nothing_more(void **state)
{
    struct fixture *fixture = *state;
    void (*const ways[])(struct raw *) = {raw_close, raw_reset};
    static const char *const paths[] = {"/events", "/later"};
    for (unsigned i = 0; i < 8; i++) {
        struct raw raw = raw_connect(fixture->port);
        raw_say(&raw, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i / 2 % 2]);
        struct http_exchange *exchange = take(fixture);
        if (i / 2 % 2 == 1)
            http_stream(exchange, BUFFER, is_gone, 3);
        if (i >= 4) {
            assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes("x")), ERR_OK);
            wait_for(&raw, "data: x");
        }
        ways[i % 2](&raw);
        await_gone(fixture, i + 1);
        assert_int_equal(atomic_load(&fixture->told), i / 2 % 2 == 1 ? 3 : 1);
        assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes("x")), ERR_STOP);
        http_stream_end(exchange);
    }
    await_closed(fixture);
    assert_int_equal(atomic_load(&fixture->gone), 8);
}

static void who_does_not_read_fills_the_buffer_and_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    int small = 4096;
    setsockopt(raw.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    raw_say(&raw, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_exchange *exchange = take(fixture);
    char words[1001];
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    bool was_full = false;
    int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
    enum err err = ERR_OK;
    while ((err = http_stream_event(exchange, NULL, NULL, bytes(words))) != ERR_STOP) {
        was_full = was_full || err == ERR_RETRY;
        assert_true(clock_mono_ms() < until_ms);
        if (err == ERR_RETRY)
            pause_a_moment();
    }
    assert_true(was_full);
    await_gone(fixture, 1);
    http_stream_end(exchange);
    raw_close(&raw);
    await_closed(fixture);
}

static void what_can_never_fit_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, "GET /events HTTP/1.0\r\n\r\n");
    struct http_exchange *exchange = take(fixture);
    CLEANUP(mem_free_p) char *words = mem_array(BUFFER + 1, 1);
    memset(words, 'x', BUFFER);
    assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes(words)), ERR_REJECT);
    words[BUFFER - strlen("data: \n\n")] = '\0';
    assert_int_equal(http_stream_event(exchange, NULL, NULL, bytes(words)), ERR_OK);
    http_stream_end(exchange);
    struct raw_answer answer;
    raw_read(&raw, false, &answer);
    assert_int_equal(answer.body.len, BUFFER);
    raw_answer_done(&answer);
    raw_close(&raw);
}

// ---- the end of the server

static void streams_end_with_the_server_and_may_be_ended_after_it(void **state)
{
    (void)state;
    static struct fixture fixture;
    struct why why = {0};
    const struct http_server_options options = {.address = "127.0.0.1",
                                                .routes = routes,
                                                .route_count = ARRAY_LEN(routes),
                                                .context = &fixture};
    assert_ok(http_server_start(&options, &fixture.server, &why), &why);
    struct raw raws[3];
    struct http_exchange *exchanges[3];
    for (size_t i = 0; i < 3; i++) {
        raws[i] = raw_connect(http_server_port(fixture.server));
        raw_say(&raws[i], "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", i == 2 ? "/later" : "/events");
        exchanges[i] = take(&fixture);
    }
    assert_int_equal(http_stream_event(exchanges[0], NULL, NULL, bytes("x")), ERR_OK);
    wait_for(&raws[0], "data: x");
    assert_false(http_server_drain(fixture.server, 10));
    await_gone(&fixture, 3);
    http_server_stop(fixture.server);
    struct raw_answer answer;
    raw_read(&raws[0], false, &answer); // a whole one
    assert_string_equal(text_string(&answer.body), "data: x\n\n");
    raw_answer_done(&answer);
    http_stream(exchanges[2], BUFFER, is_gone, 3); // too late
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(http_stream_event(exchanges[i], NULL, NULL, bytes("y")), ERR_STOP);
        http_stream_end(exchanges[i]);
        raw_close(&raws[i]);
    }
    assert_int_equal(atomic_load(&fixture.gone), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(events_come_as_they_are_sent, begin_test),
        cmocka_unit_test_setup(an_event_does_not_wait_for_the_next_one, begin_test),
        cmocka_unit_test_setup(http_1_0_gets_a_stream_that_ends_with_the_connection, begin_test),
        cmocka_unit_test_setup(much_goes_through_a_small_buffer, begin_test),
        cmocka_unit_test_setup(who_goes_is_told_and_gets_nothing_more, begin_test),
        cmocka_unit_test_setup(who_does_not_read_fills_the_buffer_and_is_cut_off, begin_test),
        cmocka_unit_test_setup(what_can_never_fit_is_not_taken, begin_test),
        cmocka_unit_test_setup(streams_end_with_the_server_and_may_be_ended_after_it, begin_test),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
