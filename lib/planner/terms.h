// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// Text as the checks see it: characters by kind, and words without case and accents, so that
// "Âgé" and "age" are one word. Made for English and French: letters are those of Latin-1 and Latin
// Extended-A; whatever else a text could hide something in (other scripts, look-alikes, full-width
// forms, characters of no width, marks that combine) is an odd character. Pure functions, any
// thread.

enum glyph_kind {
    GLYPH_LETTER,
    GLYPH_DIGIT,
    GLYPH_BLANK, // also the no-break spaces of French
    GLYPH_PUNCTUATION,
    GLYPH_PICTURE, // an emoji or another symbol of one character
    GLYPH_BREAK,   // ends a line
    GLYPH_ODD,
};

struct glyph {
    uint32_t code; // the code point
    size_t len;    // bytes
    enum glyph_kind kind;
    char base[3]; // of a letter or digit: without accents, case kept ("OE" of one character)
};

// Those of a byte below 0x80, and of more bytes.
enum glyph_kind glyph_kind_of_sign(uint8_t sign);
struct glyph glyph_decode(struct bytes text, size_t at);

// The character that begins at `at` (< text.len) of well-formed UTF-8. In the header since most
// are letters of one byte, and each is looked at a few times.
static inline struct glyph glyph_at(struct bytes text, size_t at)
{
    uint8_t byte = text.data[at];
    if (byte >= 0x80)
        return glyph_decode(text, at);
    struct glyph glyph = {.code = byte, .len = 1, .kind = GLYPH_LETTER, .base = {(char)byte}};
    if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')
        return glyph;
    glyph.kind = glyph_kind_of_sign(byte);
    if (glyph.kind != GLYPH_DIGIT)
        glyph.base[0] = '\0';
    return glyph;
}

// Longer words are cut.
enum { TERM_MAX = 31 };

// A run of letters and digits; an apostrophe or a hyphen ends it ("l'âge" is "l" and "age").
struct term {
    char text[TERM_MAX + 1]; // folded: a-z and 0-9, with zeros behind
    uint64_t hash;           // of it
    unsigned sets;           // the word lists that hold it, once lists_mark has looked (lists.h)
    size_t at, end;          // its bytes in the text
    size_t letters, digits;
    bool is_capital;      // begins with a capital, and small letters follow, or stands alone
    bool is_all_capitals; // two letters and more
    bool starts_sentence; // the first word, and one behind . ! ? : or an ellipsis
    bool is_repeated;     // of an action's words: it stands before, too
};

bool terms_are_same(const struct term *a, const struct term *b);

// The next word at or behind *at, which moves behind it; false where there is none.
bool terms_next(struct bytes text, size_t *at, struct term *ret);

// All words of an action.
enum { TERMS_MAX = 160 };
struct terms {
    struct term list[TERMS_MAX];
    size_t count;
    uint64_t bits; // one for each word, by its hash: most words that are not there have another
};
// The first TERMS_MAX words.
void terms_of(struct bytes text, struct terms *ret);

// The share of words, counted once each, that both have: 0 to 1 (the Jaccard index); 1 where both
// have none.
double terms_overlap(const struct terms *a, const struct terms *b);
