// SPDX-License-Identifier: MIT
// The schema of EmployeeChanged in schemas/ is the one that the shipped features file makes.
#include "support/check.h"

#include <stdio.h>

#include "domain/features.h"

static void read_whole(const char *path, struct text *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    char part[4096];
    size_t got = 0;
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        assert_int_equal(text_append(out, part, got), ERR_OK);
    assert_int_equal(fclose(file), 0);
}

static void the_schema_in_the_folder_is_the_derived_one(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    CLEANUP(text_done) struct text derived = TEXT_INIT(1 << 20);
    CLEANUP(text_done) struct text kept = TEXT_INIT(1 << 20);
    assert_int_equal(features_write_schema(features, &derived), ERR_OK);
    read_whole(SOURCE_DIR "/schemas/employee-changed.avsc", &kept);
    assert_string_equal(text_string(&derived), text_string(&kept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_in_the_folder_is_the_derived_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
