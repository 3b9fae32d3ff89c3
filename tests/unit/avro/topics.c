// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "avro/encode.h"
#include "avro/topics.h"
#include "base/text.h"
#include "domain/features.h"

static void every_topic_has_a_schema_that_compiles(void **state)
{
    (void)state;
    const struct avro_topic *topics = NULL;
    size_t count = avro_topics(&topics);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        struct why why = {0};
        struct avro_program *program CLEANUP(avro_program_free_p) = NULL;
        assert_ok(
            avro_program_compile(bytes_from_string(topics[i].schema), NULL, 0, &program, &why),
            &why);
        assert_ptr_equal(avro_topic_find(topics[i].topic), &topics[i]);
    }
}

static void every_topic_but_that_of_dead_letters_has_a_schema_and_no_other_has(void **state)
{
    (void)state;
    static const char *const names[] = {
#define TOPIC(id, name, group, settings, help) name,
#include "bus/topics.def"
#undef TOPIC
    };
    const struct avro_topic *topics = NULL;
    assert_int_equal(avro_topics(&topics), ARRAY_LEN(names) - 1);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(avro_topic_find(names[i]) != NULL, strcmp(names[i], "dead-letters") != 0);
}

static void the_shipped_features_make_the_shipped_schema(void **state)
{
    (void)state;
    struct why why = {0};
    struct features *features CLEANUP(features_free_p) = NULL;
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    struct text derived CLEANUP(text_done) = TEXT_INIT(65536);
    assert_int_equal(features_write_schema(features, &derived), ERR_OK);
    assert_string_equal(text_string(&derived), avro_topic_find("employee-changes")->schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_has_a_schema_that_compiles),
        cmocka_unit_test(every_topic_but_that_of_dead_letters_has_a_schema_and_no_other_has),
        cmocka_unit_test(the_shipped_features_make_the_shipped_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
