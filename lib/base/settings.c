// SPDX-License-Identifier: MIT
#include "base/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "base/program.h"
#include "base/text.h"

// Every setting is looked up, parsed and bounded by the same few functions; a program adds nothing
// but rows. Flags are found first (they move out of argv), then each row takes flag, environment,
// secret file or fallback, in that order.

enum { SECRET_FILE_MAX = 64 * 1024 };

// The flag of a name "flag=VARIABLE" stands before the '=', that of another is the name itself.
static void flag_of(const struct setting *setting, char out[80])
{
    size_t i = 0;
    for (; setting->name[i] != '\0' && setting->name[i] != '=' && i < 79; i++)
        out[i] = (char)(setting->name[i] == '_' ? '-' : tolower((unsigned char)setting->name[i]));
    out[i] = '\0';
}

// What the environment calls it; of a flag only, the flag.
static const char *name_of(const struct setting *setting)
{
    const char *equals = strchr(setting->name, '=');
    return equals == NULL ? setting->name : equals + 1;
}

// Named in lower case: an option of one call, which no environment should set.
static bool is_flag_only(const struct setting *setting)
{
    return islower((unsigned char)name_of(setting)[0]) != 0;
}

static char **string_at(const struct setting *setting, void *values)
{
    return (char **)(void *)((char *)values + setting->offset);
}

static bool owns_text(const struct setting *setting)
{
    return setting->kind == SETTING_string || setting->kind == SETTING_secret ||
           setting->kind == SETTING_name;
}

static enum err check_name(const struct setting *setting, const char *given, struct why *why)
{
    static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strlen(given);
    bool is_long = setting->max != 0 && len > (size_t)setting->max;
    if (!is_long && len >= (size_t)setting->min && strspn(given, fine) == len)
        return ERR_OK;
    return why_say(
        why, ERR_REJECT,
        "must be letters, digits, '.', '_' and '-', %lld to %lld of them, and is \"%.60s\"",
        (long long)setting->min, (long long)setting->max, given);
}

static enum err assign(const struct setting *setting, const char *given, void *values,
                       struct why *why)
{
    void *place = (char *)values + setting->offset;
    struct bytes in = bytes_from_string(given);
    enum err err = ERR_OK;
    int64_t number = 0;
    switch (setting->kind) {
    case SETTING_name:
        err = check_name(setting, given, why);
        if (err != ERR_OK)
            return err;
        *string_at(setting, values) = mem_dup(given);
        return ERR_OK;
    case SETTING_string:
    case SETTING_secret:
        *string_at(setting, values) = mem_dup(given);
        return ERR_OK;
    case SETTING_level:
        return log_level_from_text(given, place)
                   ? ERR_OK
                   : why_say(why, ERR_REJECT, "must be " LOG_LEVELS ", and is \"%.60s\"", given);
    case SETTING_boolean:
        return parse_bool(in, place, why);
    case SETTING_real:
        return parse_double(in, place, why);
    case SETTING_integer:
        err = parse_i64(in, INT64_MIN, INT64_MAX, &number, why);
        break;
    case SETTING_duration:
        err = parse_duration_ms(in, &number, why);
        break;
    case SETTING_size:
        err = parse_size_bytes(in, &number, why);
        break;
    }
    bool is_bounded = setting->min != 0 || setting->max != 0;
    if (err == ERR_OK && is_bounded && (number < setting->min || number > setting->max))
        return why_say(why, ERR_REJECT, "%s is not between %lld and %lld%s", given,
                       (long long)setting->min, (long long)setting->max,
                       setting->kind == SETTING_duration ? " ms"
                       : setting->kind == SETTING_size   ? " bytes"
                                                         : "");
    if (err == ERR_OK)
        *(int64_t *)place = number;
    return err;
}

static enum err read_secret_file(const char *path, char **ret, struct why *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return why_say(why, ERR_FATAL, "cannot open %s: %s", path, strerrordesc_np(errno));
    char *content = mem_zalloc(SECRET_FILE_MAX + 1);
    size_t len = fread(content, 1, SECRET_FILE_MAX + 1, file);
    bool is_broken = ferror(file) != 0 || len > SECRET_FILE_MAX;
    fclose(file);
    if (is_broken) {
        free(content);
        return why_say(why, ERR_FATAL, "%s cannot be read or is no file of a secret", path);
    }
    while (len > 0 && (content[len - 1] == '\n' || content[len - 1] == '\r'))
        len--;
    content[len] = '\0';
    *ret = content;
    return ERR_OK;
}

