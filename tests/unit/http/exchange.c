// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <poll.h>
#include <pthread.h>
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

// Exchanges that wait for an answer from another thread, as a program has them: a table under a
// lock, from which whoever takes an exchange out ends it.

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURES false // a sanitizer's memory is not ours
#else
#define MEASURES true
#endif

enum { TABLE_MAX = 8192, MANY = 5000, DEADLINE_MS = 20000 };

struct waiting {
    uint64_t tag; // 0: free
    struct http_exchange *exchange;
};

struct fixture {
    struct http_server *server;
    uint16_t port;
    struct http_fixed *document;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct waiting table[TABLE_MAX];
    size_t count, peak, handled, gone; // waiting, most of them, so far
    uint64_t next_tag;
    size_t finished, cut; // exchanges that are over
};

static void lock(struct fixture *fixture)
{
    pthread_mutex_lock(&fixture->lock);
}

static void unlock(struct fixture *fixture)
{
    pthread_cond_broadcast(&fixture->moved);
    pthread_mutex_unlock(&fixture->lock);
}

// Under the lock, until *what is at least `count`.
static void await(struct fixture *fixture, const char *name, const size_t *what, size_t count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_MS / 1000;
    while (*what < count)
        if (pthread_cond_timedwait(&fixture->moved, &fixture->lock, &until) != 0) {
            size_t is = *what;
            pthread_mutex_unlock(&fixture->lock);
            fail_msg("%s: %zu of %zu after %d ms", name, is, count, DEADLINE_MS);
        }
}

#define AWAIT(fixture, what, count)                                                                \
    do {                                                                                           \
        lock(fixture);                                                                             \
        await(fixture, #what, &(fixture)->what, count);                                            \
        unlock(fixture);                                                                           \
    } while (0)

static struct http_exchange *take_at(struct fixture *fixture, size_t at)
{
    fixture->table[at].tag = 0;
    fixture->count--;
    return fixture->table[at].exchange;
}

// One of those that wait; NULL: there is none.
static struct http_exchange *take_any(struct fixture *fixture)
{
    struct http_exchange *exchange = NULL;
    lock(fixture);
    for (size_t i = 0; i < TABLE_MAX && exchange == NULL && fixture->count > 0; i++)
        if (fixture->table[i].tag != 0)
            exchange = take_at(fixture, i);
    unlock(fixture);
    return exchange;
}

static void is_gone(void *context, uint64_t tag)
{
    struct fixture *fixture = context;
    lock(fixture);
    fixture->gone++;
    struct http_exchange *exchange = NULL;
    for (size_t i = 0; i < TABLE_MAX && exchange == NULL; i++)
        if (fixture->table[i].tag == tag)
            exchange = take_at(fixture, i);
    unlock(fixture);
    if (exchange != NULL)
        http_abandon(exchange);
}

static void wait(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    lock(fixture);
    size_t at = 0;
    while (fixture->table[at].tag != 0)
        at++;
    uint64_t tag = ++fixture->next_tag;
    http_suspend(exchange, is_gone, tag);
    fixture->table[at] = (struct waiting){tag, exchange};
    fixture->handled++;
    fixture->count++;
    fixture->peak = fixture->count > fixture->peak ? fixture->count : fixture->peak;
    unlock(fixture);
}

static void finished(void *context, const struct http_finished *finished)
{
    struct fixture *fixture = context;
    assert_true(finished->duration_ns >= 0);
    lock(fixture);
    fixture->finished++;
    fixture->cut += finished->is_cut;
    unlock(fixture);
}

static void tell_itself(struct http_exchange *exchange, void *context)
{
    (void)context;
    char peer[HTTP_PEER_MAX];
    struct text text = TEXT_INIT(1000);
    uint8_t *scratch = http_scratch(exchange);
    assert_int_equal((uintptr_t)scratch % 16, 0);
    for (size_t i = 0; i < HTTP_SCRATCH_BYTES; i++)
        assert_int_equal(scratch[i], 0);
    memset(scratch, 0xff, HTTP_SCRATCH_BYTES);
    int64_t age_ns = clock_mono_ns() - http_arrived_ns(exchange);
    assert_true(age_ns >= 0 && age_ns < INT64_C(60000000000));
    assert_memory_equal(http_peer_address(exchange).data, "\x7f\0\0\1", 4);
    IGNORE(text_printf(&text, "%s %s %zu %s %zu", http_path(exchange), http_peer(exchange, peer),
                       http_peer_address(exchange).len, http_header(exchange, "x-one"),
                       http_header_count(exchange, "X-Two")));
    http_answer(exchange,
                &(struct http_answer){.status = 200, .content_type = "text/plain", .body = &text});
}

static void abandon(struct http_exchange *exchange, void *context)
{
    (void)context;
    http_abandon(exchange);
}

static const struct http_route routes[] = {
    {"GET", "/wait", wait, NULL, 0, 0, NULL},
    {"POST", "/wait", wait, NULL, 2000, 0, NULL},
    {"GET", "/itself", tell_itself, NULL, 0, 0, NULL},
    {"GET", "/abandon", abandon, NULL, 0, 0, NULL},
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    static const char *const origins[] = {"https://hr.example.org"};
    struct why why = {0};
    fixture = (struct fixture){.document = http_fixed_new(&(struct http_answer){
                                   .status = 200,
                                   .content_type = "text/plain",
                                   .constant = bytes_from_string("plain"),
                                   .constant_gzip = bytes_from_string("zipped"),
                                   .etag = "\"v1\""})};
    pthread_mutex_init(&fixture.lock, NULL);
    pthread_cond_init(&fixture.moved, NULL);
    const struct http_server_options options = {.address = "127.0.0.1",
                                                .routes = routes,
                                                .route_count = ARRAY_LEN(routes),
                                                .context = &fixture,
                                                .finished = finished,
                                                .origins = origins,
                                                .origin_count = 1};
    assert_ok(http_server_start(&options, &fixture.server, &why), &why);
    fixture.port = http_server_port(fixture.server);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    http_server_stop(fixture->server);
    http_fixed_free(fixture->document);
    return 0;
}

static int begin_test(void **state)
{
    struct fixture *fixture = *state;
    lock(fixture);
    assert_int_equal(fixture->count, 0);
    fixture->handled = fixture->gone = fixture->finished = fixture->cut = fixture->peak = 0;
    unlock(fixture);
    return 0;
}

static void answer_with(struct http_exchange *exchange, unsigned status, const char *words)
{
    struct text text = TEXT_INIT(1000);
    IGNORE(text_append_string(&text, words));
    http_answer(exchange, &(struct http_answer){
                              .status = status, .content_type = "text/plain", .body = &text});
}

static void expect(struct raw *raw, int status, const char *words)
{
    struct raw_answer answer;
    raw_read(raw, false, &answer);
    if (answer.status != status || strcmp(text_string(&answer.body), words) != 0)
        fail_msg("%d %s, not %d %s", answer.status, text_string(&answer.body), status, words);
    raw_answer_done(&answer);
}

#define GET_WAIT "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"

// ---- answered later

static void what_was_asked_is_at_hand(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2; i++) { // the scratch memory is fresh each time
        struct raw_answer answer;
        raw_ask(fixture->port,
                "GET /itself?a HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-Two: 2\r\nx-two: 3\r\n\r\n",
                &answer);
        assert_string_equal(text_string(&answer.body), "/itself 127.0.0.1 4 1 2");
        raw_answer_done(&answer);
    }
}

