// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http/exchange.h"
#include "support/raw_client.h"

// What stands in answers: headers, codings, entity tags, other origins, problems; given fresh, and
// kept ready.

#define ETAG   "\"v1\""
#define ORIGIN "https://hr.example.org"
#define POLICY "default-src 'none'; frame-ancestors 'none'"
#define PLAIN  "plain words, plain words, plain words"
#define ZIPPED "\x1f\x8b, as far as the server knows"
#define EXPOSED                                                                                    \
    "ETag, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, "         \
    "WWW-Authenticate"

struct fixture {
    struct http_server *server;
    uint16_t port;
    struct http_fixed *document, *problem;
};

static const struct http_answer document = {
    .status = 200,
    .content_type = "text/plain",
    .constant = {(const uint8_t *)PLAIN, sizeof PLAIN - 1},
    .constant_gzip = {(const uint8_t *)ZIPPED, sizeof ZIPPED - 1},
    .etag = ETAG,
    .cache_control = "max-age=300",
    .content_policy = "default-src 'self'",
};
static const struct http_header bearer = {"WWW-Authenticate", "Bearer"};
static const struct http_problem no_token = {.status = 401,
                                             .code = "no-token",
                                             .title = "An access token is needed",
                                             .headers = &bearer,
                                             .header_count = 1};

static void fresh(struct http_exchange *exchange, void *context)
{
    (void)context;
    http_answer(exchange, &document);
}

static void fixed(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    http_answer_fixed(exchange, fixture->document);
}

static void words(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct text text = TEXT_INIT(1000);
    IGNORE(text_append_string(&text, "{}"));
    const struct http_header headers[] = {{"Location", "/requests/1"}, {"X-Two", "2"}};
    const struct http_answer answer = {.status = 201,
                                       .content_type = "application/json",
                                       .body = &text,
                                       .etag = ETAG,
                                       .headers = headers,
                                       .header_count = 2};
    http_add_header(exchange, "RateLimit", "\"default\";r=50;t=30");
    http_answer(exchange, &answer);
    assert_int_equal(text.len, 0);
    assert_null(text.data);
}

static void refusal(struct http_exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    if (http_header(exchange, "X-Limit") != NULL)
        http_add_header(exchange, "RateLimit", "\"default\";r=0;t=9");
    http_answer_fixed(exchange, fixture->problem);
}

static void problem(struct http_exchange *exchange, void *context)
{
    (void)context;
    const struct http_field_error errors[] = {
        {"attributes.Age", "out-of-range", "\"200\" is over 100"},
        {"a\"b\\c\n\x01\xff", "unknown-field", "<script>"}};
    http_answer_problem(exchange, &(struct http_problem){.status = 422,
                                                         .code = "invalid",
                                                         .title = "A field cannot be",
                                                         .detail = "Two fields",
                                                         .instance = "/requests/7",
                                                         .errors = errors,
                                                         .error_count = 2,
                                                         .retry_after_s = 3});
}

static void many_headers(struct http_exchange *exchange, void *context)
{
    (void)context;
    for (int i = 0; i < 20; i++) {
        char name[20];
        snprintf(name, sizeof name, "X-%d", i);
        http_add_header(exchange, name, "y");
    }
    http_answer(exchange, &(struct http_answer){.status = 204});
}

static const struct http_route routes[] = {
    {"GET", "/fresh", fresh, NULL, 0, 0, NULL},
    {"GET", "/fixed", fixed, NULL, 0, 0, NULL},
    {"POST", "/fixed", fixed, NULL, 10, 0, NULL},
    {"GET", "/words", words, NULL, 0, 0, NULL},
    {"GET", "/refusal", refusal, NULL, 0, 0, NULL},
    {"POST", "/refusal", refusal, refusal, 1000, 0, NULL},
    {"GET", "/problem", problem, NULL, 0, 0, NULL},
    {"GET", "/many", many_headers, NULL, 0, 0, NULL},
};

