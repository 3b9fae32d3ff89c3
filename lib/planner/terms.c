// SPDX-License-Identifier: MIT
// Folding is a table of two blocks of Unicode, which hold every letter of English and French and of
// most names in the Latin script. A full table of all scripts would be larger and weaker: what
// looks like a Latin letter and is none is better refused than guessed.

#include "planner/terms.h"

#include <string.h>

#include "base/compiler.h"

// Letters without their marks, U+00C0 to U+00FF and U+0100 to U+017F.
static const char latin_1[] = "AAAAAAACEEEEIIIIDNOOOOO OUUUUYTsaaaaaaaceeeeiiiidnooooo ouuuuyty";
static const char extended_a[] = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLl"
                                 "LlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

// Those that stand for two letters: the second one.
static char second_letter(uint32_t code)
{
    switch (code) {
    case 0xc6:  // AE
    case 0x152: // OE
        return 'E';
    case 0xe6:
    case 0x153:
        return 'e';
    case 0xde: // thorn
    case 0xfe:
        return 'h';
    case 0xdf: // sharp s
        return 's';
    case 0x132: // IJ
        return 'J';
    case 0x133:
        return 'j';
    default:
        return '\0';
    }
}

static size_t decode(struct bytes text, size_t at, uint32_t *ret)
{
    static const uint8_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    uint8_t lead = text.data[at];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code = lead & masks[len - 1];
    for (size_t i = 1; i < len && at + i < text.len; i++)
        code = code << 6 | (text.data[at + i] & 0x3fU);
    *ret = code;
    return len < text.len - at ? len : text.len - at;
}

enum glyph_kind glyph_kind_of_sign(uint8_t sign)
{
    if (sign == ' ')
        return GLYPH_BLANK;
    if (sign >= '0' && sign <= '9')
        return GLYPH_DIGIT;
    if (sign >= '\n' && sign <= '\r')
        return GLYPH_BREAK;
    return sign < ' ' || sign == 0x7f ? GLYPH_ODD : GLYPH_PUNCTUATION;
}

static bool is_among(uint32_t code, const uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == code)
            return true;
    return false;
}

static enum glyph_kind kind_of(uint32_t code)
{
    static const uint32_t blanks[] = {0xa0, 0x2009, 0x202f};
    static const uint32_t breaks[] = {0x85, 0x2028, 0x2029};
    // Currency signs, quotes, degree, middle dot, half, times, ellipsis.
    static const uint32_t marks[] = {0xa3, 0xa5,   0xab,   0xb0,   0xb7,   0xbb,   0xbd,
                                     0xd7, 0x2018, 0x2019, 0x201c, 0x201d, 0x2026, 0x20ac};
    if (code >= 0xc0 && code <= 0x17f && code != 0xd7 && code != 0xf7)
        return GLYPH_LETTER;
    if (is_among(code, blanks, ARRAY_LEN(blanks)))
        return GLYPH_BLANK;
    if (is_among(code, breaks, ARRAY_LEN(breaks)))
        return GLYPH_BREAK;
    if (is_among(code, marks, ARRAY_LEN(marks)) || (code >= 0x2010 && code <= 0x2015))
        return GLYPH_PUNCTUATION;
    if ((code >= 0x2600 && code <= 0x27bf) || (code >= 0x1f300 && code <= 0x1faff))
        return GLYPH_PICTURE;
    return GLYPH_ODD;
}

struct glyph glyph_decode(struct bytes text, size_t at)
{
    struct glyph glyph = {0};
    glyph.len = decode(text, at, &glyph.code);
    glyph.kind = kind_of(glyph.code);
    if (glyph.kind != GLYPH_LETTER)
        return glyph;
    glyph.base[0] =
        glyph.code < 0x100 ? latin_1[glyph.code - 0xc0] : extended_a[glyph.code - 0x100];
    glyph.base[1] = second_letter(glyph.code);
    return glyph;
}

static bool is_upper(const struct glyph *glyph)
{
    return glyph->kind == GLYPH_LETTER && glyph->base[0] >= 'A' && glyph->base[0] <= 'Z';
}

