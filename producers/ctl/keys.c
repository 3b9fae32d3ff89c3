// SPDX-License-Identifier: MIT
// keys list.

#include <stdio.h>

#include "base/parse.h"
#include "command.h"
#include "key_list.h"

#define SETTINGS_DEF "keys.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl keys list",
    .purpose = "Lists the keys that access tokens are signed with and verified by, the latest "
               "first. The gateway that starts first makes the first one.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static void print_key(const struct key_list *list, size_t at, bool is_json)
{
    const struct signing_key *key = &list->keys[at];
    char from[FORMAT_TIME_MAX], until[FORMAT_TIME_MAX] = "";
    bool has_end = key->verifies_until_ms != SIGNING_KEYS_NO_END;
    const char *does = at == list->signing ? "signs" : at < list->signing ? "next" : "verifies";
    format_time_ms(key->signs_from_ms, from);
    if (has_end)
        format_time_ms(key->verifies_until_ms, until);
    if (is_json)
        printf("{\"kid\":\"%.*s\",\"does\":\"%s\",\"signs_from\":\"%s\",\"verifies_until\":"
               "%s%s%s}\n",
               (int)key->kid.len, (const char *)key->kid.data, does, from, has_end ? "\"" : "",
               has_end ? until : "null", has_end ? "\"" : "");
    else
        printf("%-43.*s %-9s %-25s %s\n", (int)key->kid.len, (const char *)key->kid.data, does,
               from, until);
}

static enum err list_keys(const struct settings *settings, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(key_list_done) struct key_list list = {.rows = NULL};
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = key_list_read(pg, &list, why);
    if (err == ERR_OK && list.count > 0 && !settings->is_json)
        printf("%-43s %-9s %-25s %s\n", "KEY", "DOES", "SIGNS FROM", "VERIFIES UNTIL");
    for (size_t i = 0; err == ERR_OK && i < list.count; i++)
        print_key(&list, i, settings->is_json);
    return err;
}

int command_keys_list(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, list_keys(&settings, &why), &why);
}
