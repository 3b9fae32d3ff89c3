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

static enum glyph_kind kind_of_ascii(uint32_t code)
{
    if ((code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z'))
        return GLYPH_LETTER;
    if (code >= '0' && code <= '9')
        return GLYPH_DIGIT;
    if (code >= '\n' && code <= '\r')
        return GLYPH_BREAK;
    if (code == ' ')
        return GLYPH_BLANK;
    return code < ' ' || code == 0x7f ? GLYPH_ODD : GLYPH_PUNCTUATION;
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
    if (code < 0x80)
        return kind_of_ascii(code);
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

struct glyph glyph_at(struct bytes text, size_t at)
{
    struct glyph glyph = {0};
    glyph.len = decode(text, at, &glyph.code);
    glyph.kind = kind_of(glyph.code);
    if (glyph.kind != GLYPH_LETTER && glyph.kind != GLYPH_DIGIT)
        return glyph;
    glyph.base[0] = glyph.code < 0x80    ? (char)glyph.code
                    : glyph.code < 0x100 ? latin_1[glyph.code - 0xc0]
                                         : extended_a[glyph.code - 0x100];
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

static void add(struct term *word, const struct glyph *glyph)
{
    size_t len = strlen(word->text);
    for (const char *c = glyph->base; *c != '\0' && len < TERM_MAX; c++)
        word->text[len++] = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
}

bool terms_next(struct bytes text, size_t *at, struct term *ret)
{
    struct term word = {.starts_sentence = *at == 0};
    struct glyph glyph = {0};
    size_t i = *at, capitals = 0;
    for (; i < text.len; i += glyph.len) {
        glyph = glyph_at(text, i);
        if (is_part(&glyph))
            break;
        word.starts_sentence = word.starts_sentence || ends_sentence(glyph.code);
    }
    if (i >= text.len)
        return false;
    word.at = i;
    bool begins_capital = is_upper(&glyph);
    for (; i < text.len; i += glyph.len) {
        glyph = glyph_at(text, i);
        if (!is_part(&glyph))
            break;
        capitals += is_upper(&glyph) ? 1 : 0;
        *(glyph.kind == GLYPH_LETTER ? &word.letters : &word.digits) += 1;
        add(&word, &glyph);
    }
    word.end = *at = i;
    word.is_all_capitals = capitals > 1 && capitals == word.letters;
    word.is_capital = begins_capital && !word.is_all_capitals;
    *ret = word;
    return true;
}

void terms_of(struct bytes text, struct terms *ret)
{
    size_t at = 0;
    ret->count = 0;
    while (ret->count < TERMS_MAX && terms_next(text, &at, &ret->list[ret->count]))
        ret->count++;
}

static bool holds(const struct terms *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words->list[i].text, text) == 0)
            return true;
    return false;
}

double terms_overlap(const struct terms *a, const struct terms *b)
{
    size_t both = 0, all = 0;
    for (size_t i = 0; i < a->count; i++)
        if (!holds(a, i, a->list[i].text)) {
            all++;
            both += holds(b, b->count, a->list[i].text) ? 1 : 0;
        }
    for (size_t i = 0; i < b->count; i++)
        if (!holds(b, i, b->list[i].text) && !holds(a, a->count, b->list[i].text))
            all++;
    return all == 0 ? 1 : (double)both / (double)all;
}
