// SPDX-License-Identifier: MIT
// keys retire: somebody else may have a key. Whatever it signed is refused, and everybody whose
// token it was refreshes it.

#include <stdio.h>

#include "command.h"
#include "key_list.h"

#define SETTINGS_DEF "key_retire.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl keys retire",
    .purpose = "Has a key verify nothing more, for one that others may know: all tokens that it "
               "signed are refused within 5 seconds. The key that signs must be replaced before "
               "(keys rotate --in 0s).",
    .usage = "[settings] KEY",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err retire(const struct settings *settings, const char *kid, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(key_list_done) struct key_list list = {.rows = NULL};
    bool is_found = false;
    enum err err = command_connect(settings->database_url, &pg, why);
    if (err == ERR_OK)
        err = key_list_read(pg, &list, why);
    if (err == ERR_OK && list.signing < list.count &&
        bytes_equal_string(list.keys[list.signing].kid, kid))
        err = why_say(why, ERR_REJECT,
                      "this key signs: replace it before, with retentionctl keys rotate --in 0s");
    if (err == ERR_OK)
        err = signing_keys_retire(pg, bytes_from_string(kid), list.now_ms, &is_found, why);
    if (err == ERR_OK && !is_found)
        err = why_say(why, ERR_REJECT, "there is no such key");
    if (err == ERR_OK)
        printf("%s: verifies nothing more\n", kid);
    return err;
}

int command_keys_retire(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&spec, &settings, retire(&settings, argv[1], &why), &why);
}
