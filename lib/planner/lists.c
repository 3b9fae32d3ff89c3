// SPDX-License-Identifier: MIT
// All sets are one table of words by their hash, so that one look tells which of them hold a word.
// Phrases are found by the first two letters of each word of an action and compared by four, so
// only a few are looked at. The words of the lists go through the same folding as those of an
// action, so that the files can be written as people write.

#include "planner/lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const set_names[LIST_SETS] = {
    [LIST_STOP] = "stop",   [LIST_FOREIGN] = "foreign",         [LIST_KNOWN] = "known",
    [LIST_VERBS] = "verbs", [LIST_FIRST_NAMES] = "first-names", [LIST_TITLES] = "titles",
    [LIST_PAY] = "pay",
};

enum { ROOM_FIRST = 256 };

// Where the word's number stands in the table, or where it would.
static uint32_t *place_of(const struct lists *lists, const char *text, uint64_t hash)
{
    size_t at = (hash ^ hash >> 32) & (lists->room - 1);
    while (lists->places[at] != 0) {
        const struct word *word = &lists->words[lists->places[at] - 1];
        if (word->hash == hash && strcmp(word->text, text) == 0)
            break;
        at = (at + 1) & (lists->room - 1);
    }
    return &lists->places[at];
}

static void widen(struct lists *lists)
{
    lists->room = lists->room == 0 ? ROOM_FIRST : 2 * lists->room;
    free(lists->places);
    lists->places = mem_array(lists->room, sizeof *lists->places);
    for (size_t i = 0; i < lists->word_count; i++)
        *place_of(lists, lists->words[i].text, lists->words[i].hash) = (uint32_t)(i + 1);
}

void lists_add(struct lists *lists, enum list_set set, const struct term *word)
{
    if (2 * (lists->word_count + 1) > lists->room)
        widen(lists);
    uint32_t *place = place_of(lists, word->text, word->hash);
    if (*place == 0) {
        if (lists->word_count == lists->word_capacity) {
            lists->word_capacity = lists->word_capacity == 0 ? 64 : 2 * lists->word_capacity;
            lists->words = mem_grow(lists->words, lists->word_capacity, sizeof *lists->words);
        }
        struct word *added = &lists->words[lists->word_count++];
        *added = (struct word){.hash = word->hash};
        memcpy(added->text, word->text, sizeof added->text);
        *place = (uint32_t)lists->word_count;
    }
    lists->words[*place - 1].sets |= LIST_BIT(set);
}

void lists_mark(const struct lists *lists, struct terms *words)
{
    for (size_t i = 0; i < words->count && lists->room > 0; i++) {
        struct term *word = &words->list[i];
        uint32_t place = *place_of(lists, word->text, word->hash);
        word->sets = place == 0 ? 0 : lists->words[place - 1].sets;
    }
}

static struct phrase *add_phrase(struct lists *lists)
{
    if (lists->count == lists->capacity) {
        lists->capacity = lists->capacity == 0 ? 256 : 2 * lists->capacity;
        lists->phrases = mem_grow(lists->phrases, lists->capacity, sizeof *lists->phrases);
    }
    struct phrase *phrase = &lists->phrases[lists->count++];
    *phrase = (struct phrase){.fault = FAULT_NONE};
    return phrase;
}

// The bytes up to the first of `ends` (not with them); *rest goes on behind it.
static struct bytes cut(struct bytes *rest, const char *ends)
{
    size_t len = 0;
    while (len < rest->len && strchr(ends, rest->data[len]) == NULL)
        len++;
    struct bytes part = bytes_of(rest->data, len);
    size_t used = len < rest->len ? len + 1 : len;
    *rest = bytes_of(rest->data + used, rest->len - used);
    return part;
}

// Exactly one word.
static bool fold(struct bytes text, struct term *ret)
{
    size_t at = 0;
    return terms_next(text, &at, ret) && ret->at == 0 && ret->end == text.len;
}

static bool read_set(struct lists *lists, enum list_set set, struct bytes line)
{
    while (line.len > 0) {
        struct bytes piece = cut(&line, " ");
        struct term word;
        if (piece.len == 0)
            continue;
        if (!fold(piece, &word))
            return false;
        lists_add(lists, set, &word);
    }
    return true;
}