static struct fixture open_server(const struct http_server_options *from, struct fixture *context)
{
    struct fixture fixture = {.document = http_fixed_new(&document),
                              .problem = http_fixed_problem(&no_token)};
    struct why why = {0};
    struct http_server_options options = *from;
    options.address = "127.0.0.1";
    options.routes = routes;
    options.route_count = ARRAY_LEN(routes);
    options.context = context;
    *context = fixture;
    assert_ok(http_server_start(&options, &fixture.server, &why), &why);
    fixture.port = http_server_port(fixture.server);
    return fixture;
}

static void close_server(struct fixture *fixture)
{
    http_server_stop(fixture->server);
    http_fixed_free(fixture->document);
    http_fixed_free(fixture->problem);
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    static const char *const origins[] = {"https://other.example:8443", ORIGIN};
    fixture = open_server(
        &(struct http_server_options){.origins = origins, .origin_count = ARRAY_LEN(origins)},
        &fixture);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    close_server(*state);
    return 0;
}

// ---- asking

static void ask(const struct fixture *fixture, const char *method, const char *path,
                const char *headers, struct raw_answer *ret)
{
    CLEANUP(mem_free_p)
    char *request = mem_printf("%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, headers);
    raw_ask(fixture->port, request, ret);
}

static const char *const both[] = {"/fresh", "/fixed"};

// ---- headers

static void every_answer_has_the_headers_that_protect(void **state)
{
    static const struct {
        const char *method, *path, *headers;
        int status;
    } cases[] = {
        {"GET", "/words", "", 201},
        {"GET", "/refusal", "", 401},
        {"HEAD", "/refusal", "", 401},
        {"GET", "/problem", "", 422},
        {"GET", "/nothing", "", 404},
        {"DELETE", "/words", "", 405},
        {"BREW", "/words", "", 501},
        {"OPTIONS", "/words", "", 204},
        {"GET", "/..", "", 400},
        {"GET", "/words", "Host: b\r\n", 400},
        {"GET", "/words", "Expect: x\r\n", 417},
        {"POST", "/refusal", "Content-Length: 1001\r\n", 413},
        {"POST", "/refusal", "Content-Length: 1\r\nContent-Encoding: br\r\n", 415},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct raw_answer answer;
        bool has_body = strstr(cases[i].headers, "Length: 1\r") != NULL;
        CLEANUP(mem_free_p)
        char *request = mem_printf("%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s", cases[i].method,
                                   cases[i].path, cases[i].headers, has_body ? "x" : "");
        struct fixture *fixture = *state;
        raw_ask(fixture->port, request, &answer);
        if (answer.status != cases[i].status)
            fail_msg("%s %s: %d", cases[i].method, cases[i].path, answer.status);
        raw_expect_header(&answer, "X-Content-Type-Options", "nosniff");
        raw_expect_header(&answer, "Cache-Control", "no-store");
        raw_expect_header(&answer, "Referrer-Policy", "no-referrer");
        raw_expect_header(&answer, "Content-Security-Policy", POLICY);
        raw_expect_header(&answer, "Strict-Transport-Security", NULL);
        raw_expect_header(&answer, "Server", NULL);
        raw_expect_header(&answer, "X-Powered-By", NULL);
        raw_expect_header(&answer, "Access-Control-Allow-Origin", NULL);
        raw_expect_header(&answer, "Vary", "Origin");
        char date[512];
        const char *found = raw_header(&answer, "Date", date);
        assert_true(found != NULL && strlen(found) == 29 && strcmp(found + 25, " GMT") == 0);
        raw_answer_done(&answer);
    }
}

static void an_answer_may_have_headers_of_its_own(void **state)
{
    struct raw_answer answer;
    ask(*state, "GET", "/words", "", &answer);
    assert_int_equal(answer.status, 201);
    raw_expect_header(&answer, "Content-Type", "application/json");
    raw_expect_header(&answer, "Location", "/requests/1");
    raw_expect_header(&answer, "X-Two", "2");
    raw_expect_header(&answer, "RateLimit", "\"default\";r=50;t=30");
    raw_expect_header(&answer, "ETag", ETAG);
    assert_string_equal(text_string(&answer.body), "{}");
    raw_answer_done(&answer);
    ask(*state, "GET", "/many", "", &answer);
    raw_expect_header(&answer, "X-7", "y");
    raw_expect_header(&answer, "X-8", NULL);
    raw_answer_done(&answer);
}

static void a_document_may_say_more_than_the_default(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct raw_answer answer;
        ask(*state, "GET", both[i], "", &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(text_string(&answer.body), PLAIN);
        raw_expect_header(&answer, "Cache-Control", "max-age=300");
        raw_expect_header(&answer, "Content-Security-Policy", "default-src 'self'");
        raw_expect_header(&answer, "Vary", "Origin, Accept-Encoding");
        raw_expect_header(&answer, "Content-Encoding", NULL);
        raw_answer_done(&answer);
    }
}

static void strict_transport_and_no_origins_are_settings(void **state)
{
    (void)state;
    static struct fixture fixture;
    fixture = open_server(&(struct http_server_options){.hsts_s = 31536000}, &fixture);
    struct raw_answer answer;
    ask(&fixture, "GET", "/refusal", "Origin: " ORIGIN "\r\n", &answer);
    raw_expect_header(&answer, "Strict-Transport-Security", "max-age=31536000");
    raw_expect_header(&answer, "Vary", NULL);
    raw_expect_header(&answer, "Access-Control-Allow-Origin", NULL);
    raw_answer_done(&answer);
    close_server(&fixture);
}

// ---- codings

static void gzip_goes_to_who_accepts_it(void **state)
{
    static const struct {
        const char *accept;
        bool is_zipped;
    } cases[] = {
        {"gzip", true},
        {"gzip, deflate, br", true},
        {"deflate,gzip;q=0.5", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"br;q=1.0, gzip;q=0.001, *;q=0", true},
        {"*", true},
        {"br, *;q=0.1", true},
        {"gzip ; q=1", true},
        {"identity", false},
        {"", false},
        {"br", false},
        {"gzipped", false},
        {"gzip;q=0", false},
        {"gzip; q=0.000, deflate", false},
        {"gzip;q=0, *", false},
        {"*;q=0", false},
        {"deflate, br;q=1, ;;,,", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
        struct raw_answer answer;
        CLEANUP(mem_free_p)
        char *header = mem_printf("Accept-Encoding: %s\r\n", cases[i / 2].accept);
        ask(*state, "GET", both[i % 2], header, &answer);
        bool is_zipped = strcmp(text_string(&answer.body), ZIPPED) == 0;
        if (is_zipped != cases[i / 2].is_zipped)
            fail_msg("%s: %s", cases[i / 2].accept, text_string(&answer.body));
        raw_expect_header(&answer, "Content-Encoding", is_zipped ? "gzip" : NULL);
        raw_expect_header(&answer, "Content-Type", "text/plain");
        raw_answer_done(&answer);
    }
}

static void a_head_has_the_length_that_the_get_would_have(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(both) * 2; i++) {
        struct raw_answer get, head;
        char value[512];
        const char *accept = i >= 2 ? "Accept-Encoding: gzip\r\n" : "";
        ask(*state, "GET", both[i % 2], accept, &get);
        ask(*state, "HEAD", both[i % 2], accept, &head);
        raw_expect_header(&head, "Content-Length", raw_header(&get, "Content-Length", value));
        raw_answer_done(&get);
        raw_answer_done(&head);
    }
}

// ---- entity tags

static void what_the_client_has_already_is_not_sent(void **state)
{
    static const struct {
        const char *tags;
        bool is_new;
    } cases[] = {
        {ETAG, false},
        {"W/" ETAG, false},
        {"\"v0\", " ETAG, false},
        {"\"v0\"," ETAG, false},
        {ETAG ", \"v2\"", false},
        {"*", false},
        {"\"v2\"", true},
        {"v1", true},
        {"\"v1", true},
        {"\"v10\"", true},
        {"\"v0, \\\"v1\\\"", true},
        {"", true},
        {"\"a\", W/\"b\"", true},
        {"\"a, b\", " ETAG, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
        struct raw_answer answer;
        CLEANUP(mem_free_p) char *header = mem_printf("If-None-Match: %s\r\n", cases[i / 2].tags);
        ask(*state, i % 3 == 0 ? "HEAD" : "GET", both[i % 2], header, &answer);
        if (answer.status != (cases[i / 2].is_new ? 200 : 304))
            fail_msg("%s: %d", cases[i / 2].tags, answer.status);
        raw_expect_header(&answer, "ETag", ETAG);
        raw_expect_header(&answer, "Cache-Control", "max-age=300");
        raw_expect_header(&answer, "Vary", "Origin, Accept-Encoding");
        if (answer.status == 304) {
            assert_int_equal(answer.body.len, 0);
            raw_expect_header(&answer, "Content-Type", NULL);
        }
        raw_answer_done(&answer);
    }
    struct raw_answer answer; // only a GET can be not modified, and only a 200
    ask(*state, "POST", "/fixed", "If-None-Match: *\r\n", &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_done(&answer);
    ask(*state, "GET", "/words", "If-None-Match: *\r\n", &answer);
    assert_int_equal(answer.status, 201);
    raw_answer_done(&answer);
}

// ---- other origins

static void only_listed_origins_may_read(void **state)
{
    static const struct {
        const char *origin;
        bool is_allowed;
    } cases[] = {
        {ORIGIN, true},
        {"https://other.example:8443", true},
        {"https://other.example", false},
        {"http://hr.example.org", false},
        {ORIGIN ".evil.example", false},
        {"https://evil.example/?" ORIGIN, false},
        {"https://xhr.example.org", false},
        {"https://hr.example.org:443", false},
        {"HTTPS://HR.EXAMPLE.ORG", false},
        {ORIGIN "/", false},
        {ORIGIN ", " ORIGIN, false},
        {"null", false},
        {"*", false},
        {"", false},
    };
    static const char *const paths[] = {"/fixed", "/fresh", "/refusal", "/problem", "/nothing"};
    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(paths); i++) {
        bool is_allowed = cases[i / ARRAY_LEN(paths)].is_allowed;
        const char *origin = cases[i / ARRAY_LEN(paths)].origin;
        struct raw_answer answer;
        CLEANUP(mem_free_p) char *header = mem_printf("Origin: %s\r\n", origin);
        ask(*state, "GET", paths[i % ARRAY_LEN(paths)], header, &answer);
        raw_expect_header(&answer, "Access-Control-Allow-Origin", is_allowed ? origin : NULL);
        raw_expect_header(&answer, "Access-Control-Expose-Headers", is_allowed ? EXPOSED : NULL);
        raw_expect_header(&answer, "Access-Control-Allow-Credentials", NULL);
        char value[512];
        const char *vary = raw_header(&answer, "Vary", value);
        assert_true(vary != NULL && strncmp(vary, "Origin", 6) == 0);
        raw_answer_done(&answer);
    }
}

static void a_preflight_tells_what_a_listed_origin_may_do(void **state)
{
    struct raw_answer answer;
    ask(*state, "OPTIONS", "/fixed",
        "Origin: " ORIGIN "\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: authorization\r\n",
        &answer);
    assert_int_equal(answer.status, 204);
    raw_expect_header(&answer, "Access-Control-Allow-Origin", ORIGIN);
    raw_expect_header(&answer, "Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
    raw_expect_header(&answer, "Access-Control-Max-Age", "600");
    raw_expect_header(&answer, "Access-Control-Allow-Credentials", NULL);
    char value[512];
    const char *fields = raw_header(&answer, "Access-Control-Allow-Headers", value);
    assert_true(fields != NULL && strstr(fields, "Authorization") != NULL &&
                strchr(fields, '*') == NULL);
    raw_answer_done(&answer);
    ask(*state, "OPTIONS", "/fixed",
        "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n", &answer);
    assert_int_equal(answer.status, 204);
    raw_expect_header(&answer, "Access-Control-Allow-Origin", NULL);
    raw_expect_header(&answer, "Access-Control-Allow-Methods", NULL);
    raw_expect_header(&answer, "Access-Control-Allow-Headers", NULL);
    raw_answer_done(&answer);
}

// ---- problems

static void a_problem_is_json_whatever_it_quotes(void **state)
{
    struct raw_answer answer;
    ask(*state, "GET", "/problem", "", &answer);
    assert_int_equal(answer.status, 422);
    raw_expect_header(&answer, "Content-Type", "application/problem+json");
    raw_expect_header(&answer, "Retry-After", "3");
    assert_string_equal(
        text_string(&answer.body),
        "{\"type\":\"/docs#problem-invalid\",\"status\":422,\"code\":\"invalid\","
        "\"title\":\"A field cannot be\",\"detail\":\"Two fields\",\"instance\":\"/requests/7\","
        "\"errors\":[{\"field\":\"attributes.Age\",\"code\":\"out-of-range\","
        "\"detail\":\"\\\"200\\\" is over 100\"},"
        "{\"field\":\"a\\\"b\\\\c\\n\\u0001\xef\xbf\xbd\",\"code\":\"unknown-field\","
        "\"detail\":\"<script>\"}]}");
    raw_answer_done(&answer);
}

static void a_refusal_kept_ready_is_the_same_with_and_without_extras(void **state)
{
    static const char *const expected =
        "{\"type\":\"/docs#problem-no-token\",\"status\":401,\"code\":\"no-token\","
        "\"title\":\"An access token is needed\",\"detail\":\"An access token is needed\"}";
    struct raw_answer answer;
    ask(*state, "GET", "/refusal", "", &answer);
    assert_string_equal(text_string(&answer.body), expected);
    raw_expect_header(&answer, "WWW-Authenticate", "Bearer");
    raw_expect_header(&answer, "RateLimit", NULL);
    raw_answer_done(&answer);
    ask(*state, "GET", "/refusal", "X-Limit: 1\r\nOrigin: " ORIGIN "\r\n", &answer);
    assert_string_equal(text_string(&answer.body), expected);
    raw_expect_header(&answer, "WWW-Authenticate", "Bearer");
    raw_expect_header(&answer, "RateLimit", "\"default\";r=0;t=9");
    raw_expect_header(&answer, "Access-Control-Allow-Origin", ORIGIN);
    raw_answer_done(&answer);
    ask(*state, "HEAD", "/refusal", "", &answer);
    assert_int_equal(answer.status, 401);
    raw_answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_has_the_headers_that_protect),
        cmocka_unit_test(an_answer_may_have_headers_of_its_own),
        cmocka_unit_test(a_document_may_say_more_than_the_default),
        cmocka_unit_test(strict_transport_and_no_origins_are_settings),
        cmocka_unit_test(gzip_goes_to_who_accepts_it),
        cmocka_unit_test(a_head_has_the_length_that_the_get_would_have),
        cmocka_unit_test(what_the_client_has_already_is_not_sent),
        cmocka_unit_test(only_listed_origins_may_read),
        cmocka_unit_test(a_preflight_tells_what_a_listed_origin_may_do),
        cmocka_unit_test(a_problem_is_json_whatever_it_quotes),
        cmocka_unit_test(a_refusal_kept_ready_is_the_same_with_and_without_extras),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
