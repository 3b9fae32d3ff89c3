// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "planner/faults.h"
#include "planner/terms.h"

// The word lists of one language (lists/*.txt, built in): sets of words, and phrases that an action
// may not hold. Immutable once read: any thread may ask.
//
// The file has lines of sections. "[stop]" and the other sets list words between blanks; a section
// named by the code of a fault, or "[allowed]", lists phrases between commas. In a phrase "pray*"
// is every word that begins so (with two letters and more), and ".." lets up to four words stand
// between. A "#" begins a comment.

enum list_set {
    LIST_STOP,        // small words of the language
    LIST_FOREIGN,     // small words of other languages
    LIST_KNOWN,       // may have a capital inside a sentence
    LIST_FIRST_NAMES, // of people
    LIST_TITLES,      // before a name
    LIST_PAY,         // near which a number is an amount
    LIST_VERBS,       // that an action begins with
    LIST_SETS
};

// A word of some sets.
struct word {
    char text[TERM_MAX + 1];
    uint64_t hash;
    unsigned sets; // a bit for each list_set
};

enum { PHRASE_WORDS_MAX = 8, PHRASE_GAP = 4, PHRASE_HEADS = 37 * 37 };

struct phrase {
    enum fault fault; // FAULT_NONE: an allowed phrase, in which nothing is banned
    struct {
        char text[TERM_MAX + 1];
        bool is_beginning; // any word that begins with it
        size_t gap;        // so many words may stand before it
    } words[PHRASE_WORDS_MAX];
    size_t count;
};

// The first four letters of a phrase, which tell almost all words from its first one.
struct phrase_key {
    uint32_t letters, mask;
};

struct lists {
    struct word *words;
    size_t word_count, word_capacity;
    uint32_t *places;       // of words by their hash: the number in `words` and one; 0: none
    size_t room;            // a power of two, at least twice word_count
    struct phrase *phrases; // sorted by their first word once read
    struct phrase_key *keys;
    size_t count, capacity;
    size_t from[PHRASE_HEADS + 1]; // of two first letters: where their phrases begin
};

// Reads a file into lists that are all zero or hold something already. ERR_REJECT with the line.
MUST_CHECK enum err lists_read(struct lists *lists, struct bytes file, struct why *why);
void lists_add(struct lists *lists, enum list_set set, const struct term *word);
// The words of `text` as an allowed phrase, where they are more than one.
void lists_allow(struct lists *lists, struct bytes text);
// After the last addition, before the first question.
void lists_sort(struct lists *lists);
void lists_done(struct lists *lists);

// Notes in the words which sets hold them: LIST_BIT(LIST_STOP) and so on in `sets`.
#define LIST_BIT(set) (1U << (set))
void lists_mark(const struct lists *lists, struct terms *words);

// The first fault of which a phrase stands in the words, FAULT_NONE where none does. A word of an
// allowed phrase takes no part.
enum fault lists_find(const struct lists *lists, const struct terms *words);
