// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "http/multi.h"
#include "support/rude_server.h"
#include "support/tls_server.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURES false // a sanitizer's memory and time are not ours
#else
#define MEASURES true
#endif

enum { DEADLINE_MS = 20000 };

struct fixture {
    struct rude_server *server;
    struct http_multi *multi;
};

static struct http_multi *multi_new(const struct http_multi_options *options)
{
    struct http_multi *multi = NULL;
    struct why why = {0};
    assert_ok(http_multi_new(options, &multi, &why), &why);
    return multi;
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    const struct http_multi_options options = {.allows_http = true, .slow_answer_ms = 1000};
    fixture = (struct fixture){rude_server_start(), multi_new(&options)};
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    http_multi_free(fixture->multi);
    rude_server_stop(fixture->server);
    return 0;
}

static void start(struct fixture *fixture, const char *path, int64_t timeout_ms, void *tag)
{
    char url[128];
    struct why why = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", rude_server_port(fixture->server), path);
    const struct http_call call = {.method = "POST",
                                   .url = url,
                                   .body = bytes_from_string("{\"a\":1}"),
                                   .timeout_ms = timeout_ms};
    assert_ok(http_multi_start(fixture->multi, &call, tag, &why), &why);
}

// Polls until something has ended.
static size_t poll_some(struct http_multi *multi, struct http_done *done, size_t max)
{
    struct why why = {0};
    size_t count = 0;
    for (int64_t end = clock_mono_ms() + DEADLINE_MS; count == 0;) {
        assert_ok(http_multi_poll(multi, 1000, done, max, &count, &why), &why);
        assert_true(clock_mono_ms() < end);
    }
    return count;
}

// One call from its start to its end; what `done` points to is good until the next poll.
static void call(struct fixture *fixture, const char *path, int64_t timeout_ms,
                 struct http_done *done)
{
    int tag = 0;
    start(fixture, path, timeout_ms, &tag);
    assert_int_equal(poll_some(fixture->multi, done, 1), 1);
    assert_ptr_equal(done->tag, &tag);
    assert_int_equal(http_multi_in_flight(fixture->multi), 0);
}

static bool holds(struct bytes text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void a_call_carries_its_method_headers_and_body(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done;
    struct why why = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/echo", rude_server_port(fixture->server));
    const struct http_header headers[] = {{"x-goog-api-key", "sesame"},
                                          {"Content-Type", "application/json"}};
    const struct http_call request = {"POST", url, headers, 2, bytes_from_string("{\"a\":1}"),
                                      5000,   4096};
    assert_ok(http_multi_start(fixture->multi, &request, url, &why), &why);
    assert_int_equal(poll_some(fixture->multi, &done, 1), 1);
    assert_err(done.err, ERR_OK, &done.why);
    assert_int_equal(done.status, 200);
    assert_string_equal(done.content_type, "text/plain");
    assert_string_equal(done.retry_after, "");
    assert_true(holds(done.body, "POST /echo HTTP/1.1\r\n"));
    assert_true(holds(done.body, "\r\nx-goog-api-key: sesame\r\n"));
    assert_true(holds(done.body, "\r\nContent-Type: application/json\r\n"));
    assert_true(holds(done.body, "\r\n\r\n{\"a\":1}"));
    assert_false(holds(done.body, "Expect"));
    assert_false(holds(done.body, "Accept-Encoding"));
}

// One call to /echo.
static void echo(struct fixture *fixture, struct http_call request, const char *held,
                 const char *not_held)
{
    struct http_done done;
    struct why why = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/echo", rude_server_port(fixture->server));
    request.url = url;
    assert_ok(http_multi_start(fixture->multi, &request, url, &why), &why);
    assert_int_equal(poll_some(fixture->multi, &done, 1), 1);
    assert_err(done.err, ERR_OK, &done.why);
    if (!holds(done.body, held) || holds(done.body, not_held))
        fail_msg("%.*s", (int)done.body.len, (const char *)done.body.data);
}

static void a_call_has_nothing_of_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    const struct http_header first[] = {{"x-one", "1"}, {"x-two", "2"}};
    const struct http_header second[] = {{"x-one", "3"}};
    struct http_call request = {.method = "POST",
                                .headers = first,
                                .header_count = 2,
                                .body = bytes_from_string("a longer body")};
    echo(fixture, request, "\r\n\r\na longer body", "x-one: 3");
    request.body = bytes_from_string("short");
    echo(fixture, request, "Content-Length: 5\r\n", "longer");
    echo(fixture, request, "x-one: 1\r\nx-two: 2\r\n", "longer");
    request.headers = second;
    request.header_count = 1;
    echo(fixture, request, "x-one: 3\r\n", "x-two");
    request.header_count = 0;
    echo(fixture, request, "\r\n\r\nshort", "x-one");
    request.method = "PUT";
    echo(fixture, request, "PUT /echo", "POST");
    request.body = (struct bytes){0};
    request.method = "GET";
    echo(fixture, request, "GET /echo", "short");
    request.headers = first;
    request.header_count = 2;
    echo(fixture, request, "x-one: 1\r\nx-two: 2\r\n\r\n", "Content-Length");
}

