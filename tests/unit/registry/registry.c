// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "registry/registry.h"

// A server that plays the registry's answers, right and wrong ones. (That ours are understood by a
// real registry is shown by the system tests, which use one.)

struct fake {
    struct MHD_Daemon *daemon;
    char url[64];
    atomic_int requests;
    atomic_int away;  // so many more requests are answered with 503
    const char *body; // of GET /schemas/ids/7 and of POST
    unsigned status;
    char authorization[100];
};

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **state)
{
    (void)version, (void)upload;
    static int begun;
    struct fake *fake = context;
    if (*state == NULL) {
        *state = &begun;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    atomic_fetch_add(&fake->requests, 1);
    const char *authorization =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    snprintf(fake->authorization, sizeof fake->authorization, "%s",
             authorization == NULL ? "" : authorization);
    unsigned status = 404;
    const char *body = "{\"error_code\":40403,\"message\":\"Schema not found\"}";
    if (strcmp(path, "/schemas/ids/7") == 0 ||
        (strcmp(path, "/subjects/a b-value/versions") == 0 && strcmp(method, "POST") == 0)) {
        status = fake->status;
        body = fake->body;
    } else if (strcmp(path, "/subjects") == 0) {
        status = 200;
        body = "[]";
    } else if (strcmp(path, "/config/a b-value") == 0 && strcmp(method, "PUT") == 0) {
        status = 200;
        body = "{\"compatibility\":\"BACKWARD\"}";
    }
    if (atomic_load(&fake->away) > 0) {
        atomic_fetch_sub(&fake->away, 1);
        status = 503;
        body = "{\"message\":\"starting\"}";
    }
    char *copy = strdup(body);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(copy), copy, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static struct fake fake;

static int open_fake(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    fake.daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request,
                                   &fake, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    assert_non_null(fake.daemon);
    snprintf(fake.url, sizeof fake.url, "http://127.0.0.1:%u/",
             MHD_get_daemon_info(fake.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    *state = &fake;
    return 0;
}

static int close_fake(void **state)
{
    (void)state;
    MHD_stop_daemon(fake.daemon);
    return 0;
}

static int told;
static char told_why[200];

static void on_wait(const struct why *why)
{
    told++;
    snprintf(told_why, sizeof told_why, "%.199s", why->text);
}

static struct registry *client(const char *token)
{
    struct registry *registry = NULL;
    struct why why = {0};
    const struct registry_options options = {.url = fake.url,
                                             .token = token,
                                             .timeout_ms = 3000,
                                             .unknown_ms = 100000,
                                             .on_wait = on_wait};
    assert_ok(registry_open(&options, &registry, &why), &why);
    return registry;
}

static void a_url_that_can_be_none_is_refused(void **state)
{
    (void)state;
    static const char *const right[] = {"http://a", "https://a.example.org:8081/apis/ccompat/v7/",
                                        "http://[::1]:8081"};
    static const char *const wrong[] = {"",           "foo",          "ftp://a",    "http://",
                                        "http:///",   "http://:8081", "http://a b", "http://u:p@a",
                                        "http://a?b", "a:8081"};
    struct why why = {0};
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        assert_ok(registry_check_url(right[i], &why), &why);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_err(registry_check_url(wrong[i], &why), ERR_FATAL, &why);
        assert_non_null(strstr(why.text, "SCHEMA_REGISTRY_URL"));
        assert_null(strstr(why.text, "u:p"));
    }
}

static void a_schema_is_asked_for_once(void **state)
{
    (void)state;
    CLEANUP(registry_close_p) struct registry *registry = client("secret");
    struct why why = {0};
    const char *schema = NULL;
    fake.status = 200;
    fake.body = "{\"schema\":\"\\\"int\\\"\",\"references\":[]}";
    fake.requests = 0;
    for (int i = 0; i < 3; i++) {
        assert_ok(registry_schema(registry, 7, &schema, &why), &why);
        assert_string_equal(schema, "\"int\"");
    }
    assert_int_equal(fake.requests, 1);
    assert_string_equal(fake.authorization, "Bearer secret");
}

static void an_unknown_id_is_remembered(void **state)
{
    (void)state;
    CLEANUP(registry_close_p) struct registry *registry = client(NULL);
    struct why why = {0};
    const char *schema = NULL;
    fake.requests = 0;
    for (int i = 0; i < 3; i++) {
        assert_err(registry_schema(registry, 99, &schema, &why), ERR_REJECT, &why);
        assert_string_equal(why.code, "unknown-schema");
    }
    assert_int_equal(fake.requests, 1);
}

static void an_id_that_no_registry_gives_is_not_asked_for(void **state)
{
    (void)state;
    CLEANUP(registry_close_p) struct registry *registry = client(NULL);
    struct why why = {0};
    const char *schema = NULL;
    fake.requests = 0;
    assert_err(registry_schema(registry, 0x80000000U, &schema, &why), ERR_REJECT, &why);
    assert_err(registry_schema(registry, UINT32_MAX, &schema, &why), ERR_REJECT, &why);
    assert_string_equal(why.code, "unknown-schema");
    assert_int_equal(fake.requests, 0);
}

static void an_answer_that_is_none_never_becomes_a_schema(void **state)
{
    (void)state;
    static const struct {
        unsigned status;
        const char *body;
        enum err err;
    } answers[] = {{500, "{}", ERR_RETRY},
                   {503, "gone fishing", ERR_RETRY},
                   {401, "{\"message\":\"who are you\"}", ERR_FATAL},
                   {404, "<html>no such page</html>", ERR_RETRY}, // a proxy, or a wrong path
                   {404, "{\"error_code\":404,\"message\":\"no such path\"}", ERR_RETRY},
                   {404, "{\"error_code\":40403,\"message\":\"no such schema\"}", ERR_REJECT},
                   {200, "not json", ERR_RETRY},
                   {200, "[]", ERR_RETRY},
                   {200, "{\"schema\":5}", ERR_RETRY},
                   {200, "{\"schemaType\":\"PROTOBUF\",\"schema\":\"x\"}", ERR_REJECT}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        CLEANUP(registry_close_p) struct registry *registry = client(NULL);
        struct why why = {0};
        const char *schema = NULL;
        fake.status = answers[i].status;
        fake.body = answers[i].body;
        assert_err(registry_schema(registry, 7, &schema, &why), answers[i].err, &why);
        assert_null(schema);
    }
}

static void registering_gives_the_id_or_the_registrys_words(void **state)
{
    (void)state;
    CLEANUP(registry_close_p) struct registry *registry = client(NULL);
    struct why why = {0};
    uint32_t id = 0;
    fake.status = 200;
    fake.body = "{\"id\":42}";
    assert_ok(registry_register(registry, "a b-value", "{\"type\":\"int\"}", &id, &why), &why);
    assert_int_equal(id, 42);
    fake.status = 409;
    fake.body = "{\"error_code\":409,\"message\":\"reader field missing default\"}";
    assert_err(registry_register(registry, "a b-value", "\"int\"", &id, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "reader field missing default"));
    fake.status = 200;
    fake.body = "{\"id\":-1}";
    assert_err(registry_register(registry, "a b-value", "\"int\"", &id, &why), ERR_FATAL, &why);
}

static void a_registry_that_is_away_is_waited_for_and_the_wait_is_told_once_in_a_while(void **state)
{
    (void)state;
    CLEANUP(registry_close_p) struct registry *registry = client(NULL);
    struct why why = {0};
    uint32_t id = 0;
    told = 0;
    fake.away = 3;
    assert_ok(registry_wait(registry, &why), &why);
    assert_int_equal(fake.away, 0);
    assert_int_equal(told, 1);
    assert_non_null(strstr(told_why, "starting"));
    fake.status = 200;
    fake.body = "{\"id\":42}";
    fake.away = 2;
    assert_ok(registry_register_wait(registry, "a b-value", "\"int\"", &id, &why), &why);
    assert_int_equal(id, 42);
    assert_int_equal(told, 2);
    assert_ok(registry_wait(registry, NULL), &why);
    assert_int_equal(told, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_that_can_be_none_is_refused),
        cmocka_unit_test(a_schema_is_asked_for_once),
        cmocka_unit_test(an_unknown_id_is_remembered),
        cmocka_unit_test(an_id_that_no_registry_gives_is_not_asked_for),
        cmocka_unit_test(an_answer_that_is_none_never_becomes_a_schema),
        cmocka_unit_test(
            a_registry_that_is_away_is_waited_for_and_the_wait_is_told_once_in_a_while),
        cmocka_unit_test(registering_gives_the_id_or_the_registrys_words),
    };
    return cmocka_run_group_tests(tests, open_fake, close_fake);
}
