// SPDX-License-Identifier: MIT
#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json/json.h"

static const struct wording {
    const char *colon, *raises, *lowers;
} wordings[LANGUAGES] = {
    [LANGUAGE_EN] = {": ", "raises the risk", "lowers the risk"},
    [LANGUAGE_FR] = {" : ", "augmente le risque", "réduit le risque"},
};

// The weight behind ";q=" in thousandths; 1000 where there is none, 0 where it is no number.
static int weight_of(const char *member, size_t len)
{
    const char *semicolon = memchr(member, ';', len);
    if (semicolon == NULL)
        return 1000;
    const char *end = member + len, *at = semicolon + 1;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if (end - at < 3 || strncasecmp(at, "q=", 2) != 0 || (at[2] != '0' && at[2] != '1'))
        return 0;
    int weight = (at[2] - '0') * 1000, unit = 100;
    for (at += 3; at < end && unit > 0; at++) {
        if (*at >= '0' && *at <= '9')
            weight += (*at - '0') * unit, unit /= 10;
        else if (*at != '.')
            break;
    }
    return weight < 1000 ? weight : 1000;
}

// "fr", "fr-CH": the language of a range.
static bool is_range_of(const char *member, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    if (len < name_len || strncasecmp(member, name, name_len) != 0)
        return false;
    return len == name_len || strchr("-; \t", member[name_len]) != NULL;
}

enum language words_language(const char *accept_language)
{
    int weights[LANGUAGES] = {0}, any = 0;
    for (const char *at = accept_language; at != NULL && *at != '\0';) {
        while (*at == ' ' || *at == '\t')
            at++;
        size_t len = strcspn(at, ",");
        int weight = weight_of(at, len);
        for (int language = 0; language < LANGUAGES; language++)
            if (is_range_of(at, len, language_name((enum language)language)) &&
                weight > weights[language])
                weights[language] = weight;
        if (is_range_of(at, len, "*"))
            any = weight;
        at += len + (at[len] == ',');
    }
    int english = weights[LANGUAGE_EN] > any ? weights[LANGUAGE_EN] : any;
    return weights[LANGUAGE_FR] > english ? LANGUAGE_FR : LANGUAGE_EN;
}

enum err words_write_reason(const struct features *features, enum language language,
                            struct bytes attribute, double weight, struct text *out)
{
    enum { SENTENCE_MAX = 512 };
    const struct wording *wording = &wordings[language];
    int at = features_find(features, attribute);
    const char *does = weight < 0 ? wording->lowers : wording->raises;
    char sentence[SENTENCE_MAX];
    struct bytes name = attribute;
    if (at >= 0)
        name = bytes_from_string(
            words_or(&features->attributes[at].words, language, features->attributes[at].name));
    size_t colon = strlen(wording->colon), rest = strlen(does);
    if (name.len > sizeof sentence - colon - rest)
        return ERR_REJECT;
    if (name.len > 0)
        memcpy(sentence, name.data, name.len);
    memcpy(sentence + name.len, wording->colon, colon);
    memcpy(sentence + name.len + colon, does, rest);
    return json_write_string(out, bytes_of(sentence, name.len + colon + rest));
}