static bool read_phrase_word(struct phrase *phrase, struct bytes piece, size_t gap)
{
    bool is_beginning = piece.data[piece.len - 1] == '*';
    struct term word;
    piece.len -= is_beginning ? 1 : 0;
    if (phrase->count == PHRASE_WORDS_MAX || !fold(piece, &word) ||
        (is_beginning && word.text[1] == '\0'))
        return false;
    memcpy(phrase->words[phrase->count].text, word.text, sizeof word.text);
    phrase->words[phrase->count].is_beginning = is_beginning;
    phrase->words[phrase->count++].gap = gap;
    return true;
}

static bool read_phrase(struct phrase *phrase, struct bytes text)
{
    size_t gap = 0;
    while (text.len > 0) {
        struct bytes piece = cut(&text, " ");
        if (piece.len == 0)
            continue;
        if (bytes_equal_string(piece, "..")) {
            gap = PHRASE_GAP;
            continue;
        }
        if (!read_phrase_word(phrase, piece, gap))
            return false;
        gap = 0;
    }
    return gap == 0 && (phrase->count == 0 || phrase->words[0].gap == 0);
}

static bool read_phrases(struct lists *lists, enum fault fault, struct bytes line)
{
    while (line.len > 0) {
        struct phrase phrase = {.fault = fault};
        if (!read_phrase(&phrase, cut(&line, ",")))
            return false;
        if (phrase.count > 0)
            *add_phrase(lists) = phrase;
    }
    return true;
}

// What the lines behind a section's head are.
struct section {
    enum list_set set; // LIST_SETS: phrases
    enum fault fault;
    bool is_known;
};

static struct section section_of(struct bytes name)
{
    struct section section = {.set = LIST_SETS, .is_known = true};
    for (size_t i = 0; i < LIST_SETS; i++)
        if (bytes_equal_string(name, set_names[i]))
            section.set = (enum list_set)i;
    if (section.set == LIST_SETS && !bytes_equal_string(name, "allowed"))
        section.is_known = fault_from_code(name, &section.fault) && section.fault != FAULT_NONE;
    return section;
}

enum err lists_read(struct lists *lists, struct bytes file, struct why *why)
{
    struct section section = {.is_known = false};
    for (size_t number = 1; file.len > 0; number++) {
        struct bytes line = cut(&file, "\n");
        line = cut(&line, "#");
        if (line.len == 0)
            continue;
        bool is_head = line.len > 2 && line.data[0] == '[' && line.data[line.len - 1] == ']';
        if (is_head)
            section = section_of(bytes_of(line.data + 1, line.len - 2));
        bool is_read = is_head || !section.is_known ? section.is_known
                       : section.set != LIST_SETS   ? read_set(lists, section.set, line)
                                                    : read_phrases(lists, section.fault, line);
        if (!is_read)
            return why_code(why, ERR_REJECT, "bad-list", "line %zu is no %s", number,
                            is_head ? "section that is known" : "list of words or phrases");
    }
    return ERR_OK;
}

void lists_allow(struct lists *lists, struct bytes text)
{
    struct phrase phrase = {.fault = FAULT_NONE};
    struct term word;
    size_t at = 0;
    while (phrase.count < PHRASE_WORDS_MAX && terms_next(text, &at, &word))
        memcpy(phrase.words[phrase.count++].text, word.text, sizeof word.text);
    if (phrase.count > 1)
        *add_phrase(lists) = phrase;
}

// Folded words are of a-z and 0-9: their place by two first letters, in the order of strcmp.
static size_t head_of(const char *word)
{
    size_t head = 0;
    for (size_t i = 0; i < 2; i++) {
        char c = i == 0 || word[0] != '\0' ? word[i] : '\0';
        head = 37 * head + (c >= 'a'   ? (size_t)(c - 'a') + 11
                            : c >= '0' ? (size_t)(c - '0') + 1
                                       : 0);
    }
    return head;
}

static int by_first_word(const void *a, const void *b)
{
    const struct phrase *x = a, *y = b;
    int order = strcmp(x->words[0].text, y->words[0].text);
    return order != 0 ? order : (int)x->fault - (int)y->fault;
}

static uint32_t first_letters(const char *text)
{
    uint32_t letters = 0;
    memcpy(&letters, text, sizeof letters); // zeros are behind a shorter word
    return letters;
}

