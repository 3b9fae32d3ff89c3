// SPDX-License-Identifier: MIT
// Choosing is done in a fixed order over lists that were made ready at start, so a plan takes
// microseconds. The sentences of topics and of [general] are ours and tested; those with the words
// of a features file are checked here, at start, and left out where they would not pass.

#include "planner/rules.h"

#include <assert.h>
#include <string.h>

#include "planner/rules_parts.h"

// Sentences with the words of an attribute put in.
static void fill(struct rules *rules, const struct check *check, enum language language,
                 const struct sentences *patterns, const char *words, struct sentences *ret)
{
    for (size_t i = 0; i < patterns->count; i++) {
        struct bytes pattern = patterns->list[i];
        const uint8_t *hole = memmem(pattern.data, pattern.len, "{}", 2);
        assert(hole != NULL); // rules_read saw to it
        int before = (int)(hole - pattern.data), after = (int)pattern.len - before - 2;
        char *text = mem_printf("%.*s%s%.*s", before, (const char *)pattern.data, words, after,
                                (const char *)hole + 2);
        rules_own(rules, text);
        struct bytes sentence = bytes_from_string(text);
        if (check_action(check, language, sentence) == FAULT_NONE)
            ret->list[ret->count++] = sentence;
    }
}

static bool is_actionable(const struct actionable *actionable)
{
    return actionable->is_up || actionable->is_down || actionable->to != NULL;
}

static void make_own(struct rules *rules, const struct check *check,
                     const struct attribute *attribute, struct topic *own)
{
    const struct topic *raising =
        is_actionable(&attribute->actionable) ? &rules->actionable : &rules->any;
    for (size_t i = 0; i < LANGUAGES; i++) {
        enum language language = (enum language)i;
        const char *words = words_or(&attribute->words, language, attribute->name);
        fill(rules, check, language, &raising->raising[i], words, &own->raising[i]);
        fill(rules, check, language, &rules->any.lowering[i], words, &own->lowering[i]);
    }
}

static bool names(struct bytes list, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i + len <= list.len; i++)
        if ((i == 0 || list.data[i - 1] == ' ') &&
            (i + len == list.len || list.data[i + len] == ' ') &&
            memcmp(list.data + i, name, len) == 0)
            return true;
    return false;
}

static const struct topic *topic_of(const struct rules *rules, const char *attribute)
{
    for (size_t i = 0; i < rules->topic_count; i++)
        if (names(rules->topics[i].of, attribute))
            return &rules->topics[i];
    return NULL;
}

static void find_situations(struct rules *rules, const struct features *features)
{
    for (size_t i = 0; i < features->fact_count; i++)
        for (size_t b = 0; b < features->facts[i].band_count; b++) {
            CLEANUP(mem_free_p)
            char *when =
                mem_printf("%s=%s", features->facts[i].name, features->facts[i].bands[b].name);
            for (size_t t = 0; t < rules->topic_count; t++)
                if (names(rules->topics[t].when, when))
                    rules_add_situation(rules, i, (int)b, &rules->topics[t]);
        }
}

enum err rules_new(const struct features *features, const struct check *check, struct rules **ret,
                   struct why *why)
{
    CLEANUP(rules_free_p) struct rules *rules = mem_zalloc(sizeof *rules);
    enum err err = rules_read(rules, why);
    if (err != ERR_OK)
        return err;
    rules->own = mem_array(features->count, sizeof *rules->own);
    rules->of_attribute = mem_array(features->count, sizeof *rules->of_attribute);
    for (size_t i = 0; i < features->count; i++) {
        rules->of_attribute[i] = topic_of(rules, features->attributes[i].name);
        if (rules->of_attribute[i] != NULL)
            continue;
        make_own(rules, check, &features->attributes[i], &rules->own[i]);
        rules->of_attribute[i] = &rules->own[i];
    }
    find_situations(rules, features);
    *ret = TAKE(rules);
    return ERR_OK;
}

// The plan so far.
struct draft {
    struct bytes actions[ACTIONS];
    const struct topic *topics[ACTIONS];
    size_t count;
};

static bool has_alike(const struct draft *draft, struct bytes sentence)
{
    for (size_t i = 0; i < draft->count; i++)
        if (check_are_alike(draft->actions[i], sentence))
            return true;
    return false;
}

static bool has_topic(const struct draft *draft, const struct topic *topic)
{
    for (size_t i = 0; i < draft->count; i++)
        if (draft->topics[i] == topic)
            return true;
    return false;
}

// The first sentence that says something new; false where there is none.
static bool take(struct draft *draft, const struct topic *topic, const struct sentences *from)
{
    for (size_t i = 0; draft->count < ACTIONS && i < from->count; i++)
        if (!has_alike(draft, from->list[i])) {
            draft->topics[draft->count] = topic;
            draft->actions[draft->count++] = from->list[i];
            return true;
        }
    return false;
}

static void take_reasons(const struct rules *rules, const struct basis *basis, bool raises,
                         struct draft *draft)
{
    for (size_t i = 0; i < basis->reason_count; i++) {
        const struct topic *topic = rules->of_attribute[basis->reasons[i].attribute];
        if (basis->reasons[i].raises == raises)
            // A topic that has nothing new leaves its place to what comes next.
            IGNORE(take(draft, topic,
                        raises ? &topic->raising[basis->language]
                               : &topic->lowering[basis->language]));
    }
}

static void take_situations(const struct rules *rules, const struct basis *basis,
                            struct draft *draft)
{
    for (size_t i = 0; i < rules->situation_count; i++) {
        const struct situation *situation = &rules->situations[i];
        if (basis->bands[situation->fact] == situation->band && !has_topic(draft, situation->topic))
            IGNORE(take(draft, situation->topic, &situation->topic->raising[basis->language]));
    }
}

void rules_write(const struct rules *rules, const struct basis *basis, struct actions *ret)
{
    struct draft draft = {.count = 0};
    take_reasons(rules, basis, true, &draft);
    take_situations(rules, basis, &draft);
    take_reasons(rules, basis, false, &draft);
    while (draft.count < ACTIONS &&
           take(&draft, &rules->general, &rules->general.raising[basis->language]))
        continue;
    assert(draft.count == ACTIONS); // [general] alone holds enough: tested
    for (size_t i = 0; i < ACTIONS; i++) {
        size_t len = i < draft.count ? draft.actions[i].len : 0;
        memcpy(ret->text[i], draft.actions[i].data, len);
        ret->text[i][len] = '\0';
    }
}
