// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// Requests that two readers could understand differently, and heads without measure: whatever
// comes, one answer or none, the connection ends, and what was hidden behind is never taken for a
// request.

struct fixture {
    struct http_server *server;
    uint16_t port;
    atomic_int smuggled;
};

static void answer(struct http_exchange *exchange, void *context)
{
    (void)context;
    http_answer(exchange, &(struct http_answer){.status = 204});
}

static void answer_at_length(struct http_exchange *exchange, void *context)
{
    (void)context;
    char words[501];
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    const struct http_header headers[] = {{"X-One", words}, {"X-Two", words}, {"X-Three", words}};
    http_answer(exchange,
                &(struct http_answer){.status = 204, .headers = headers, .header_count = 3});
}

static void smuggled(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    atomic_fetch_add(&fixture->smuggled, 1);
    answer(exchange, context);
}

static const struct http_route routes[] = {
    {"GET", "/", answer, NULL, 0, 0, NULL},
    {"POST", "/", answer, NULL, 100000, 0, NULL},
    {"GET", "/length", answer_at_length, NULL, 0, 0, NULL},
    {"GET", "/smuggled", smuggled, NULL, 0, 0, NULL},
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct why why = {0};
    const struct http_server_options options = {.address = "127.0.0.1",
                                                .routes = routes,
                                                .route_count = ARRAY_LEN(routes),
                                                .context = &fixture,
                                                .head_timeout_ms = 400};
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

// Where libmicrohttpd 0.9.75 refuses a length by itself it sends the head of its answer twice.
static bool is_doubled(const char *all)
{
    const char *end = strstr(all, "\r\n\r\n");
    size_t len = end == NULL ? 0 : (size_t)(end + 4 - all);
    return len > 0 && strstr(all, "Connection: close\r\n") != NULL &&
           strncmp(all, all + len, len) == 0;
}

// Everything that comes back until the server closes; ret_count: how many answers that is.
static int tell(struct fixture *fixture, const char *bytes, size_t len, int *ret_count)
{
    struct raw raw = raw_connect(fixture->port);
    CLEANUP(text_done) struct text all = TEXT_INIT(1024 * 1024);
    IGNORE(raw_try(&raw, bytes, len)); // the server may have closed
    char chunk[4096];
    struct pollfd ready = {.fd = raw.fd, .events = POLLIN};
    for (ssize_t got = 1; got > 0;) {
        if (poll(&ready, 1, 10000) <= 0)
            fail_msg("the connection stays open: %.100s", bytes);
        got = recv(raw.fd, chunk, sizeof chunk, 0);
        if (got > 0)
            assert_int_equal(text_append(&all, chunk, (size_t)got), ERR_OK);
    }
    raw_close(&raw);
    *ret_count = 0;
    for (const char *at = text_string(&all); (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        ++*ret_count;
    *ret_count -= is_doubled(text_string(&all));
    return *ret_count > 0 ? atoi(strstr(all.data, "HTTP/1.1 ") + 9) : 0;
}

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
#define CASE(status, bytes)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, status                                                           \
    }

struct request {
    const char *bytes;
    size_t len;
    int status; // 0: libmicrohttpd closes, or says 400
};

static void expect(struct fixture *fixture, const struct request *request)
{
    int count = 0, status = tell(fixture, request->bytes, request->len, &count);
    bool is_right = request->status == 0 ? status == 0 || status == 400 : status == request->status;
    if (!is_right || count > 1)
        fail_msg("%d answers, the first %d and not %d, to %.*s", count, status, request->status,
                 (int)request->len, request->bytes);
    assert_int_equal(atomic_load(&fixture->smuggled), 0);
}

static void nothing_is_smuggled(void **state)
{
    static const struct request requests[] = {
        // A length and chunks, in both orders; what a reader of the other kind takes for a request.
        CASE(400,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"
             "\r\n0\r\n\r\n" SMUGGLED),
        CASE(400,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n"
             "\r\n0\r\n\r\n" SMUGGLED),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n"
                  "\r\n0\r\n\r\n" SMUGGLED),
        // Transfer-Encoding in disguise.
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        CASE(400,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n"),
        CASE(400,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n" SMUGGLED),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                  "Transfer-Encoding: x\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
                  "chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n"),
        CASE(400,
             "POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        CASE(400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        // Lengths.
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 36\r\n"
                  "\r\n" SMUGGLED),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\nContent-Length: 0\r\n"
                  "\r\n" SMUGGLED),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nx"),
        CASE(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n" SMUGGLED),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 36\r\n\r\n" SMUGGLED),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 36\r\nContent-Length\t: 0\r\n"
                  "\r\n" SMUGGLED),
        CASE(413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nx"),
        CASE(413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\nx"),
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        expect(*state, &requests[i]);
}

static void lines_end_in_one_way_only(void **state)
{
    static const struct request requests[] = {
        CASE(400, "GET / HTTP/1.1\nHost: a\n\n"),
        CASE(400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\n\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n"),
        CASE(0, "GET / HTTP/1.1\rHost: a\r\r"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: w\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\n" SMUGGLED),
        CASE(400, "GET / HTTP/1.1\n\n"),
        CASE(400, "GET / HTTP/1.0\n\n"),
        CASE(400, "GET / HTTP/1.0\r\n\n"),
        // Folded lines.
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n \r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n y\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n w\r\nZ: z\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n"),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer: chunked\r\n -Encoding\r\n\r\n0\r\n\r\n"),
        // Zeros.
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\n\0X: y\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\0\r\n" SMUGGLED),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\0\0\r\n" SMUGGLED),
        CASE(400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\0\0\r\n\0\0" SMUGGLED),
        CASE(400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET /\0/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        // Other control characters.
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX\x01: y\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        expect(*state, &requests[i]);
}

static void a_request_line_and_headers_have_their_form(void **state)
{
    static const struct request requests[] = {
        CASE(0, "GET /\r\nHost: a\r\n\r\n"),
        CASE(0, "GET\r\nHost: a\r\n\r\n"),
        CASE(0, "\x16\x03\x01\x02\r\n\r\n"),
        CASE(0, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        CASE(0, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET / HTTP/1\r\nHost: a\r\n\r\n"),
        CASE(0, "GET / HTTP/1.11\r\nHost: a\r\n\r\n"),
        CASE(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        CASE(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        CASE(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        CASE(400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
        CASE(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nX(Y): z\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\n\xc3\xa9: z\r\n\r\n"),
        CASE(400, "GET http://a/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(400, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        CASE(417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100\r\n\r\n"),
        CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        expect(*state, &requests[i]);
}

static void what_is_unusual_and_right_is_answered(void **state)
{
    struct fixture *fixture = *state;
    static const char *const requests[] = {
        "\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", // RFC 9112, 2.2
        "GET / HTTP/1.1\r\nHost:a\r\nConnection:close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \t a\r\nConnection: \tclose\r\n\r\n",
        "GET / HTTP/1.1\r\nhOST: a\r\ncONNECTION: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\tz \xc3\xa9\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y: z\r\nX: y: z\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a_b.example.:80\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        "Connection: Upgrade, HTTP2-Settings, close\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "1;name=value\r\nx\r\n1 \r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1;name=\"a;b\"\r\nx\r\n00\r\nTrailer: x\r\n\r\n" SMUGGLED,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\nx\n0\n\n" SMUGGLED,
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=\"d\"; =; e\r\nConnection: close\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        int count = 0, status = tell(fixture, requests[i], strlen(requests[i]), &count);
        // Chunk lines are libmicrohttpd's to judge: what matters is that nothing follows.
        bool is_chunked = strncmp(requests[i], "POST", 4) == 0;
        if (count > 1 || (status != 204 && !(is_chunked && status == 400)))
            fail_msg("%d answers, the first %d, to %s", count, status, requests[i]);
    }
    assert_int_equal(atomic_load(&fixture->smuggled), 0);
}

// ---- measure

static int with_header(struct fixture *fixture, const char *target, size_t name_len,
                       size_t value_len, size_t count)
{
    CLEANUP(text_done) struct text text = TEXT_INIT(4 * 1024 * 1024);
    assert_int_equal(text_printf(&text, "GET %s HTTP/1.1\r\nHost: a\r\n", target), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        char *room = text_room(&text, name_len + value_len + 4);
        assert_non_null(room);
        memset(room, 'n', name_len);
        memcpy(room + name_len, ": ", 2);
        memset(room + name_len + 2, 'v', value_len);
        memcpy(room + name_len + 2 + value_len, "\r\n", 2);
        text.len += name_len + value_len + 4;
        text.data[text.len] = '\0';
    }
    assert_int_equal(text_append_string(&text, "Connection: close\r\n\r\n"), ERR_OK);
    int answers = 0, status = tell(fixture, text.data, text.len, &answers);
    assert_true(answers <= 1);
    return status;
}

static void a_head_has_100_lines_and_8_kib_at_most(void **state)
{
    static const struct {
        size_t name, value, count;
        int status;
    } cases[] = {
        {1, 1, 98, 204},    {1, 1, 99, 431},      {1, 1, 500, 431},   {1, 1, 10000, 431},
        {1, 7900, 1, 204},  {1, 8000, 1, 431},    {1, 20000, 1, 431}, {1, 1000000, 1, 431},
        {7900, 1, 1, 204},  {100000, 1, 1, 431},  {1, 10, 97, 204},   {1, 20, 97, 431},
        {1, 0, 98, 204},    {4000, 3900, 1, 204}, {1, 3000, 3, 431},  {1, 10000, 3, 431},
        {1, 11900, 1, 431}, {1, 100, 10000, 431},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int status = with_header(*state, "/", cases[i].name, cases[i].value, cases[i].count);
        if (status != cases[i].status)
            fail_msg("%zu headers of %zu and %zu bytes: %d, not %d", cases[i].count, cases[i].name,
                     cases[i].value, status, cases[i].status);
    }
}

static void the_greatest_head_leaves_room_for_the_answers(void **state)
{
    assert_int_equal(with_header(*state, "/length", 1, 7900, 1), 204);
    assert_int_equal(with_header(*state, "/length", 1, 10, 97), 204);
}

static void a_target_without_measure_is_refused(void **state)
{
    static const struct {
        const char *begin;
        size_t len;
        int status, other;
    } cases[] = {
        {"/", 4000, 404, 404},    {"/", 8300, 431, 414},    {"/", 12000, 414, 431},
        {"/", 20000, 414, 414},   {"/", 1000000, 414, 414}, {"/?", 4000, 204, 204},
        {"/?a=", 8300, 431, 431}, {"/?", 100000, 414, 414},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(text_done) struct text target = TEXT_INIT(2 * 1024 * 1024);
        assert_int_equal(text_append_string(&target, cases[i].begin), ERR_OK);
        memset(text_room(&target, cases[i].len), 'x', cases[i].len);
        target.len += cases[i].len;
        target.data[target.len] = '\0';
        int status = with_header(*state, target.data, 1, 1, 1);
        if (status != cases[i].status && status != cases[i].other)
            fail_msg("%s and %zu bytes: %d", cases[i].begin, cases[i].len, status);
    }
}

static void a_query_of_thousands_of_pairs_is_refused(void **state)
{
    CLEANUP(text_done) struct text target = TEXT_INIT(1024 * 1024);
    assert_int_equal(text_append_string(&target, "/?"), ERR_OK);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(text_append_string(&target, "&a"), ERR_OK);
    int status = with_header(*state, target.data, 1, 1, 1);
    if (status != 0 && status != 400 && status != 431 && status != 414)
        fail_msg("%d", status);
}

static void the_server_lives(void **state)
{
    struct fixture *fixture = *state;
    struct raw_answer found;
    raw_ask(fixture->port, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", &found);
    assert_int_equal(found.status, 204);
    raw_answer_done(&found);
    assert_int_equal(atomic_load(&fixture->smuggled), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_smuggled),
        cmocka_unit_test(lines_end_in_one_way_only),
        cmocka_unit_test(a_request_line_and_headers_have_their_form),
        cmocka_unit_test(what_is_unusual_and_right_is_answered),
        cmocka_unit_test(a_head_has_100_lines_and_8_kib_at_most),
        cmocka_unit_test(the_greatest_head_leaves_room_for_the_answers),
        cmocka_unit_test(a_target_without_measure_is_refused),
        cmocka_unit_test(a_query_of_thousands_of_pairs_is_refused),
        cmocka_unit_test(the_server_lives),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
