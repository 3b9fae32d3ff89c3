// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>

#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// From a request's target and method to its route; with a real server.

struct fixture {
    struct http_server *server;
    uint16_t port;
};

// Says what it was asked.
static void echo(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct text text = TEXT_INIT(10000);
    const struct http_route *route = http_route_of(exchange);
    IGNORE(text_printf(&text, "%s %s", http_method(exchange), route->path));
    for (const char *at = route->path; (at = strchr(at, '{')) != NULL; at++) {
        char name[40];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(at + 1, "*}"), at + 1);
        struct bytes value = http_param(exchange, name);
        assert_int_equal(value.data[value.len], 0);
        IGNORE(text_printf(&text, " %s=%s", name, (const char *)value.data));
    }
    for (size_t i = 0; i < http_query_count(exchange); i++) {
        struct http_pair pair = http_query_at(exchange, i);
        IGNORE(text_printf(&text, " ?%s=%s", (const char *)pair.name.data,
                           (const char *)pair.value.data));
    }
    const struct http_answer answer = {.status = 200, .content_type = "text/plain", .body = &text};
    http_answer(exchange, &answer);
}

static const struct http_route routes[] = {
    {"GET", "/", echo, NULL, 0, 0, NULL},
    {"POST", "/predict", echo, NULL, 0, 0, NULL},
    {"GET", "/employees/{id}", echo, NULL, 0, 0, NULL},
    {"POST", "/employees/{id}", echo, NULL, 0, 0, NULL},
    {"GET", "/employees/all", echo, NULL, 0, 0, NULL},
    {"GET", "/employees/{id}/predictions", echo, NULL, 0, 0, NULL},
    {"GET", "/predictions/{prediction_id*}", echo, NULL, 0, 0, NULL},
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

// ---- asking

// The status, and the body where the status is 200.
static int ask(struct fixture *fixture, const char *method, const char *target, char body[256])
{
    CLEANUP(mem_free_p)
    char *request = mem_printf("%s %s HTTP/1.1\r\nHost: a\r\n\r\n", method, target);
    struct raw_answer answer;
    raw_ask(fixture->port, request, &answer);
    snprintf(body, 256, "%s", answer.status == 200 ? text_string(&answer.body) : "");
    int status = answer.status;
    raw_answer_done(&answer);
    return status;
}

// ---- routes

static void a_request_finds_its_route_and_parameters(void **state)
{
    static const struct {
        const char *target, *expected;
    } cases[] = {
        {"/", "GET /"},
        {"/employees/7", "GET /employees/{id} id=7"},
        {"/employees/all", "GET /employees/all"},
        {"/%65mployees/%61ll", "GET /employees/all"},
        {"/employees/all/predictions", "GET /employees/{id}/predictions id=all"},
        {"/employees/a%2Fb%5cc", "GET /employees/{id} id=a/b\\c"},
        {"/employees/%C3%A9t%c3%a9~!$&'()*+,;=:@-._",
         "GET /employees/{id} id=\xc3\xa9t\xc3\xa9~!$&'()*+,;=:@-._"},
        {"/employees/50%25", "GET /employees/{id} id=50%"},
        {"/employees/...", "GET /employees/{id} id=..."},
        {"/predictions/employee-changes/3/17",
         "GET /predictions/{prediction_id*} prediction_id=employee-changes/3/17"},
        {"/predictions/employee-changes@2%2F3%2f17",
         "GET /predictions/{prediction_id*} prediction_id=employee-changes@2/3/17"},
        {"/employees/7?band=high&department=R%26D+and+more&x=a=b&empty&&band=low",
         "GET /employees/{id} id=7 ?band=high ?department=R&D and more ?x=a=b ?empty= ?band=low"},
        {"/?", "GET /"},
        {"/?&&", "GET /"},
        {"/?=", "GET / ?="},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[256];
        int status = ask(*state, "GET", cases[i].target, body);
        if (status != 200 || strcmp(body, cases[i].expected) != 0)
            fail_msg("%s: %d %s", cases[i].target, status, body);
    }
}

static void what_is_no_path_of_ours_is_not_found_or_refused(void **state)
{
    static const struct {
        const char *target;
        int status;
    } cases[] = {
        {"/nothing", 404},
        {"/employees", 404},
        {"/employees/", 404},
        {"/employees//predictions", 404},
        {"/employees/7/", 404},
        {"//employees/7", 404},
        {"/predictions/", 404},
        {"/predictions/a//b", 404},
        {"/Employees/7", 404},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18", 404},
        {"/employees/..", 400},
        {"/employees/.", 400},
        {"/../../etc/passwd", 400},
        {"/employees/%2e%2e", 400},
        {"/employees/%2E./predictions", 400},
        {"/employees/..%2fall", 400},
        {"/predictions/a/..%5c..%5cb", 400},
        {"/predictions/a/../b", 400},
        {"/employees/%00", 400},
        {"/employees/a%00b", 400},
        {"/employees/%0d%0aX:y", 400},
        {"/employees/%7f", 400},
        {"/employees/%252e%252e", 400},
        {"/employees/%25%32%65", 400},
        {"/employees/a\\b", 400},
        {"/employees/a\"b", 400},
        {"/employees/a<b>", 400},
        {"/employees/{id}", 400},
        {"/employees/%", 400},
        {"/employees/%4", 400},
        {"/employees/%zz", 400},
        {"/employees/%c0%ae%c0%ae", 400},
        {"/employees/%ff", 400},
        {"/employees/\xc3\xa9", 400},
        {"/employees/7#part", 400},
        {"http://a/employees/7", 400},
        {"https://other.example/", 400},
        {"employees/7", 400},
        {"*", 400},
        {"a:80", 400},
        {"/employees/7?a=%00", 400},
        {"/employees/7?a=%zz", 400},
        {"/employees/7?%ff", 400},
        {"/employees/7?a=\"", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[256];
        int status = ask(*state, "GET", cases[i].target, body);
        if (status != cases[i].status)
            fail_msg("%s: %d, not %d", cases[i].target, status, cases[i].status);
    }
}

static void a_query_has_64_pairs_at_most(void **state)
{
    char body[256], target[1000] = "/?";
    for (int i = 0; i < 64; i++)
        strcat(target, i == 0 ? "a=1" : "&a=1");
    assert_int_equal(ask(*state, "GET", target, body), 200);
    strcat(target, "&a=1");
    assert_int_equal(ask(*state, "GET", target, body), 400);
}

// ---- methods

static void another_method_is_told_which_there_are(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *line, *allowed;
    } cases[] = {
        {"DELETE /employees/7", "GET, HEAD, POST, OPTIONS"},
        {"GET /predict", "POST, OPTIONS"},
        {"HEAD /predict", "POST, OPTIONS"},
        {"PUT /", "GET, HEAD, OPTIONS"},
        {"PATCH /", "GET, HEAD, OPTIONS"},
        {"TRACE /", "GET, HEAD, OPTIONS"},
        {"CONNECT /", "GET, HEAD, OPTIONS"},
        {"POST /employees/all", "GET, HEAD, POST, OPTIONS"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(mem_free_p)
        char *request = mem_printf("%s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].line);
        struct raw_answer answer;
        raw_ask(fixture->port, request, &answer);
        if (strcmp(cases[i].line, "POST /employees/all") == 0) {
            assert_int_equal(answer.status, 200); // {id} has a POST, the literal one has none
        } else {
            if (answer.status != 405)
                fail_msg("%s: %d", cases[i].line, answer.status);
            raw_expect_header(&answer, "Allow", cases[i].allowed);
        }
        raw_answer_done(&answer);
    }
}

static void a_method_that_nobody_knows_is_501(void **state)
{
    struct fixture *fixture = *state;
    static const char *const lines[] = {"BREW /", "get /", "PROPFIND /nothing", "GETGET /"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(mem_free_p)
        char *request = mem_printf("%s HTTP/1.1\r\nHost: a\r\n\r\n", lines[i]);
        struct raw_answer answer;
        raw_ask(fixture->port, request, &answer);
        expect_problem(&answer, 501, "method-unknown");
        raw_answer_done(&answer);
    }
}

static void a_head_is_a_get_without_the_body(void **state)
{
    struct fixture *fixture = *state;
    struct raw_answer answer;
    struct raw raw = raw_connect(fixture->port);
    raw_say(&raw, "HEAD /employees/7 HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_read(&raw, true, &answer);
    assert_int_equal(answer.status, 200);
    raw_expect_header(&answer, "Content-Length", "25"); // "HEAD /employees/{id} id=7"
    raw_answer_done(&answer);
    raw_say(&raw, "HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_read(&raw, true, &answer);
    assert_int_equal(answer.status, 404);
    raw_answer_done(&answer);
    raw_say(&raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); // so that a body would be in the way
    raw_read(&raw, false, &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_done(&answer);
    raw_close(&raw);
}

static void options_tell_the_methods(void **state)
{
    struct fixture *fixture = *state;
    struct raw_answer answer;
    raw_ask(fixture->port, "OPTIONS /employees/7 HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    assert_int_equal(answer.status, 204);
    raw_expect_header(&answer, "Allow", "GET, HEAD, POST, OPTIONS");
    raw_answer_done(&answer);
    raw_ask(fixture->port, "OPTIONS /nothing HTTP/1.1\r\nHost: a\r\n\r\n", &answer);
    expect_problem(&answer, 404, "no-such-route");
    raw_answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_finds_its_route_and_parameters),
        cmocka_unit_test(what_is_no_path_of_ours_is_not_found_or_refused),
        cmocka_unit_test(a_query_has_64_pairs_at_most),
        cmocka_unit_test(another_method_is_told_which_there_are),
        cmocka_unit_test(a_method_that_nobody_knows_is_501),
        cmocka_unit_test(a_head_is_a_get_without_the_body),
        cmocka_unit_test(options_tell_the_methods),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
