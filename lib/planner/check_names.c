// SPDX-License-Identifier: MIT
// People's names. A prompt holds none, so any name in an answer is invented or leaked. A capital
// inside a sentence is a name, unless the word is one that may have it; at the beginning of a
// sentence only first names that many people have are told from other words.

#include "planner/check_parts.h"

// "J. Smith": one capital and a full stop, then a word with a capital.
static bool is_initial(struct bytes action, const struct term *a, const struct term *b)
{
    return a->letters == 1 && a->digits == 0 && a->is_capital && b->is_capital && b->letters > 1 &&
           a->end < action.len && action.data[a->end] == '.';
}

enum fault check_names(const struct check *check, enum language language, struct bytes action,
                       const struct terms *terms)
{
    (void)check;
    (void)language;
    enum { ACRONYM_MAX = 3 };
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *term = &terms->list[i];
        bool is_shouted = term->is_all_capitals && term->letters > ACRONYM_MAX;
        bool is_known = (term->sets & LIST_BIT(LIST_KNOWN)) != 0;
        if (i > 0 && is_initial(action, term - 1, term))
            return FAULT_PERSON_NAME;
        if ((!term->is_capital && !is_shouted) || is_known)
            continue;
        if (is_shouted || !term->starts_sentence ||
            (term->sets & (LIST_BIT(LIST_FIRST_NAMES) | LIST_BIT(LIST_TITLES))) != 0)
            return FAULT_PERSON_NAME;
    }
    return FAULT_NONE;
}
