// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/settings.h"

struct settings {
    char *name;
    char *secret;
    int64_t count;
    int64_t wait_ms;
    bool is_on;
    char *only;
    enum log_level level;
    char *prefix;
    char *file;
};

static const struct setting table[] = {
    {SETTING_string, "T_NAME", offsetof(struct settings, name), "nobody", 0, 0, "a name"},
    {SETTING_secret, "T_SECRET", offsetof(struct settings, secret), "", 0, 0, "a secret"},
    {SETTING_integer, "T_COUNT", offsetof(struct settings, count), "3", 1, 10, "a number"},
    {SETTING_duration, "T_WAIT", offsetof(struct settings, wait_ms), "2s", 0, 0, "a wait"},
    {SETTING_boolean, "T_ON", offsetof(struct settings, is_on), "no", 0, 0, "a switch"},
    {SETTING_string, "t-only", offsetof(struct settings, only), "", 0, 0, "an option"},
    {SETTING_level, "T_LEVEL", offsetof(struct settings, level), "info", 0, 0, "a level"},
    {SETTING_name, "T_PREFIX", offsetof(struct settings, prefix), "", 0, 5, "a prefix"},
    {SETTING_string, "file=T_FILE_NAME", offsetof(struct settings, file), "a", 0, 0, "a file"},
};
static const struct settings_spec spec = {
    "test", "tests settings", "FILE", NULL, table, ARRAY_LEN(table), sizeof(struct settings)};

static enum err load(struct settings *settings, int argc, char **argv, int *rest, struct why *why)
{
    bool is_done = false;
    return settings_load(&spec, settings, argc, argv, rest, &is_done, why);
}

static void a_flag_wins_over_the_environment_and_that_over_the_fallback(void **state)
{
    (void)state;
    struct settings settings;
    struct why why = {0};
    int rest = 0;
    setenv("T_NAME", "environment", 1);
    setenv("T_WAIT", "5m", 1);
    char *argv[] = {(char[]){"test"},
                    (char[]){"file"},
                    (char[]){"--t-name"},
                    (char[]){"flag"},
                    (char[]){"--t-on"},
                    (char[]){"second"},
                    NULL};
    assert_ok(load(&settings, 6, argv, &rest, &why), &why);
    assert_string_equal(settings.name, "flag");
    assert_true(settings.wait_ms == 300000 && settings.count == 3 && settings.is_on);
    assert_int_equal(rest, 2);
    assert_string_equal(argv[1], "file");
    assert_string_equal(argv[2], "second");
    settings_free(&spec, &settings);
    unsetenv("T_NAME");
    unsetenv("T_WAIT");
}

static void a_name_in_lower_case_is_a_flag_that_no_environment_sets(void **state)
{
    (void)state;
    struct settings settings;
    struct why why = {0};
    int rest = 0;
    setenv("t-only", "environment", 1);
    char *argv[] = {(char[]){"test"}, (char[]){"--t-only=flag"}, NULL};
    assert_ok(load(&settings, 2, argv, &rest, &why), &why);
    assert_string_equal(settings.only, "flag");
    settings_free(&spec, &settings);
    assert_ok(load(&settings, 1, argv, &rest, &why), &why);
    assert_string_equal(settings.only, "");
    settings_free(&spec, &settings);
    unsetenv("t-only");
}

static void a_flag_may_have_a_shorter_name_than_the_variable(void **state)
{
    (void)state;
    struct settings settings;
    struct why why = {0};
    int rest = 0;
    char *argv[] = {(char[]){"test"}, (char[]){"--file"}, (char[]){"c"}, NULL};
    setenv("T_FILE_NAME", "b", 1);
    assert_ok(load(&settings, 1, argv, &rest, &why), &why);
    assert_string_equal(settings.file, "b");
    settings_free(&spec, &settings);
    assert_ok(load(&settings, 3, argv, &rest, &why), &why);
    assert_string_equal(settings.file, "c");
    settings_free(&spec, &settings);
    unsetenv("T_FILE_NAME");
    char *longer[] = {(char[]){"test"}, (char[]){"--t-file-name=c"}, NULL};
    assert_err(load(&settings, 2, longer, &rest, &why), ERR_FATAL, &why);
    settings_free(&spec, &settings);
}

static void a_secret_may_come_from_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/settings-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "open sesame\n", 12), 12);
    close(fd);
    setenv("T_SECRET_FILE", path, 1);
    struct settings settings;
    struct why why = {0};
    int rest = 0;
    char *argv[] = {(char[]){"test"}, NULL};
    assert_ok(load(&settings, 1, argv, &rest, &why), &why);
    assert_string_equal(settings.secret, "open sesame");
    settings_free(&spec, &settings);
    unlink(path);
    assert_err(load(&settings, 1, argv, &rest, &why), ERR_FATAL, &why);
    settings_free(&spec, &settings);
    unsetenv("T_SECRET_FILE");
}

static void a_wrong_setting_is_refused_with_its_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {"--t-count=11",   "--t-count=x",    "--unknown",
                                        "--t-wait=soon",  "--t-name",       "--t-level=loud",
                                        "--t-prefix=a b", "--t-prefix=a/b", "--t-prefix=abcdef"};
    static const char *const names[] = {
        "T_COUNT",  "T_COUNT",  "--unknown",
        "T_WAIT",   "--t-name", "T_LEVEL: must be error, warn, info or debug",
        "T_PREFIX", "T_PREFIX", "T_PREFIX: must be letters, digits, '.', '_' and '-', 0 to 5"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct settings settings;
        struct why why = {0};
        int rest = 0;
        char flag[32];
        snprintf(flag, sizeof flag, "%s", wrong[i]);
        char *argv[] = {(char[]){"test"}, flag, NULL};
        assert_err(load(&settings, 2, argv, &rest, &why), ERR_FATAL, &why);
        assert_non_null(strstr(why.text, names[i]));
        settings_free(&spec, &settings);
    }
}

static void a_level_and_a_name_are_what_they_say(void **state)
{
    (void)state;
    struct settings settings;
    struct why why = {0};
    int rest = 0;
    char *argv[] = {(char[]){"test"}, (char[]){"--t-level=warn"}, (char[]){"--t-prefix=a-B.9"},
                    NULL};
    assert_ok(load(&settings, 3, argv, &rest, &why), &why);
    assert_int_equal(settings.level, LOG_LEVEL_WARN);
    assert_string_equal(settings.prefix, "a-B.9");
    settings_free(&spec, &settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_wins_over_the_environment_and_that_over_the_fallback),
        cmocka_unit_test(a_name_in_lower_case_is_a_flag_that_no_environment_sets),
        cmocka_unit_test(a_flag_may_have_a_shorter_name_than_the_variable),
        cmocka_unit_test(a_secret_may_come_from_a_file),
        cmocka_unit_test(a_level_and_a_name_are_what_they_say),
        cmocka_unit_test(a_wrong_setting_is_refused_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