// After an answer was told, the next ones are told together, later; a wake does not wait for that.
static void answers_that_come_close_to_each_other_are_told_together(void **state)
{
    enum { GATHER_MS = 2000 };
    (void)state;
    const struct http_multi_options options = {.allows_http = true, .gather_ms = GATHER_MS};
    struct fixture gathering = {rude_server_start(), multi_new(&options)};
    struct http_done done[4];
    struct why why = {0};
    char tags[2];
    size_t count = 0;
    call(&gathering, "/ok", DEADLINE_MS, done);
    int64_t told_ms = clock_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        start(&gathering, "/held", DEADLINE_MS, &tags[i]);
    while (rude_server_held(gathering.server) < ARRAY_LEN(tags)) {
        assert_ok(http_multi_poll(gathering.multi, 0, done, 4, &count, &why), &why);
        assert_int_equal(count, 0);
    }
    http_multi_wake(gathering.multi);
    assert_ok(http_multi_poll(gathering.multi, DEADLINE_MS, done, 4, &count, &why), &why);
    assert_int_equal(count, 0); // the server holds them still
    rude_server_release(gathering.server);
    bool is_soon = clock_mono_ms() - told_ms < GATHER_MS / 2;
    size_t first = poll_some(gathering.multi, done, 4);
    for (count = first; count < ARRAY_LEN(tags);)
        count += poll_some(gathering.multi, done, 4);
    if (is_soon) { // else the machine was busy elsewhere, and the time was over
        assert_int_equal(first, ARRAY_LEN(tags));
        assert_true(clock_mono_ms() - told_ms >= GATHER_MS / 2);
    }
    http_multi_free(gathering.multi);
    rude_server_stop(gathering.server);
}

static void an_answer_is_given_whatever_its_status_and_no_redirect_is_followed(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done;
    call(fixture, "/busy", 5000, &done);
    assert_err(done.err, ERR_OK, &done.why);
    assert_int_equal(done.status, 429);
    assert_string_equal(done.retry_after, "7");
    assert_true(bytes_equal_string(done.body, "busy"));
    size_t before = rude_server_requests(fixture->server);
    call(fixture, "/redirect", 5000, &done);
    assert_err(done.err, ERR_OK, &done.why);
    assert_int_equal(done.status, 302);
    assert_int_equal(rude_server_requests(fixture->server), before + 1);
}

static void what_breaks_on_the_wire_has_its_verdict_in_time(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *path;
        int64_t timeout_ms;
        enum err err;
        const char *code;
    } cases[] = {
        {"/silent", 300, ERR_RETRY, "http"},
        {"/drip", 15000, ERR_RETRY, "http"}, // given up long before: it is too slow
        {"/reset", 5000, ERR_RETRY, "http"},
        {"/short", 5000, ERR_RETRY, "http"},
        {"/chunked", 5000, ERR_RETRY, "http"},
        {"/chunked-open", 500, ERR_RETRY, "http"},
        {"/head-only", 5000, ERR_RETRY, "http"},
        {"/vanish", 5000, ERR_RETRY, "http"},
        {"/ssh", 5000, ERR_RETRY, "http"},
        {"/big", 5000, ERR_REJECT, "answer-too-large"},
        {"/endless", 5000, ERR_REJECT, "answer-too-large"},
        {"/headers", 5000, ERR_REJECT, "answer-too-large"},
        {"/gzip", 5000, ERR_REJECT, "answer-encoded"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_done done;
        int64_t begin = clock_mono_ms();
        call(fixture, cases[i].path, cases[i].timeout_ms, &done);
        if (done.err != cases[i].err || strcmp(done.why.code, cases[i].code) != 0)
            fail_msg("%s: %s %s", cases[i].path, err_name(done.err), done.why.text);
        assert_true(clock_mono_ms() - begin < 8000);
        assert_int_equal(done.body.len, 0);
    }
    struct http_done done;
    call(fixture, "/ok", 5000, &done); // and all is well again
    assert_err(done.err, ERR_OK, &done.why);
}