static struct phrase_key key_of(const struct phrase *phrase)
{
    struct phrase_key key = {.letters = first_letters(phrase->words[0].text)};
    size_t len = phrase->words[0].is_beginning ? strlen(phrase->words[0].text) : sizeof key.mask;
    memset(&key.mask, 0xff, len < sizeof key.mask ? len : sizeof key.mask);
    return key;
}

void lists_sort(struct lists *lists)
{
    if (lists->count > 0)
        qsort(lists->phrases, lists->count, sizeof *lists->phrases, by_first_word);
    size_t at = 0;
    for (size_t head = 0; head <= PHRASE_HEADS; head++) {
        while (at < lists->count && head_of(lists->phrases[at].words[0].text) < head)
            at++;
        lists->from[head] = at;
    }
    free(lists->keys);
    lists->keys = mem_array(lists->count, sizeof *lists->keys);
    for (size_t i = 0; i < lists->count; i++)
        lists->keys[i] = key_of(&lists->phrases[i]);
}

void lists_done(struct lists *lists)
{
    free(lists->words);
    free(lists->places);
    free(lists->phrases);
    free(lists->keys);
    *lists = (struct lists){.count = 0};
}

// Which words of an action are marked: those of an allowed phrase.
struct marks {
    bool is_set[TERMS_MAX];
};

// Whether words [at..] go on with the phrase's words [from..]; their places into `places`.
static bool goes_on(const struct phrase *phrase, size_t from, const struct terms *words, size_t at,
                    const struct marks *allowed, size_t places[PHRASE_WORDS_MAX])
{
    if (from == phrase->count)
        return true;
    const char *text = phrase->words[from].text;
    for (size_t i = at; i < words->count && i <= at + phrase->words[from].gap; i++) {
        const char *word = words->list[i].text;
        bool fits = phrase->words[from].is_beginning ? strncmp(word, text, strlen(text)) == 0
                                                     : strcmp(word, text) == 0;
        places[from] = i;
        if (fits && (phrase->fault == FAULT_NONE || !allowed->is_set[i]) &&
            goes_on(phrase, from + 1, words, i + 1, allowed, places))
            return true;
    }
    return false;
}

// Those phrases that may begin with a word: *at moves behind the next one; NULL: that was all.
static const struct phrase *next_phrase(const struct lists *lists, const struct term *word,
                                        size_t end, size_t *at)
{
    uint32_t letters = first_letters(word->text);
    for (; *at < end; (*at)++)
        if (((letters ^ lists->keys[*at].letters) & lists->keys[*at].mask) == 0)
            return &lists->phrases[(*at)++];
    return NULL;
}

static void mark_allowed(const struct lists *lists, const struct terms *words, struct marks *ret)
{
    size_t places[PHRASE_WORDS_MAX];
    for (size_t at = 0; at < words->count; at++) {
        const struct term *word = &words->list[at];
        size_t head = head_of(word->text), i = lists->from[head], end = lists->from[head + 1];
        const struct phrase *phrase = NULL;
        while ((phrase = next_phrase(lists, word, end, &i)) != NULL) {
            if (phrase->fault != FAULT_NONE || !goes_on(phrase, 0, words, at, ret, places))
                continue;
            for (size_t k = 0; k < phrase->count; k++)
                ret->is_set[places[k]] = true;
        }
    }
}

enum fault lists_find(const struct lists *lists, const struct terms *words)
{
    struct marks allowed = {{false}};
    size_t places[PHRASE_WORDS_MAX];
    enum fault found = FAULT_NONE;
    mark_allowed(lists, words, &allowed);
    for (size_t at = 0; at < words->count; at++) {
        const struct term *word = &words->list[at];
        size_t head = head_of(word->text), i = lists->from[head], end = lists->from[head + 1];
        const struct phrase *phrase = NULL;
        while ((phrase = next_phrase(lists, word, end, &i)) != NULL) {
            bool is_sooner = found == FAULT_NONE || phrase->fault < found;
            if (phrase->fault != FAULT_NONE && is_sooner &&
                goes_on(phrase, 0, words, at, &allowed, places))
                found = phrase->fault;
        }
    }
    return found;
}
