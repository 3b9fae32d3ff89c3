// SPDX-License-Identifier: MIT
// The object is written member by member in one order, and each text in it comes out of the
// features file or stands here. Facts and reasons are lists of short texts rather than members:
// two facts may be called the same in a language, and a member may stand only once.

#include "planner/prompt.h"

#include <string.h>

#include "json/json.h"

enum { USER_MAX = 64 * 1024 };

extern const char prompt_system_en[];
extern const char prompt_system_fr[];

static const struct wording {
    const char *name;
    const char *bands[BAND_UNKNOWN + 1];
    const char *colon;
    const char *raises, *lowers;
} wordings[LANGUAGES] = {
    [LANGUAGE_EN] = {.name = "English",
                     .bands = {"low", "elevated", "high", "unknown"},
                     .colon = ": ",
                     .raises = "raises the risk",
                     .lowers = "lowers the risk"},
    [LANGUAGE_FR] = {.name = "français",
                     .bands = {"faible", "accru", "élevé", "inconnu"},
                     .colon = " : ",
                     .raises = "augmente le risque",
                     .lowers = "réduit le risque"},
};

const char *prompt_version(void)
{
    return PROMPT_VERSION;
}

const char *prompt_system(enum language language)
{
    switch (language) {
    case LANGUAGE_EN:
        return prompt_system_en;
    case LANGUAGE_FR:
        return prompt_system_fr;
    case LANGUAGES:
        break;
    }
    return "";
}

void prompt_done(struct prompt *prompt)
{
    text_done(&prompt->user);
}

static enum err write_string(struct text *out, const char *string)
{
    return json_write_string(out, bytes_from_string(string));
}

// "name: meaning" as one text of a list.
static enum err write_item(struct text *out, bool is_first, const struct wording *wording,
                           const char *name, const char *meaning)
{
    CLEANUP(text_done) struct text item = TEXT_INIT(USER_MAX);
    enum err err = text_printf(&item, "%s%s%s", name, wording->colon, meaning);
    if (err == ERR_OK && !is_first)
        err = text_append_string(out, ",");
    return err == ERR_OK ? json_write_string(out, text_bytes(&item)) : err;
}

static enum err write_facts(const struct features *features, const struct basis *basis,
                            const struct wording *wording, struct text *out)
{
    enum err err = text_append_string(out, ",\"facts\":[");
    bool is_first = true;
    for (size_t i = 0; err == ERR_OK && i < features->fact_count; i++) {
        const struct fact *fact = &features->facts[i];
        if (basis->bands[i] < 0)
            continue;
        const struct fact_band *band = &fact->bands[basis->bands[i]];
        err =
            write_item(out, is_first, wording, words_or(&fact->words, basis->language, fact->name),
                       words_or(&band->words, basis->language, band->name));
        is_first = false;
    }
    return err == ERR_OK ? text_append_string(out, "]") : err;
}

static enum err write_reasons(const struct features *features, const struct basis *basis,
                              const struct wording *wording, struct text *out)
{
    enum err err = text_append_string(out, ",\"reasons\":[");
    for (size_t i = 0; err == ERR_OK && i < basis->reason_count; i++) {
        const struct attribute *attribute = &features->attributes[basis->reasons[i].attribute];
        err = write_item(out, i == 0, wording,
                         words_or(&attribute->words, basis->language, attribute->name),
                         basis->reasons[i].raises ? wording->raises : wording->lowers);
    }
    return err == ERR_OK ? text_append_string(out, "]") : err;
}

static enum err write_user(const struct features *features, const struct basis *basis,
                           struct text *out)
{
    const struct wording *wording = &wordings[basis->language];
    enum err err = text_append_string(out, "{\"language\":");
    if (err == ERR_OK)
        err = write_string(out, wording->name);
    if (err == ERR_OK)
        err = text_append_string(out, ",\"risk\":");
    if (err == ERR_OK)
        err = write_string(out, wording->bands[basis->band]);
    if (err == ERR_OK && basis->probability_percent >= 0)
        err = text_printf(out, ",\"probability_percent\":%d", basis->probability_percent);
    if (err == ERR_OK)
        err = write_facts(features, basis, wording, out);
    if (err == ERR_OK)
        err = write_reasons(features, basis, wording, out);
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

// The NULs keep one text from running into the next.
static void hash(struct prompt *prompt)
{
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes_of(PROMPT_VERSION, sizeof PROMPT_VERSION));
    crypto_sha256_update(&hash, bytes_of(prompt->system, strlen(prompt->system) + 1));
    crypto_sha256_update(&hash, text_bytes(&prompt->user));
    crypto_sha256_final_hex(&hash, prompt->sha256);
}

enum err prompt_write(const struct features *features, const struct basis *basis,
                      struct prompt *ret, struct why *why)
{
    struct prompt prompt = {.system = prompt_system(basis->language), .user = TEXT_INIT(USER_MAX)};
    if (write_user(features, basis, &prompt.user) != ERR_OK) {
        prompt_done(&prompt);
        return why_say(why, ERR_FATAL, "the words of the features file make a prompt over %d bytes",
                       USER_MAX);
    }
    hash(&prompt);
    *ret = prompt;
    return ERR_OK;
}

enum err prompt_write_again(const struct prompt *prompt, enum language language, enum fault fault,
                            struct text *out)
{
    struct bytes user = text_bytes(&prompt->user);
    const size_t before = out->len;
    enum err err = text_append(out, user.data, user.len - 1);
    if (err == ERR_OK)
        err = text_append_string(out, ",\"correction\":");
    if (err == ERR_OK)
        err = write_string(out, fault_correction(fault, language));
    if (err == ERR_OK)
        err = text_append_string(out, "}");
    if (err != ERR_OK && out->data != NULL) {
        out->len = before;
        out->data[before] = '\0';
    }
    return err;
}