static void a_connection_is_kept_and_a_call_sent_at_most_once(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done;
    size_t connections = rude_server_connections(fixture->server);
    for (int i = 0; i < 50; i++) {
        call(fixture, "/ok", 5000, &done);
        assert_err(done.err, ERR_OK, &done.why);
    }
    assert_true(rude_server_connections(fixture->server) - connections <= 1);
    size_t requests = rude_server_requests(fixture->server);
    call(fixture, "/vanish", 5000, &done);
    assert_err(done.err, ERR_RETRY, &done.why);
    assert_int_equal(rude_server_requests(fixture->server), requests + 1);
}

static void a_call_that_was_told_makes_room_and_keeps_its_answer(void **state)
{
    const struct fixture *fixture = *state;
    const struct http_multi_options options = {.allows_http = true, .calls_max = 2};
    struct fixture two = {fixture->server, multi_new(&options)};
    static char tags[6];
    start(&two, "/ok", 5000, &tags[0]);
    start(&two, "/ok", 5000, &tags[1]);
    for (size_t told = 0, begun = 2; told < ARRAY_LEN(tags);) {
        struct http_done done[2];
        size_t count = poll_some(two.multi, done, 2);
        for (size_t i = 0; i < count && begun < ARRAY_LEN(tags); i++)
            start(&two, "/ok", 5000, &tags[begun++]);
        for (size_t i = 0; i < count; i++) {
            assert_err(done[i].err, ERR_OK, &done[i].why);
            assert_true(bytes_equal_string(done[i].body, "{}"));
        }
        told += count;
    }
    http_multi_free(two.multi);
}

static void two_hundred_and_fifty_six_calls_are_in_flight_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done[100];
    struct why why = {0};
    static char tags[257];
    for (size_t i = 0; i < 256; i++)
        start(fixture, "/held", DEADLINE_MS, &tags[i]);
    const struct http_call one_more = {.method = "GET", .url = "http://127.0.0.1:1/"};
    assert_err(http_multi_start(fixture->multi, &one_more, &tags[256], &why), ERR_RETRY, &why);
    assert_string_equal(why.code, "calls-full");
    for (int64_t end = clock_mono_ms() + DEADLINE_MS; rude_server_held(fixture->server) < 256;) {
        size_t count = 0;
        assert_ok(http_multi_poll(fixture->multi, 10, done, 100, &count, &why), &why);
        assert_int_equal(count, 0);
        assert_true(clock_mono_ms() < end);
    }
    rude_server_release(fixture->server);
    bool is_told[256] = {0};
    for (size_t told = 0; told < 256;) {
        size_t count = poll_some(fixture->multi, done, 100);
        told += count;
        for (size_t i = 0; i < count; i++) {
            size_t tag = (size_t)((char *)done[i].tag - tags);
            assert_err(done[i].err, ERR_OK, &done[i].why);
            assert_true(bytes_equal_string(done[i].body, "released"));
            assert_false(is_told[tag]);
            is_told[tag] = true;
        }
    }
    assert_int_equal(http_multi_in_flight(fixture->multi), 0);
}

static void a_cancelled_call_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done;
    struct why why = {0};
    int silent = 0, other = 0;
    size_t count = 0;
    start(fixture, "/silent", DEADLINE_MS, &silent);
    start(fixture, "/silent", 500, &other);
    assert_ok(http_multi_poll(fixture->multi, 50, &done, 1, &count, &why), &why);
    assert_int_equal(count, 0);
    assert_true(http_multi_cancel(fixture->multi, &silent));
    assert_false(http_multi_cancel(fixture->multi, &silent));
    assert_int_equal(http_multi_in_flight(fixture->multi), 1);
    assert_int_equal(poll_some(fixture->multi, &done, 1), 1);
    assert_ptr_equal(done.tag, &other);
    assert_false(http_multi_cancel(fixture->multi, &other));
}

