// SPDX-License-Identifier: MIT
// What is told by words: the language, the banned phrases, whether the instruction is repeated, and
// how concrete an action is.

#include <stdlib.h>
#include <string.h>

#include "planner/check_parts.h"

// Small words make up a third of a sentence and more; of a list of catchwords, or of a text in
// another language, hardly any.
enum { OWN_PERCENT = 10, FOREIGN_MIN = 2 };

struct tally {
    size_t words, own, foreign;
};

static void count_words(const struct terms *words, struct tally *tally)
{
    for (size_t i = 0; i < words->count; i++) {
        unsigned sets = words->list[i].sets;
        tally->words++;
        tally->own += (sets & LIST_BIT(LIST_STOP)) != 0 ? 1 : 0;
        tally->foreign += (sets & LIST_BIT(LIST_FOREIGN)) != 0 ? 1 : 0;
    }
}

bool check_is_in_language(const struct terms *actions, size_t count)
{
    struct tally tally = {0};
    for (size_t i = 0; i < count; i++)
        count_words(&actions[i], &tally);
    return tally.own > tally.foreign && 100 * tally.own >= OWN_PERCENT * tally.words;
}

enum fault check_language(const struct check *check, enum language language, struct bytes action,
                          const struct terms *words)
{
    struct tally tally = {0};
    (void)check;
    (void)language;
    (void)action;
    count_words(words, &tally);
    return tally.foreign >= FOREIGN_MIN && tally.foreign >= tally.own ? FAULT_WRONG_LANGUAGE
                                                                      : FAULT_NONE;
}

static bool is_echo(const struct echoes *echoes, const struct terms *words)
{
    for (size_t i = 0; i + ECHO_WORDS <= words->count; i++) {
        uint64_t hash = check_hash_run(&words->list[i]);
        if (check_has_bit(echoes, hash) &&
            bsearch(&hash, echoes->hashes, echoes->count, sizeof hash, check_compare_runs) != NULL)
            return true;
    }
    return false;
}

enum fault check_lists(const struct check *check, enum language language, struct bytes action,
                       const struct terms *words)
{
    enum fault found = lists_find(&check->lists[language], words);
    if ((found == FAULT_NONE || found > FAULT_EXACT_MONEY) && signs_have_money(action, words))
        found = FAULT_EXACT_MONEY;
    if ((found == FAULT_NONE || found > FAULT_PROMPT_ECHO) &&
        is_echo(&check->echoes[language], words))
        found = FAULT_PROMPT_ECHO;
    return found;
}

// Words of one topic begin alike: "training", "trainings"; "satisfied", "satisfaction".
static bool are_related(const char *a, const char *b)
{
    enum { STEM = 5 };
    return strlen(a) >= STEM && strncmp(a, b, STEM) == 0;
}

static bool is_spoken_of(const char *topic, const struct terms actions[ACTIONS])
{
    struct bytes text = bytes_from_string(topic);
    struct term word;
    for (size_t at = 0; terms_next(text, &at, &word);)
        for (size_t i = 0; i < ACTIONS; i++)
            for (size_t k = 0; k < actions[i].count; k++)
                if (are_related(word.text, actions[i].list[k].text))
                    return true;
    return false;
}

unsigned check_concreteness(const struct check *check, const struct features *features,
                            const struct basis *basis, const struct actions *actions)
{
    struct terms words[ACTIONS];
    unsigned points = 0;
    for (size_t i = 0; i < ACTIONS; i++) {
        terms_of(bytes_from_string(actions->text[i]), &words[i]);
        lists_mark(&check->lists[basis->language], &words[i]);
        points += words[i].count > 0 && (words[i].list[0].sets & LIST_BIT(LIST_VERBS)) != 0 ? 1 : 0;
    }
    for (size_t i = 0; i < basis->reason_count; i++) {
        const struct attribute *attribute = &features->attributes[basis->reasons[i].attribute];
        const char *topic = words_or(&attribute->words, basis->language, attribute->name);
        points += is_spoken_of(topic, words) ? 1 : 0;
    }
    return points;
}