// What the environment says of a setting; *ret NULL where it is silent. The caller frees.
static enum err from_environment(const struct setting *setting, char **ret, struct why *why)
{
    *ret = NULL;
    if (is_flag_only(setting))
        return ERR_OK;
    // Settings are read before the first thread of ours looks at the environment.
    const char *given = getenv(name_of(setting)); // NOLINT(concurrency-mt-unsafe)
    if (given != NULL) {
        *ret = mem_dup(given);
        return ERR_OK;
    }
    if (setting->kind != SETTING_secret)
        return ERR_OK;
    CLEANUP(mem_free_p) char *name = mem_printf("%s_FILE", name_of(setting));
    const char *path = getenv(name); // NOLINT(concurrency-mt-unsafe)
    if (path == NULL)
        return ERR_OK;
    enum err err = read_secret_file(path, ret, why);
    return err == ERR_OK ? ERR_OK : why_prefix(why, err, "%s", name);
}

static const struct setting *find_flag(const struct settings_spec *spec, const char *flag,
                                       size_t len)
{
    for (size_t i = 0; i < spec->count; i++) {
        char name[80];
        flag_of(&spec->table[i], name);
        if (strlen(name) == len && strncmp(name, flag, len) == 0)
            return &spec->table[i];
    }
    return NULL;
}

static void print_wrapped(const char *text, int indent)
{
    int column = indent;
    printf("%*s", indent, "");
    for (const char *word = text; *word != '\0';) {
        size_t len = strcspn(word, " ");
        if (column > indent && column + (int)len > 96) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        printf("%.*s ", (int)len, word);
        column += (int)len + 1;
        word += len + (word[len] == ' ');
    }
    putchar('\n');
}

static void print_help(const struct settings_spec *spec)
{
    printf("usage: %s %s\n\n", spec->program, spec->usage);
    print_wrapped(spec->purpose, 0);
    printf("\nSettings (a flag, or else the variable named beside it in the environment):\n");
    for (size_t i = 0; i < spec->count; i++) {
        const struct setting *setting = &spec->table[i];
        char flag[80];
        flag_of(setting, flag);
        printf("  --%s%s   %s\n", flag, setting->kind == SETTING_boolean ? "" : " VALUE",
               is_flag_only(setting) ? "" : name_of(setting));
        if (setting->kind == SETTING_secret)
            printf("      (or the file that %s_FILE names, when %s is not set)\n", name_of(setting),
                   name_of(setting));
        print_wrapped(setting->help, 6);
        if (setting->fallback == NULL)
            printf("      must be given\n");
        else if (setting->fallback[0] != '\0')
            printf("      default: %s\n", setting->fallback);
    }
    printf("  --print-settings   print every setting as it would be used, secrets masked, and end\n"
           "  --version          the version of this program\n"
           "  --help             this text\n");
    if (spec->more != NULL)
        printf("\n%s", spec->more);
}

struct given {
    const char **values; // per setting, from flags; NULL: none
    bool wants_help;
    bool wants_version;
    bool wants_print;
};

// What is asked of the program itself, and no setting.
static bool take_question(const char *arg, struct given *given)
{
    bool *const answers[] = {&given->wants_help, &given->wants_version, &given->wants_print};
    static const char *const questions[] = {"--help", "--version", "--print-settings"};
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        if (strcmp(arg, questions[i]) == 0)
            return *answers[i] = true;
    return false;
}