static bool ends_sentence(uint32_t code)
{
    return code == '.' || code == '!' || code == '?' || code == ':' || code == 0x2026;
}

static bool is_part(const struct glyph *glyph)
{
    return glyph->kind == GLYPH_LETTER || glyph->kind == GLYPH_DIGIT;
}

// A word while it is read.
struct reading {
    struct term *word;
    size_t len, capitals;
};

// Appends to the folded text and its hash (FNV-1a).
static void add(struct reading *reading, char small)
{
    struct term *word = reading->word;
    if (reading->len == TERM_MAX)
        return;
    word->text[reading->len++] = small;
    word->hash = (word->hash ^ (uint8_t)small) * UINT64_C(0x100000001b3);
}

// A run of letters of one byte, which most are; behind it.
static size_t add_letters(struct reading *reading, struct bytes text, size_t at)
{
    size_t from = at;
    for (; at < text.len && (text.data[at] | 0x20) >= 'a' && (text.data[at] | 0x20) <= 'z'; at++) {
        reading->capitals += (text.data[at] & 0x20) == 0;
        add(reading, (char)(text.data[at] | 0x20));
    }
    reading->word->letters += at - from;
    return at;
}

static void add_glyph(struct reading *reading, const struct glyph *glyph)
{
    reading->capitals += is_upper(glyph);
    *(glyph->kind == GLYPH_LETTER ? &reading->word->letters : &reading->word->digits) += 1;
    for (const char *c = glyph->base; *c != '\0'; c++)
        add(reading, (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c));
}

bool terms_next(struct bytes text, size_t *at, struct term *ret)
{
    struct glyph glyph = {0};
    size_t i = *at;
    bool starts_sentence = i == 0;
    for (; i < text.len; i += glyph.len) {
        glyph = glyph_at(text, i);
        if (is_part(&glyph))
            break;
        starts_sentence = starts_sentence || ends_sentence(glyph.code);
    }
    if (i >= text.len)
        return false;
    *ret = (struct term){
        .hash = UINT64_C(0xcbf29ce484222325), .at = i, .starts_sentence = starts_sentence};
    struct reading reading = {.word = ret};
    bool begins_capital = is_upper(&glyph);
    for (; (i = add_letters(&reading, text, i)) < text.len; i += glyph.len) {
        glyph = glyph_at(text, i);
        if (!is_part(&glyph))
            break;
        add_glyph(&reading, &glyph);
    }
    ret->end = *at = i;
    ret->is_all_capitals = reading.capitals > 1 && reading.capitals == ret->letters;
    ret->is_capital = begins_capital && !ret->is_all_capitals;
    return true;
}

bool terms_are_same(const struct term *a, const struct term *b)
{
    return a->hash == b->hash && strcmp(a->text, b->text) == 0;
}

static uint64_t bit_of(const struct term *word)
{
    return UINT64_C(1) << (word->hash >> 58);
}

static bool holds(const struct terms *words, const struct term *word)
{
    bool is_there = false;
    for (size_t i = 0; i < words->count && (words->bits & bit_of(word)) != 0 && !is_there; i++)
        is_there = terms_are_same(&words->list[i], word);
    return is_there;
}

void terms_of(struct bytes text, struct terms *ret)
{
    size_t at = 0;
    ret->count = 0;
    ret->bits = 0;
    while (ret->count < TERMS_MAX && terms_next(text, &at, &ret->list[ret->count])) {
        struct term *word = &ret->list[ret->count];
        word->is_repeated = holds(ret, word);
        ret->bits |= bit_of(word);
        ret->count++;
    }
}

double terms_overlap(const struct terms *a, const struct terms *b)
{
    size_t both = 0, all = 0;
    for (size_t i = 0; i < a->count; i++)
        if (!a->list[i].is_repeated) {
            all++;
            both += holds(b, &a->list[i]) ? 1 : 0;
        }
    for (size_t i = 0; i < b->count; i++)
        all += b->list[i].is_repeated ? 0 : 1;
    all -= both;
    return all == 0 ? 1 : (double)both / (double)all;
}
