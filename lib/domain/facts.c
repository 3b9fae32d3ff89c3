// SPDX-License-Identifier: MIT
// From values to bands. Nothing but names that stand in the features file comes out of here, so no
// value of a person can: whatever the record holds, the result is one of finitely many.

#include "domain/facts.h"

#include <string.h>

#include "domain/employee.h"

static const char probability[] = "probability";

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && text.data[0] == ' ')
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && text.data[text.len - 1] == ' ')
        text.len--;
    return text;
}

static int find(const struct features *features, struct bytes name)
{
    for (size_t i = 0; i < features->fact_count; i++)
        if (bytes_equal_string(name, features->facts[i].name))
            return (int)i;
    return -1;
}

static enum err refuse(const struct features *features, struct bytes name, struct why *why)
{
    enum { QUOTE_MAX = 60, LIST_MAX = 320 };
    CLEANUP(text_done) struct text list = TEXT_INIT(LIST_MAX);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < features->fact_count; i++)
        if (!features->facts[i].is_default)
            err = text_printf(&list, "%s, ", features->facts[i].name);
    int len = name.len < QUOTE_MAX ? (int)name.len : QUOTE_MAX;
    bool is_shown = utf8_is_valid(name) && text_is_printable(name);
    return why_code(why, ERR_REJECT, "unknown-fact",
                    "\"%.*s\" is no fact that can be added; there are %s%s", is_shown ? len : 0,
                    (const char *)name.data, text_string(&list), probability);
}

enum err facts_choose(const struct features *features, struct bytes added, struct facts_choice *ret,
                      struct why *why)
{
    struct facts_choice choice = {.has_probability = false};
    for (size_t i = 0; i < features->fact_count; i++)
        choice.is_told[i] = features->facts[i].is_default;
    while (added.len > 0) {
        const uint8_t *comma = memchr(added.data, ',', added.len);
        size_t len = comma == NULL ? added.len : (size_t)(comma - added.data);
        struct bytes name = trimmed(bytes_of(added.data, len));
        size_t used = comma == NULL ? len : len + 1;
        added = bytes_of(added.data + used, added.len - used);
        if (name.len == 0)
            continue;
        int at = find(features, name);
        if (at >= 0)
            choice.is_told[at] = true;
        else if (bytes_equal_string(name, probability))
            choice.has_probability = true;
        else
            return refuse(features, name, why);
    }
    *ret = choice;
    return ERR_OK;
}

static int band_of_category(const struct attribute *attribute, const struct fact *fact,
                            struct bytes text)
{
    int category = attribute_category(attribute, text);
    for (size_t i = 0; category >= 0 && i < fact->band_count; i++)
        if (fact->bands[i].of == NULL || fact->bands[i].of[category])
            return (int)i;
    return -1;
}

static int band_of_number(const struct fact *fact, double number)
{
    for (size_t i = 0; i < fact->band_count; i++)
        if (number <= fact->bands[i].upto)
            return (int)i;
    return -1;
}

int facts_band(const struct features *features, const struct fact *fact, const struct value *value)
{
    const struct attribute *attribute = &features->attributes[fact->attribute];
    bool is_number = value->kind == VALUE_INTEGER || value->kind == VALUE_REAL;
    if (attribute->type == ATTRIBUTE_CATEGORY)
        return value->kind == VALUE_TEXT ? band_of_category(attribute, fact, value->text) : -1;
    return is_number ? band_of_number(fact, attribute_number(value)) : -1;
}

size_t facts_of(const struct features *features, const struct facts_choice *choice,
                const struct value *attributes, struct bytes ret[FACTS_MAX][2])
{
    size_t count = 0;
    for (size_t i = 0; i < features->fact_count; i++) {
        const struct fact *fact = &features->facts[i];
        int band =
            choice->is_told[i] ? facts_band(features, fact, &attributes[fact->attribute]) : -1;
        if (band < 0)
            continue;
        ret[count][0] = bytes_from_string(fact->name);
        ret[count][1] = bytes_from_string(fact->bands[band].name);
        count++;
    }
    return count;
}
