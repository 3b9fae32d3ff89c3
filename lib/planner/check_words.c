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

static void count_words(const struct lists *lists, const struct terms *words, struct tally *tally)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->list[i].text;
        tally->words++;
        tally->own += term_set_has(&lists->sets[LIST_STOP], word) ? 1 : 0;
        tally->foreign += term_set_has(&lists->sets[LIST_FOREIGN], word) ? 1 : 0;
    }
}

bool check_is_in(const struct check *check, enum language language, const struct terms *actions,
                 size_t count)
{
    struct tally tally = {0};
    for (size_t i = 0; i < count; i++)
        count_words(&check->lists[language], &actions[i], &tally);
    return tally.own > tally.foreign && 100 * tally.own >= OWN_PERCENT * tally.words;
}

enum fault check_language(const struct check *check, enum language language, struct bytes action,
                          const struct terms *words)
{
    struct tally tally = {0};
    (void)action;
    count_words(&check->lists[language], words, &tally);
    return tally.foreign >= FOREIGN_MIN && tally.foreign >= tally.own ? FAULT_WRONG_LANGUAGE
                                                                      : FAULT_NONE;
}

static bool is_echo(const struct echoes *echoes, const struct terms *words)
{
    for (size_t i = 0; i + ECHO_WORDS <= words->count; i++) {
        uint64_t hash = check_hash_run(&words->list[i]);
        if (bsearch(&hash, echoes->hashes, echoes->count, sizeof hash, check_compare_runs) != NULL)
            return true;
    }
    return false;
}

enum fault check_lists(const struct check *check, enum language language, struct bytes action,
                       const struct terms *words)
{
    enum fault found = lists_find(&check->lists[language], words);
    if ((found == FAULT_NONE || found > FAULT_EXACT_MONEY) &&
        signs_have_money(&check->lists[language], action, words))
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
    const struct term_set *verbs = &check->lists[basis->language].sets[LIST_VERBS];
    struct terms words[ACTIONS];
    unsigned points = 0;
    for (size_t i = 0; i < ACTIONS; i++) {
        terms_of(bytes_from_string(actions->text[i]), &words[i]);
        points += words[i].count > 0 && term_set_has(verbs, words[i].list[0].text) ? 1 : 0;
    }
    for (size_t i = 0; i < basis->reason_count; i++) {
        const struct attribute *attribute = &features->attributes[basis->reasons[i].attribute];
        const char *topic = words_or(&attribute->words, basis->language, attribute->name);
        points += is_spoken_of(topic, words) ? 1 : 0;
    }
    return points;
}