static void calls_that_cannot_be_made_are_refused_and_no_secret_is_told(void **state)
{
    struct fixture *fixture = *state;
    const struct http_multi_options options = {0};
    CLEANUP(http_multi_free_p) struct http_multi *strict = multi_new(&options);
    const struct http_call plain = {.method = "GET",
                                    .url = "http://kim:hunter2@127.0.0.1:1/x?key=sesame"};
    struct why why = {0};
    assert_err(http_multi_start(strict, &plain, &why, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "127.0.0.1:1/x: use an https:// URL"));
    assert_null(strstr(why.text, "hunter2"));
    assert_null(strstr(why.text, "sesame"));
    const struct http_call file = {.method = "GET", .url = "file:///etc/hostname"};
    assert_err(http_multi_start(fixture->multi, &file, &why, &why), ERR_FATAL, &why);
    static const char *const bad[] = {"sesame\r\nX-Other: 1", "", "sesame\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct http_header header = {"x-goog-api-key", bad[i]};
        struct http_call call = plain;
        call.headers = &header;
        call.header_count = 1;
        assert_err(http_multi_start(fixture->multi, &call, &why, &why), ERR_FATAL, &why);
        assert_null(strstr(why.text, "sesame"));
    }
    // A port on which nobody listens.
    struct http_done done;
    assert_ok(http_multi_start(fixture->multi, &plain, &why, &why), &why);
    assert_int_equal(poll_some(fixture->multi, &done, 1), 1);
    assert_err(done.err, ERR_RETRY, &done.why);
    assert_non_null(strstr(done.why.text, "127.0.0.1:1/x: "));
    assert_null(strstr(done.why.text, "sesame"));
    assert_null(strstr(done.why.text, "kim"));
}

static void *wake_soon(void *multi)
{
    poll(NULL, 0, 100);
    http_multi_wake(multi);
    return NULL;
}

static void the_wait_ends_when_somebody_wakes_it(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done;
    struct why why = {0};
    size_t count = 0;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, fixture->multi), 0);
    int64_t begin = clock_mono_ms();
    assert_ok(http_multi_poll(fixture->multi, DEADLINE_MS, &done, 1, &count, &why), &why);
    assert_true(clock_mono_ms() - begin < DEADLINE_MS / 2);
    pthread_join(thread, NULL);
    begin = clock_mono_ms();
    assert_ok(http_multi_poll(fixture->multi, 200, &done, 1, &count, &why), &why);
    assert_true(clock_mono_ms() - begin >= 200); // woken once, not for ever
}

static void get_tls(const struct tls_server *server, const char *ca_file, struct http_done *done)
{
    const struct http_multi_options options = {.ca_file = ca_file};
    CLEANUP(http_multi_free_p) struct http_multi *multi = multi_new(&options);
    char url[64];
    struct why why = {0};
    snprintf(url, sizeof url, "https://localhost:%u/", server->port);
    const struct http_call call = {.method = "GET", .url = url, .timeout_ms = 5000};
    done->err = ERR_RETRY;
    for (int64_t end = clock_mono_ms() + DEADLINE_MS;
         done->err == ERR_RETRY && clock_mono_ms() < end;) {
        assert_ok(http_multi_start(multi, &call, url, &why), &why);
        assert_int_equal(poll_some(multi, done, 1), 1);
        if (done->err == ERR_RETRY) // the server is still starting
            poll(NULL, 0, 50);
    }
}