static void another_thread_answers(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    for (int i = 0; i < 5; i++) {
        raw_say(&raw, "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        AWAIT(fixture, handled, (size_t)i + 1);
        struct http_exchange *exchange = take_any(fixture);
        assert_true(bytes_equal_string(http_body(exchange), "abc"));
        assert_false(raw_ends(&raw, 20)); // nothing came yet
        answer_with(exchange, 200, "later");
        expect(&raw, 200, "later");
    }
    raw_close(&raw);
}

static void a_later_answer_heeds_the_requests_headers(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    struct raw_answer answer;
    char value[512];
    raw_say(&raw, "GET /wait HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n"
                  "Origin: https://hr.example.org\r\n\r\n");
    AWAIT(fixture, handled, 1);
    struct http_exchange *exchange = take_any(fixture);
    http_add_header(exchange, "RateLimit", "x");
    http_answer_fixed(exchange, fixture->document);
    raw_read(&raw, false, &answer);
    assert_string_equal(text_string(&answer.body), "zipped");
    assert_string_equal(raw_header(&answer, "RateLimit", value), "x");
    assert_non_null(raw_header(&answer, "Access-Control-Allow-Origin", value));
    raw_answer_done(&answer);
    raw_say(&raw, "GET /wait HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"v1\"\r\n\r\n");
    AWAIT(fixture, handled, 2);
    http_answer_fixed(take_any(fixture), fixture->document);
    expect(&raw, 304, "");
    raw_say(&raw, "HEAD /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    AWAIT(fixture, handled, 3);
    http_answer_problem(take_any(fixture),
                        &(struct http_problem){.status = 503, .code = "x", .title = "X"});
    raw_read(&raw, true, &answer);
    assert_int_equal(answer.status, 503);
    raw_answer_done(&answer);
    raw_close(&raw);
}

static void the_next_request_waits_for_the_answer(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, GET_WAIT GET_WAIT "GET /itself HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n");
    AWAIT(fixture, handled, 1);
    answer_with(take_any(fixture), 200, "first");
    expect(&raw, 200, "first");
    AWAIT(fixture, handled, 2);
    answer_with(take_any(fixture), 200, "second");
    expect(&raw, 200, "second");
    expect(&raw, 200, "/itself 127.0.0.1 4 1 0");
    raw_close(&raw);
}

static void an_abandoned_exchange_closes_its_connection(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, GET_WAIT);
    AWAIT(fixture, handled, 1);
    http_abandon(take_any(fixture));
    assert_true(raw_ends(&raw, DEADLINE_MS));
    raw_close(&raw);
    raw = raw_connect(fixture->port);
    raw_say(&raw, "GET /abandon HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(raw_ends(&raw, DEADLINE_MS));
    raw_close(&raw);
    AWAIT(fixture, finished, 2);
    assert_int_equal(fixture->cut, 2);
}

// ---- clients that go

static void half_close(struct raw *raw)
{
    shutdown(raw->fd, SHUT_WR);
}

static void a_client_that_goes_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        void (*go)(struct raw *);
        bool is_early; // perhaps before the handler was called
    } ways[] = {{raw_close, false},
                {raw_reset, false},
                {half_close, false},
                {raw_close, true},
                {half_close, true}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct raw raw = raw_connect(fixture->port);
        raw_say(&raw, GET_WAIT);
        if (!ways[i].is_early)
            AWAIT(fixture, handled, i + 1);
        ways[i].go(&raw);
        AWAIT(fixture, gone, i + 1);
        AWAIT(fixture, finished, i + 1);
        if (ways[i].go == half_close)
            raw_close(&raw);
    }
    lock(fixture);
    size_t gone = fixture->gone, cut = fixture->cut, count = fixture->count;
    unlock(fixture);
    assert_int_equal(gone, ARRAY_LEN(ways));
    assert_int_equal(cut, ARRAY_LEN(ways));
    assert_int_equal(count, 0);
}

