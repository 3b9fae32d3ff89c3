// SPDX-License-Identifier: MIT
// The shape of an action: one line of ordinary characters, of the right length, that begins with a
// letter and ends as a sentence does.

#include "planner/check_parts.h"

static bool is_blank(enum glyph_kind kind)
{
    return kind == GLYPH_BLANK || kind == GLYPH_BREAK;
}

static bool is_tab(struct glyph glyph)
{
    return glyph.code == '\t';
}

// Of a text that is not empty.
static struct glyph last_glyph(struct bytes text)
{
    size_t at = text.len - 1;
    while (at > 0 && (text.data[at] & 0xc0) == 0x80)
        at--;
    return glyph_at(text, at);
}

struct bytes shape_trim(struct bytes text)
{
    while (text.len > 0) {
        struct glyph first = glyph_at(text, 0);
        if (!is_blank(first.kind) && !is_tab(first))
            break;
        text = bytes_of(text.data + first.len, text.len - first.len);
    }
    while (text.len > 0) {
        struct glyph last = last_glyph(text);
        if (!is_blank(last.kind) && !is_tab(last))
            break;
        text.len -= last.len;
    }
    return text;
}

static bool is_part_of_word(enum glyph_kind kind)
{
    return kind == GLYPH_LETTER || kind == GLYPH_DIGIT;
}

// A picture is no part of a word: letters on both sides of it would hide one.
static bool is_hiding(struct bytes action, size_t at, const struct glyph *picture,
                      enum glyph_kind before)
{
    size_t next = at + picture->len;
    return is_part_of_word(before) && next < action.len &&
           is_part_of_word(glyph_at(action, next).kind);
}

static enum fault check_characters(struct bytes action)
{
    enum glyph_kind before = GLYPH_BLANK;
    bool is_odd = false;
    size_t count = 0;
    for (size_t at = 0; at < action.len;) {
        struct glyph glyph = glyph_at(action, at);
        if (glyph.kind == GLYPH_BREAK)
            return FAULT_NOT_ONE_LINE;
        is_odd = is_odd || glyph.kind == GLYPH_ODD ||
                 (glyph.kind == GLYPH_PICTURE && is_hiding(action, at, &glyph, before));
        before = glyph.kind;
        at += glyph.len;
        count++;
    }
    if (count < ACTION_CHARACTERS_MIN || count > ACTION_CHARACTERS_MAX)
        return FAULT_WRONG_LENGTH;
    return is_odd ? FAULT_ODD_CHARACTERS : FAULT_NONE;
}

// A spreadsheet takes a cell that begins so for a formula.
static bool is_formula(struct bytes action)
{
    uint8_t first = action.len > 0 ? action.data[0] : ' ';
    return first == '=' || first == '+' || first == '-' || first == '@';
}

// The last character but for those that may close behind a full stop; 0: there is none. *text ends
// before it then.
static uint32_t last_sign(struct bytes *text)
{
    while (text->len > 0) {
        struct glyph glyph = last_glyph(*text);
        bool is_closing = glyph.code == ')' || glyph.code == '"' || glyph.code == 0xbb ||
                          glyph.code == 0x201d || glyph.code == 0x2019 ||
                          glyph.kind == GLYPH_BLANK || glyph.kind == GLYPH_PICTURE;
        text->len -= glyph.len;
        if (!is_closing)
            return glyph.code;
    }
    return 0;
}

// Three dots are no end.
static bool ends_as_sentence(struct bytes action)
{
    uint32_t last = last_sign(&action);
    return last == '!' || last == '?' || (last == '.' && last_sign(&action) != '.');
}

enum fault shape_check(struct bytes action)
{
    enum fault fault = check_characters(action);
    if (fault == FAULT_NONE && is_formula(action))
        fault = FAULT_FORMULA;
    if (fault == FAULT_NONE &&
        (glyph_at(action, 0).kind != GLYPH_LETTER || !ends_as_sentence(action)))
        fault = FAULT_NOT_A_SENTENCE;
    return fault;
}