// Takes the flags out of argv; what is left stands behind argv[0].
static enum err take_flags(const struct settings_spec *spec, int argc, char **argv,
                           struct given *given, int *ret_rest, struct why *why)
{
    int rest = 0, i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) != 0) {
            argv[++rest] = argv[i];
            continue;
        }
        if (take_question(arg, given))
            continue;
        size_t len = strcspn(arg + 2, "=");
        const struct setting *setting = find_flag(spec, arg + 2, len);
        if (setting == NULL)
            return why_say(why, ERR_FATAL, "%.*s is unknown: see %s --help", (int)len + 2, arg,
                           spec->program);
        const char *value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
        bool is_next_value = value == NULL && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0;
        if (value == NULL && setting->kind == SETTING_boolean)
            value = is_next_value && parse_bool(bytes_from_string(argv[i + 1]), &(bool){false},
                                                NULL) == ERR_OK
                        ? argv[++i]
                        : "true";
        else if (value == NULL && is_next_value)
            value = argv[++i];
        if (value == NULL)
            return why_say(why, ERR_FATAL, "%s needs a value: see %s --help", arg, spec->program);
        given->values[setting - spec->table] = value;
    }
    for (i++; i < argc; i++)
        argv[++rest] = argv[i];
    *ret_rest = rest;
    return ERR_OK;
}

static enum err fill(const struct settings_spec *spec, const char *const *flags, void *into,
                     struct why *why)
{
    for (size_t i = 0; i < spec->count; i++) {
        const struct setting *setting = &spec->table[i];
        CLEANUP(mem_free_p) char *environment = NULL;
        enum err err = from_environment(setting, &environment, why);
        if (err != ERR_OK)
            return ERR_FATAL;
        const char *value = flags[i] != NULL      ? flags[i]
                            : environment != NULL ? environment
                                                  : setting->fallback;
        if (value == NULL)
            return why_say(why, ERR_FATAL, "%s%s must be %s: %s", is_flag_only(setting) ? "--" : "",
                           name_of(setting), is_flag_only(setting) ? "given" : "set",
                           setting->help);
        if (assign(setting, value, into, why) != ERR_OK)
            return why_prefix(why, ERR_FATAL, "%s", name_of(setting));
    }
    return ERR_OK;
}

enum err settings_load(const struct settings_spec *spec, void *into, int argc, char **argv,
                       int *ret_rest, bool *ret_done, struct why *why)
{
    memset(into, 0, spec->struct_bytes);
    struct given given = {.values = mem_array(spec->count, sizeof *given.values)};
    *ret_done = false;
    enum err err = take_flags(spec, argc, argv, &given, ret_rest, why);
    if (err == ERR_OK && given.wants_help) {
        print_help(spec);
        *ret_done = true;
    } else if (err == ERR_OK && given.wants_version) {
        printf("%s %s\n", spec->program, program_version());
        *ret_done = true;
    } else if (err == ERR_OK) {
        err = fill(spec, given.values, into, why);
        if (err == ERR_OK && given.wants_print) {
            settings_print(spec, into);
            *ret_done = true;
        }
    }
    free(given.values);
    return err;
}

void settings_free(const struct settings_spec *spec, void *into)
{
    for (size_t i = 0; i < spec->count; i++) {
        const struct setting *setting = &spec->table[i];
        if (owns_text(setting)) {
            free(*string_at(setting, into));
            *string_at(setting, into) = NULL;
        }
    }
}

static void print_value(const struct setting *setting, const void *values)
{
    const void *place = (const char *)values + setting->offset;
    char number[FORMAT_DOUBLE_MAX];
    switch (setting->kind) {
    case SETTING_secret:
        printf("%s", **(const char *const *)place == '\0' ? "" : "***");
        break;
    case SETTING_string:
    case SETTING_name:
        printf("%s", *(const char *const *)place);
        break;
    case SETTING_level:
        printf("%s", log_level_name(*(const enum log_level *)place));
        break;
    case SETTING_boolean:
        printf("%s", *(const bool *)place ? "true" : "false");
        break;
    case SETTING_real:
        format_double(*(const double *)place, number);
        printf("%s", number);
        break;
    case SETTING_integer:
    case SETTING_size:
        printf("%lld", (long long)*(const int64_t *)place);
        break;
    case SETTING_duration:
        printf("%lldms", (long long)*(const int64_t *)place);
        break;
    }
}

void settings_print(const struct settings_spec *spec, const void *values)
{
    for (size_t i = 0; i < spec->count; i++) {
        printf("%s=", name_of(&spec->table[i]));
        print_value(&spec->table[i], values);
        putchar('\n');
    }
}