static void an_answer_to_who_has_gone_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 50; i++) {
        struct raw raw = raw_connect(fixture->port);
        raw_say(&raw, GET_WAIT);
        AWAIT(fixture, handled, i + 1);
        struct http_exchange *exchange = take_any(fixture);
        raw_reset(&raw);
        if (i % 2 == 0)
            AWAIT(fixture, gone, i / 2 + 1); // else as fast as it can be
        answer_with(exchange, 200, "nobody reads this");
        AWAIT(fixture, finished, i + 1);
    }
}

// ---- many

static void *answer_all(void *context)
{
    struct fixture *fixture = context;
    for (size_t answered = 0; answered < 2 * MANY;) {
        struct http_exchange *exchange = take_any(fixture);
        if (exchange == NULL) {
            AWAIT(fixture, count, 1);
            continue;
        }
        answer_with(exchange, 200, "fast");
        answered++;
    }
    return NULL;
}

static void answers_given_while_the_handler_runs_arrive(void **state)
{
    enum { CONNECTIONS = 20 };
    struct fixture *fixture = *state;
    pthread_t thread;
    struct raw raws[CONNECTIONS];
    assert_int_equal(pthread_create(&thread, NULL, answer_all, fixture), 0);
    for (size_t i = 0; i < CONNECTIONS; i++)
        raws[i] = raw_connect(fixture->port);
    for (size_t i = 0; i < 2 * MANY / CONNECTIONS; i++) {
        for (size_t j = 0; j < CONNECTIONS; j++)
            raw_say(&raws[j], GET_WAIT);
        for (size_t j = 0; j < CONNECTIONS; j++)
            expect(&raws[j], 200, "fast");
    }
    pthread_join(thread, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++)
        raw_close(&raws[i]);
}

static long resident_kb(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void five_thousand_wait_at_once_and_are_answered(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit files = {.rlim_cur = 2 * MANY + 1000, .rlim_max = 0};
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < files.rlim_cur)
        skip(); // both ends of all connections are in this process
    files.rlim_max = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    CLEANUP(mem_free_p) struct raw *raws = mem_array(MANY, sizeof *raws);
    CLEANUP(mem_free_p) char *body = mem_array(1001, 1);
    memset(body, 'x', 1000);
    long before_kb = resident_kb();
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            if (round == 0)
                raws[i] = raw_connect(fixture->port);
            raw_say(&raws[i], "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n%s",
                    body);
        }
        AWAIT(fixture, count, MANY);
        long used_kb = resident_kb() - before_kb;
        print_message("%d exchanges wait: %ld kB more\n", MANY, used_kb);
        if (MEASURES)
            assert_true(used_kb < 100 * 1024);
        for (size_t i = 0; i < MANY; i++)
            answer_with(take_any(fixture), 200, "at last");
        for (size_t i = 0; i < MANY; i++)
            expect(&raws[i], 200, "at last");
    }
    assert_int_equal(fixture->peak, MANY);
    for (size_t i = 0; i < MANY; i++)
        raw_close(&raws[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_asked_is_at_hand, begin_test),
        cmocka_unit_test_setup(another_thread_answers, begin_test),
        cmocka_unit_test_setup(a_later_answer_heeds_the_requests_headers, begin_test),
        cmocka_unit_test_setup(the_next_request_waits_for_the_answer, begin_test),
        cmocka_unit_test_setup(an_abandoned_exchange_closes_its_connection, begin_test),
        cmocka_unit_test_setup(a_client_that_goes_is_told_once, begin_test),
        cmocka_unit_test_setup(an_answer_to_who_has_gone_does_no_harm, begin_test),
        cmocka_unit_test_setup(answers_given_while_the_handler_runs_arrive, begin_test),
        cmocka_unit_test_setup(five_thousand_wait_at_once_and_are_answered, begin_test),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
