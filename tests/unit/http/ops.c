// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client.h"
#include "http/ops.h"

static const struct metric table[] = {{"t_total", METRIC_counter, {NULL, NULL}, "things"},
                                      {"t_level", METRIC_gauge, {NULL, NULL}, "how high"}};

struct fixture {
    struct metrics *metrics;
    struct ops_server *server;
    struct http_client *client;
    uint16_t port;
    bool is_ready;
    double measured;
};

static uint16_t free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool is_ready(void *context, struct why *why)
{
    struct fixture *fixture = context;
    IGNORE(why_say(why, ERR_RETRY, "waiting for the moon"));
    return fixture->is_ready;
}

static void measure(void *context)
{
    struct fixture *fixture = context;
    metric_set(metrics_cell(fixture->metrics, 1, NULL, NULL), fixture->measured);
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct why why = {0};
    fixture = (struct fixture){
        .metrics = metrics_new(table, ARRAY_LEN(table)), .port = free_port(), .is_ready = true};
    metric_add(metrics_cell(fixture.metrics, 0, NULL, NULL), 5);
    const struct ops_options options = {"127.0.0.1", fixture.port, fixture.metrics,
                                        is_ready,    &fixture,     measure};
    assert_ok(ops_start(&options, &fixture.server, &why), &why);
    const struct http_options http = {.timeout_ms = 5000};
    assert_ok(http_client_new(&http, &fixture.client, &why), &why);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    http_client_free(fixture->client);
    ops_stop(fixture->server);
    metrics_free(fixture->metrics);
    return 0;
}

static long get(struct fixture *fixture, const char *method, const char *path, struct text *body)
{
    char url[100];
    long status = 0;
    struct why why = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", fixture->port, path);
    const struct http_request request = {.method = method, .url = url};
    assert_ok(http_send(fixture->client, &request, &status, body, &why), &why);
    return status;
}

static void the_pages_are_served(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(text_done) struct text body = TEXT_INIT(65536);
    assert_int_equal(get(fixture, "GET", "/livez", &body), 200);
    assert_int_equal(get(fixture, "GET", "/metrics", &body), 200);
    assert_non_null(strstr(text_string(&body), "\nt_total 5\n"));
    fixture->measured = 3;
    assert_int_equal(get(fixture, "GET", "/metrics", &body), 200);
    assert_non_null(strstr(text_string(&body), "\nt_level 3\n"));
    assert_int_equal(get(fixture, "GET", "/elsewhere", &body), 404);
    assert_int_equal(get(fixture, "DELETE", "/metrics", &body), 405);
}

static void readiness_says_what_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(text_done) struct text body = TEXT_INIT(65536);
    assert_int_equal(get(fixture, "GET", "/readyz", &body), 200);
    fixture->is_ready = false;
    assert_int_equal(get(fixture, "GET", "/readyz", &body), 503);
    assert_string_equal(text_string(&body), "waiting for the moon\n");
    fixture->is_ready = true;
}

static void a_port_in_use_is_refused_with_the_setting_to_change(void **state)
{
    struct fixture *fixture = *state;
    struct ops_server *second = NULL;
    struct why why = {0};
    const struct ops_options options = {"127.0.0.1", fixture->port, fixture->metrics,
                                        is_ready,    fixture,       NULL};
    assert_err(ops_start(&options, &second, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "METRICS_PORT"));
}

static void the_client_bounds_answers_and_refuses_other_protocols(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(text_done) struct text small = TEXT_INIT(10);
    char url[100];
    long status = 0;
    struct why why = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u/metrics", fixture->port);
    struct http_request request = {.method = "GET", .url = url};
    assert_err(http_send(fixture->client, &request, &status, &small, &why), ERR_REJECT, &why);
    request.url = "file:///etc/hostname";
    assert_err(http_send(fixture->client, &request, &status, &small, &why), ERR_FATAL, &why);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", free_port());
    request.url = url;
    assert_err(http_send(fixture->client, &request, &status, &small, &why), ERR_RETRY, &why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pages_are_served),
        cmocka_unit_test(readiness_says_what_is_waited_for),
        cmocka_unit_test(a_port_in_use_is_refused_with_the_setting_to_change),
        cmocka_unit_test(the_client_bounds_answers_and_refuses_other_protocols),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
