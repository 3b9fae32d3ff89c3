// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>

#include "bus/client.h"
#include "bus/producer.h"

static int said;

static void on_log(int level, const char *facility, const char *message)
{
    (void)level;
    said += strcmp(facility, "PROPERTY") == 0 && strstr(message, "no.such.thing") != NULL;
}

// Opening an idempotent producer asks no broker.
static enum err open_with(const char *name, const char *value, struct why *why)
{
    CLEANUP(bus_producer_close_p) struct bus_producer *producer = NULL;
    char *const properties[] = {strdup(name), strdup(value), NULL};
    const struct bus_config config = {"127.0.0.1:1", "test", properties, on_log};
    const struct bus_producer_options options = {0};
    enum err err = bus_producer_open(&config, &options, &producer, why);
    free(properties[0]);
    free(properties[1]);
    return err;
}

static void a_property_passes_through(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(open_with("compression.type", "lz4", &why), &why);
    assert_err(open_with("compression.type", "sometimes", &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "compression.type"));
}

static void what_exactly_once_rests_on_is_refused(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"isolation.level", "read_uncommitted"}, {"enable.auto.commit", "true"},
        {"auto.offset.reset", "latest"},         {"transactional.id", "mine"},
        {"enable.idempotence", "false"},         {"acks", "0"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct why why = {0};
        assert_err(open_with(names[i][0], names[i][1], &why), ERR_FATAL, &why);
        assert_non_null(strstr(why.text, names[i][0]));
    }
}

static void an_unknown_name_is_told_and_left_out(void **state)
{
    (void)state;
    struct why why = {0};
    said = 0;
    assert_ok(open_with("no.such.thing", "1", &why), &why);
    assert_int_equal(said, 1);
}

static void a_wrong_property_is_found_without_a_client(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"acks", "0"}, {"compression.type", "sometimes"}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char *const properties[] = {strdup(wrong[i][0]), strdup(wrong[i][1]), NULL};
        const struct bus_config config = {"127.0.0.1:1", "test", properties, on_log};
        struct why why = {0};
        assert_err(bus_config_check(&config, &why), ERR_FATAL, &why);
        assert_non_null(strstr(why.text, wrong[i][0]));
        free(properties[0]);
        free(properties[1]);
    }
    const struct bus_config config = {"127.0.0.1:1", "test", NULL, on_log};
    assert_ok(bus_config_check(&config, NULL), &(struct why){0});
}

static void servers_that_can_be_none_are_refused(void **state)
{
    (void)state;
    static const char *const right[] = {"a",           "127.0.0.1:1", "SSL://k-1.example.org:65535",
                                        "a:1,b:2 , c", "[::1]:9092",  "SASL_SSL://[fe80::1]"};
    static const char *const wrong[] = {
        "",       ",",     "a,",      "a:",       "a:0",  "a:b",  "a:1:2",  ":1",      "http://a:1",
        "SSL://", "a b:1", "a:65536", "a:1/path", "[]:1", "[::1", "[::1]1", "user@a:1"};
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        if (!bus_servers_are_valid(right[i]))
            fail_msg("\"%s\" is refused", right[i]);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (bus_servers_are_valid(wrong[i]))
            fail_msg("\"%s\" is taken", wrong[i]);
    const struct bus_config config = {"http://a:1", "test", NULL, on_log};
    struct why why = {0};
    assert_err(bus_config_check(&config, &why), ERR_FATAL, &why);
    assert_non_null(strstr(why.text, "KAFKA_BOOTSTRAP_SERVERS"));
}

static void the_environment_gives_properties_by_their_kafka_names(void **state)
{
    (void)state;
    setenv("KAFKA_SASL_USERNAME", "someone", 1);
    setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere", 1);
    char **properties = bus_properties_from_environment();
    bool is_there = false;
    for (size_t i = 0; properties[i] != NULL; i += 2) {
        assert_string_not_equal(properties[i], "bootstrap.servers");
        is_there |= strcmp(properties[i], "sasl.username") == 0 &&
                    strcmp(properties[i + 1], "someone") == 0;
    }
    assert_true(is_there);
    bus_properties_free(properties);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_property_passes_through),
        cmocka_unit_test(what_exactly_once_rests_on_is_refused),
        cmocka_unit_test(an_unknown_name_is_told_and_left_out),
        cmocka_unit_test(a_wrong_property_is_found_without_a_client),
        cmocka_unit_test(servers_that_can_be_none_are_refused),
        cmocka_unit_test(the_environment_gives_properties_by_their_kafka_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
