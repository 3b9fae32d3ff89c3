// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/program.h"
#include "http/client.h"
#include "support/rude_server.h"
#include "support/tls_server.h"

// A server of a few lines keeps what it was sent and gives one canned answer (none: it is silent),
// so that it can also be wrong in ways that a real server is not.

struct server {
    int listener;
    uint16_t port;
    pthread_t thread;
    const char *answer; // NULL: silence
    char request[4096];
    int end[2]; // a pipe: written to when the server shall end
};

static void serve(struct server *server, int fd)
{
    size_t len = 0;
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN},
                             {.fd = server->end[0], .events = POLLIN}};
    while (strstr(server->request, "\r\n\r\n") == NULL || server->answer == NULL) {
        if (poll(wait, 2, -1) < 0 || wait[1].revents != 0)
            return;
        ssize_t got = read(fd, server->request + len, sizeof server->request - 1 - len);
        if (got <= 0)
            return;
        len += (size_t)got;
        server->request[len] = '\0';
    }
    size_t size = strlen(server->answer);
    assert_int_equal(write(fd, server->answer, size), (ssize_t)size);
}

static void *run(void *context)
{
    struct server *server = context;
    int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        serve(server, fd);
        close(fd);
    }
    return NULL;
}

static void server_open(struct server *server, const char *answer)
{
    *server = (struct server){.answer = answer};
    server->listener = listen_anywhere(&server->port);
    assert_int_equal(pipe2(server->end, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

static void server_close(struct server *server)
{
    assert_int_equal(write(server->end[1], "", 1), 1);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->end[0]);
    close(server->end[1]);
}

// One request to a server with this answer: its verdict; what was asked stays in server->request.
static enum err ask(struct server *server, const char *answer, const struct http_options *options,
                    const char *user_info, struct text *body, long *status, struct why *why)
{
    CLEANUP(http_client_free_p) struct http_client *client = NULL;
    char url[128];
    server_open(server, answer);
    snprintf(url, sizeof url, "http://%s127.0.0.1:%u/path", user_info, server->port);
    assert_ok(http_client_new(options, &client, why), why);
    const struct http_request request = {.method = "POST",
                                         .url = url,
                                         .content_type = "application/json",
                                         .body = bytes_from_string("{}")};
    enum err err = http_send(client, &request, status, body, why);
    server_close(server);
    return err;
}

#define ANSWER(status_line, more) "HTTP/1.1 " status_line "\r\nConnection: close\r\n" more

static void a_request_carries_its_method_body_and_credentials(void **state)
{
    (void)state;
    struct server server;
    struct why why = {0};
    long status = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(100);
    const char *answer = ANSWER("201 Created", "Content-Length: 2\r\n\r\nok");
    const struct http_options basic = {.user = "kim", .password = "pass:word"};
    assert_ok(ask(&server, answer, &basic, "", &body, &status, &why), &why);
    assert_int_equal(status, 201);
    assert_string_equal(text_string(&body), "ok");
    assert_non_null(strstr(server.request, "POST /path HTTP/1.1\r\n"));
    assert_non_null(strstr(server.request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server.request, "Content-Length: 2\r\n"));
    assert_non_null(strstr(server.request, "Authorization: Basic a2ltOnBhc3M6d29yZA==\r\n"));
    assert_null(strstr(server.request, "Expect"));
    const struct http_options bearer = {.token = "abc.def"};
    assert_ok(ask(&server, answer, &bearer, "", &body, &status, &why), &why);
    assert_non_null(strstr(server.request, "Authorization: Bearer abc.def\r\n"));
    const struct http_options none = {.user = "", .token = ""};
    assert_ok(ask(&server, answer, &none, "", &body, &status, &why), &why);
    assert_null(strstr(server.request, "Authorization"));
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    (void)state;
    struct server server;
    struct why why = {0};
    long status = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(100);
    const struct http_options options = {.timeout_ms = 2000};
    assert_ok(ask(&server,
                  ANSWER("302 Found", "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
                  &options, "", &body, &status, &why),
              &why);
    assert_int_equal(status, 302);
}

static void a_proxy_of_the_environment_is_not_used(void **state)
{
    (void)state;
    struct server server;
    struct why why = {0};
    long status = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(100);
    const struct http_options options = {.timeout_ms = 2000};
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assert_ok(ask(&server, ANSWER("200 OK", "Content-Length: 0\r\n\r\n"), &options, "", &body,
                  &status, &why),
              &why);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(status, 200);
}

static void broken_and_cut_answers_may_be_asked_for_again(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "", "SSH-2.0-OpenSSH\r\n\r\n", ANSWER("200 OK", "Content-Length: 10\r\n\r\ncut"),
        ANSWER("200 OK", "Transfer-Encoding: chunked\r\n\r\nzz\r\n")};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct server server;
        struct why why = {0};
        long status = 77;
        CLEANUP(text_done) struct text body = TEXT_INIT(100);
        const struct http_options options = {.timeout_ms = 2000};
        assert_err(ask(&server, answers[i], &options, "", &body, &status, &why), ERR_RETRY, &why);
        assert_int_equal(status, 77);
    }
}

static void an_endless_answer_stops_at_the_ceiling(void **state)
{
    (void)state;
    struct server server;
    struct why why = {0};
    long status = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(8);
    const struct http_options options = {.timeout_ms = 2000};
    assert_err(
        ask(&server, ANSWER("200 OK", "\r\n0123456789abcdef"), &options, "", &body, &status, &why),
        ERR_REJECT, &why);
    assert_string_equal(why.code, "answer-too-large");
    assert_true(body.len <= 8);
}

static void silence_ends_in_time_and_no_secret_is_told(void **state)
{
    (void)state;
    struct server server;
    struct why why = {0};
    long status = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(100);
    const struct http_options options = {.timeout_ms = 200};
    int64_t begin = clock_mono_ms();
    assert_err(ask(&server, NULL, &options, "kim:hunter2@", &body, &status, &why), ERR_RETRY, &why);
    assert_true(clock_mono_ms() - begin < 3000);
    assert_null(strstr(why.text, "hunter2"));
    assert_null(strstr(why.text, "kim"));
    assert_non_null(strstr(why.text, "127.0.0.1"));
}

static enum err ask_tls(uint16_t port, const char *ca_file, struct why *why)
{
    CLEANUP(http_client_free_p) struct http_client *client = NULL;
    CLEANUP(text_done) struct text body = TEXT_INIT(65536);
    const struct http_options options = {.ca_file = ca_file, .timeout_ms = 5000};
    char url[64];
    long status = 0;
    assert_ok(http_client_new(&options, &client, why), why);
    snprintf(url, sizeof url, "https://localhost:%u/", port);
    const struct http_request request = {.method = "GET", .url = url};
    enum err err = ERR_RETRY;
    for (int64_t end = clock_mono_ms() + 10000; err == ERR_RETRY && clock_mono_ms() < end;) {
        err = http_send(client, &request, &status, &body, why);
        if (err == ERR_RETRY) // the server is still starting
            poll(NULL, 0, 50);
    }
    return err;
}

static void only_a_trusted_certificate_is_talked_to(void **state)
{
    (void)state;
    struct tls_server server;
    struct why why = {0}, refusal = {0};
    tls_server_start(&server, "localhost");
    enum err trusted = ask_tls(server.port, server.cert, &why);
    enum err untrusted = ask_tls(server.port, NULL, &refusal);
    tls_server_stop(&server);
    if (trusted != ERR_OK)
        fail_msg("%s", why.text);
    assert_int_equal(untrusted, ERR_FATAL);
    assert_non_null(strstr(refusal.text, "certificate"));
}

static void *stop_soon(void *context)
{
    poll(NULL, 0, 100);
    program_stop();
    return context;
}

// The last test: the flag stays up.
static void a_program_that_stops_does_not_wait_for_an_answer(void **state)
{
    (void)state;
    struct server server;
    struct why why = {0};
    long status = 0;
    CLEANUP(text_done) struct text body = TEXT_INIT(100);
    const struct http_options options = {.timeout_ms = 30000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
    int64_t begin = clock_mono_ms();
    assert_err(ask(&server, NULL, &options, "", &body, &status, &why), ERR_STOP, &why);
    assert_true(clock_mono_ms() - begin < 4000);
    pthread_join(thread, NULL);
}

int main(void)
{
    program_init(60000); // before any thread: it blocks the signals that stop
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_carries_its_method_body_and_credentials),
        cmocka_unit_test(a_redirect_is_an_answer_and_is_not_followed),
        cmocka_unit_test(a_proxy_of_the_environment_is_not_used),
        cmocka_unit_test(broken_and_cut_answers_may_be_asked_for_again),
        cmocka_unit_test(an_endless_answer_stops_at_the_ceiling),
        cmocka_unit_test(silence_ends_in_time_and_no_secret_is_told),
        cmocka_unit_test(only_a_trusted_certificate_is_talked_to),
        cmocka_unit_test(a_program_that_stops_does_not_wait_for_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
