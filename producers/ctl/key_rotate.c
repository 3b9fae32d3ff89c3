// SPDX-License-Identifier: MIT
// keys rotate. The new key is known to everybody before it signs, and the old one verifies until
// the last token that it signed has ended: nobody is logged out.

#include <stdio.h>
#include <string.h>

#include "auth/keys.h"
#include "auth/secret_key.h"
#include "auth/token.h"
#include "base/parse.h"
#include "command.h"
#include "crypto/crypto.h"
#include "key_list.h"

#define SETTINGS_DEF "key_rotate.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl keys rotate",
    .purpose = "Makes another key that access tokens are signed with. It begins to sign after a "
               "while, when every gateway and whoever else verifies tokens has read it; the one "
               "before verifies until its last token has ended. Nobody is logged out.",
    .usage = "[settings]",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

enum { REST_MS = (AUTH_TOKEN_LIFE_S + AUTH_TOKEN_SKEW_S) * 1000 };

static void sealer_wipe(struct auth_sealer *sealer)
{
    crypto_wipe(sealer, sizeof *sealer);
}

// A key under another SECRET_KEY would be one that no gateway can use.
static enum err check_secret(const struct auth_sealer *sealer, const struct signing_key *row,
                             struct why *why)
{
    struct crypto_ed25519_secret secret;
    struct auth_key key = {.kid = ""};
    if (row->kid.len > AUTH_KID_LEN)
        return why_say(why, ERR_FATAL, "the key in the table signing_key is damaged");
    memcpy(key.kid, row->kid.data, row->kid.len);
    memcpy(key.public_key, row->public_key.data, sizeof key.public_key);
    enum err err = auth_sealed_key_open(sealer, &key, row->sealed_key, &secret, why);
    crypto_wipe(&secret, sizeof secret);
    if (err == ERR_OK)
        return ERR_OK;
    return why_prefix(why, err, "%s",
                      "the key that signs now cannot be opened (where SECRET_KEY was changed on "
                      "purpose, use --new-secret, and start the gateways again with it)");
}

static enum err rotate_with(const struct settings *settings, const struct auth_sealer *sealer,
                            struct pg *pg, struct why *why)
{
    CLEANUP(key_list_done) struct key_list list = {.rows = NULL};
    enum err err = key_list_read(pg, &list, why);
    bool has_signing = err == ERR_OK && list.signing < list.count;
    if (err == ERR_OK && list.count >= AUTH_KEYS_MAX)
        err = why_say(why, ERR_REJECT,
                      "%zu keys verify tokens already; retire some (retentionctl keys list, keys "
                      "retire)",
                      list.count);
    if (has_signing && err == ERR_OK && !settings->is_new_secret)
        err = check_secret(sealer, &list.keys[list.signing], why);
    if (err != ERR_OK)
        return err;
    struct auth_sealed_key made;
    auth_sealed_key_new(sealer, &made);
    bool is_at_once = !has_signing || settings->is_new_secret;
    const struct signing_key key = {
        .kid = bytes_from_string(made.key.kid),
        .public_key = bytes_of(made.key.public_key, sizeof made.key.public_key),
        .sealed_key = bytes_of(made.sealed, sizeof made.sealed),
        .signs_from_ms = list.now_ms + (is_at_once ? 0 : settings->delay_ms),
        .verifies_until_ms = SIGNING_KEYS_NO_END};
    bool is_added = false;
    err = signing_keys_rotate(pg, &key, key.signs_from_ms + REST_MS, &is_added, why);
    if (err != ERR_OK)
        return err;
    char from[FORMAT_TIME_MAX], until[FORMAT_TIME_MAX];
    format_time_ms(key.signs_from_ms, from);
    format_time_ms(key.signs_from_ms + REST_MS, until);
    if (settings->is_json)
        printf("{\"kid\":\"%s\",\"signs_from\":\"%s\"}\n", made.key.kid, from);
    else
        printf("%s: signs from %s\n%s%s%s", made.key.kid, from,
               list.count > 0 ? "the keys before verify until " : "", list.count > 0 ? until : "",
               list.count > 0 ? "\n" : "");
    return ERR_OK;
}

static enum err rotate(const struct settings *settings, struct why *why)
{
    CLEANUP(pg_close_p) struct pg *pg = NULL;
    CLEANUP(sealer_wipe) struct auth_sealer sealer = {0};
    enum err err = crypto_init(why);
    if (err == ERR_OK)
        err = auth_sealer_init(&sealer, bytes_from_string(settings->secret_key), why);
    if (err == ERR_OK)
        err = command_connect(settings->database_url, &pg, why);
    return err == ERR_OK ? rotate_with(settings, &sealer, pg, why) : err;
}

int command_keys_rotate(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 0, 0, &status))
        return status;
    return command_end(&spec, &settings, rotate(&settings, &why), &why);
}
