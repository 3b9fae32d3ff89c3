// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "domain/source.h"

static void an_id_is_the_position_of_its_source(void **state)
{
    (void)state;
    char id[SOURCE_ID_MAX];
    size_t len = source_id("employee-changes", 1, 3, 1842001, id);
    assert_string_equal(id, "employee-changes/3/1842001");
    assert_int_equal(len, strlen(id));
    source_id("p-high-risk", 2, 0, 17, id);
    assert_string_equal(id, "p-high-risk@2/0/17");
}

static void a_generation_is_read_from_the_metadata_of_an_offset(void **state)
{
    (void)state;
    assert_int_equal(source_generation("gen=1"), 1);
    assert_int_equal(source_generation("gen=12"), 12);
    assert_int_equal(source_generation(""), 1);
    assert_int_equal(source_generation("gen=0"), 1);
    assert_int_equal(source_generation("gen=x"), 1);
}

static void a_topic_that_is_too_long_is_cut(void **state)
{
    (void)state;
    char topic[400], id[SOURCE_ID_MAX];
    memset(topic, 't', sizeof topic);
    topic[sizeof topic - 1] = '\0';
    assert_int_equal(source_id(topic, 1, 3, 5, id), SOURCE_ID_MAX - 1);
    assert_int_equal(strlen(id), SOURCE_ID_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_the_position_of_its_source),
        cmocka_unit_test(a_generation_is_read_from_the_metadata_of_an_offset),
        cmocka_unit_test(a_topic_that_is_too_long_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
