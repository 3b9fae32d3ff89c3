// SPDX-License-Identifier: MIT
// What a check knows: the lists that are built in, the words of the features (a department may be
// named with its capital, and "medical representative" is no medicine), and the instruction, whose
// repetition is no action.

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "planner/check_parts.h"
#include "planner/prompt.h"

extern const char lists_en[];
extern const char lists_fr[];

static void learn_text(struct lists *lists, const char *text)
{
    struct bytes bytes = bytes_from_string(text);
    struct term word;
    size_t at = 0;
    lists_allow(lists, bytes);
    while (terms_next(bytes, &at, &word))
        lists_add(lists, LIST_KNOWN, &word);
}

static void learn_words(struct lists *lists, enum language language, const char *name,
                        const struct words *words)
{
    learn_text(lists, name);
    if (words->in[language] != NULL)
        learn_text(lists, words->in[language]);
}

// Of attributes for audit only nothing is learnt: their words are what must not be spoken of.
static void learn_attribute(struct lists *lists, enum language language,
                            const struct attribute *attribute)
{
    if (!attribute->is_input)
        return;
    learn_words(lists, language, attribute->name, &attribute->words);
    for (size_t i = 0; i < attribute->category_count; i++)
        learn_words(lists, language, attribute->categories[i].name,
                    &attribute->categories[i].words);
}

static void learn_features(struct lists *lists, enum language language,
                           const struct features *features)
{
    for (size_t i = 0; i < features->count; i++)
        learn_attribute(lists, language, &features->attributes[i]);
    for (size_t i = 0; i < features->fact_count; i++) {
        const struct fact *fact = &features->facts[i];
        learn_words(lists, language, fact->name, &fact->words);
        for (size_t b = 0; b < fact->band_count; b++)
            learn_words(lists, language, fact->bands[b].name, &fact->bands[b].words);
    }
}

// FNV-1a over the hashes of the words of a run, where its bytes would be.
uint64_t check_hash_run(const struct term *words)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < ECHO_WORDS; i++)
        hash = (hash ^ words[i].hash) * 0x100000001b3U;
    return hash;
}

int check_compare_runs(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void learn_instruction(struct echoes *echoes, const char *instruction)
{
    struct bytes text = bytes_from_string(instruction);
    struct term run[ECHO_WORDS];
    size_t at = 0, words = 0;
    echoes->hashes = mem_array(text.len, sizeof *echoes->hashes);
    while (terms_next(text, &at, &run[ECHO_WORDS - 1])) {
        if (++words >= ECHO_WORDS)
            echoes->hashes[echoes->count++] = check_hash_run(run);
        memmove(run, run + 1, (ECHO_WORDS - 1) * sizeof *run);
    }
    for (size_t i = 0; i < echoes->count; i++) {
        uint64_t bit = echoes->hashes[i] >> 32 & (ECHO_BITS - 1);
        echoes->bits[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    qsort(echoes->hashes, echoes->count, sizeof *echoes->hashes, check_compare_runs);
}

enum err check_new(const struct features *features, struct check **ret, struct why *why)
{
    const char *const files[LANGUAGES] = {[LANGUAGE_EN] = lists_en, [LANGUAGE_FR] = lists_fr};
    CLEANUP(check_free_p) struct check *check = mem_zalloc(sizeof *check);
    for (size_t i = 0; i < LANGUAGES; i++) {
        enum language language = (enum language)i;
        struct lists *lists = &check->lists[i];
        if (lists_read(lists, bytes_from_string(files[i]), why) != ERR_OK)
            return why_prefix(why, ERR_FATAL, "the built-in list of words");
        learn_features(lists, language, features);
        lists_sort(lists);
        learn_instruction(&check->echoes[i], prompt_system(language));
    }
    *ret = TAKE(check);
    return ERR_OK;
}

void check_free(struct check *check)
{
    if (check == NULL)
        return;
    for (size_t i = 0; i < LANGUAGES; i++) {
        lists_done(&check->lists[i]);
        free(check->echoes[i].hashes);
    }
    free(check);
}