static void only_a_trusted_certificate_of_the_right_host_is_talked_to(void **state)
{
    (void)state;
    struct tls_server server, other;
    struct http_done trusted, untrusted, wrong_host;
    tls_server_start(&server, "localhost");
    tls_server_start(&other, "elsewhere.example");
    get_tls(&server, server.cert, &trusted);
    get_tls(&server, NULL, &untrusted);
    get_tls(&other, other.cert, &wrong_host);
    tls_server_stop(&server);
    tls_server_stop(&other);
    assert_err(trusted.err, ERR_OK, &trusted.why);
    assert_err(untrusted.err, ERR_FATAL, &untrusted.why);
    assert_non_null(strstr(untrusted.why.text, "certificate"));
    assert_err(wrong_host.err, ERR_FATAL, &wrong_host.why);
    assert_non_null(strstr(wrong_host.why.text, "localhost"));
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int64_t thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void make_calls(struct fixture *fixture, size_t calls)
{
    static char tag;
    struct http_done done[64];
    for (size_t started = 0, ended = 0; ended < calls;) {
        for (; started < calls && started - ended < 64; started++)
            start(fixture, "/ok", DEADLINE_MS, &tag);
        size_t count = poll_some(fixture->multi, done, 64);
        for (size_t i = 0; i < count; i++)
            assert_err(done[i].err, ERR_OK, &done[i].why);
        ended += count;
    }
}

// HTTP_CALLS=50000 is the long run.
static void many_calls_need_no_more_memory_than_few(void **state)
{
    struct fixture *fixture = *state;
    const char *wanted = getenv("HTTP_CALLS");
    size_t calls = wanted == NULL ? 5000 : strtoul(wanted, NULL, 10);
    assert_true(calls > 0);
    make_calls(fixture, 1000);
    long before_kb = resident_kb();
    int64_t before_us = thread_cpu_us();
    make_calls(fixture, calls);
    long grown_kb = resident_kb() - before_kb;
    double each_us = (double)(thread_cpu_us() - before_us) / (double)calls;
    print_message("%zu calls: %.0f us of CPU each, %ld KB more resident\n", calls, each_us,
                  grown_kb);
    if (MEASURES) {
        assert_true(grown_kb < 512);
        assert_true(each_us <= 300);
    }
}

static void *stop_soon(void *context)
{
    poll(NULL, 0, 100);
    program_stop();
    return context;
}

// The last test: the flag stays up.
static void a_program_that_stops_hears_of_it_once_and_may_let_calls_end(void **state)
{
    struct fixture *fixture = *state;
    struct http_done done;
    struct why why = {0};
    size_t count = 0;
    int tag = 0;
    pthread_t thread;
    start(fixture, "/silent", 1000, &tag);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
    int64_t begin = clock_mono_ms();
    assert_ok(http_multi_poll(fixture->multi, DEADLINE_MS, &done, 1, &count, &why), &why);
    assert_true(program_is_stopping());
    assert_int_equal(count, 0);
    assert_true(clock_mono_ms() - begin < 900);
    int64_t cpu_us = thread_cpu_us();
    assert_int_equal(poll_some(fixture->multi, &done, 1), 1);
    assert_err(done.err, ERR_RETRY, &done.why);
    assert_true(clock_mono_ms() - begin >= 900);
    assert_true(thread_cpu_us() - cpu_us < 200000); // it waits, and does not spin
    pthread_join(thread, NULL);
}

int main(void)
{
    program_init(60000); // before any thread: it blocks the signals that stop
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_carries_its_method_headers_and_body),
        cmocka_unit_test(a_call_has_nothing_of_the_one_before),
        cmocka_unit_test(answers_that_come_close_to_each_other_are_told_together),
        cmocka_unit_test(an_answer_is_given_whatever_its_status_and_no_redirect_is_followed),
        cmocka_unit_test(what_breaks_on_the_wire_has_its_verdict_in_time),
        cmocka_unit_test(a_connection_is_kept_and_a_call_sent_at_most_once),
        cmocka_unit_test(a_cancelled_call_is_not_told),
        cmocka_unit_test(calls_that_cannot_be_made_are_refused_and_no_secret_is_told),
        cmocka_unit_test(the_wait_ends_when_somebody_wakes_it),
        cmocka_unit_test(only_a_trusted_certificate_of_the_right_host_is_talked_to),
        cmocka_unit_test(a_call_that_was_told_makes_room_and_keeps_its_answer),
        cmocka_unit_test(two_hundred_and_fifty_six_calls_are_in_flight_and_no_more),
        cmocka_unit_test(many_calls_need_no_more_memory_than_few),
        cmocka_unit_test(a_program_that_stops_hears_of_it_once_and_may_let_calls_end),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
