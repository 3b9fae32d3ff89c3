// SPDX-License-Identifier: MIT
#include "json/quick.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// jansson reads byte by byte, through a callback and into a growing buffer: some hundred
// instructions for each byte. Here runs of bytes are taken at once, and the tree is jansson's. What
// is rare is left to jansson, and so is every refusal with its words: escapes of code points,
// escapes in names, names that occur twice, numbers beyond 18 digits or any double. So nothing is
// read here that jansson would refuse or read otherwise; the unit test compares.

enum { NUMBER_MAX = 40, DIGITS_MAX = 18 };

struct quick {
    const uint8_t *at, *end;
    char *scratch; // a string without its escapes, no longer than the document; NULL: none yet
    size_t len;    // of the document
    unsigned depth;
};

static json_t *read_value(struct quick *quick);

size_t json_plain(const uint8_t *data, size_t len)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    size_t at = 0;
    for (; len - at >= sizeof ones; at += sizeof ones) {
        // A byte's high bit: it is below 0x20, or zero once the quote's or the backslash's bits are
        // flipped.
        uint64_t eight = 0;
        memcpy(&eight, data + at, sizeof eight);
        uint64_t quote = eight ^ ones * '"', slash = eight ^ ones * '\\';
        uint64_t found = (((eight - ones * 0x20) & ~eight) | ((quote - ones) & ~quote) |
                          ((slash - ones) & ~slash)) &
                         highs;
        if (found == 0)
            continue;
        if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) // the lowest bit is certain, others not
            return at + (size_t)__builtin_ctzll(found) / 8;
        break;
    }
    while (at < len && data[at] >= 0x20 && data[at] != '"' && data[at] != '\\')
        at++;
    return at;
}

static void skip_blanks(struct quick *quick)
{
    while (quick->at < quick->end &&
           (*quick->at == ' ' || *quick->at == '\n' || *quick->at == '\r' || *quick->at == '\t'))
        quick->at++;
}

static bool skip(struct quick *quick, char c)
{
    bool is_there = quick->at < quick->end && *quick->at == (uint8_t)c;
    quick->at += is_there;
    return is_there;
}

static struct bytes take_plain(struct quick *quick)
{
    struct bytes run = bytes_of(quick->at, json_plain(quick->at, (size_t)(quick->end - quick->at)));
    quick->at += run.len;
    return run;
}

// What stands behind a backslash for one character; NUL: something else.
static char unescaped(uint8_t c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *place = c == '\0' ? NULL : strchr(from, c);
    return place == NULL ? '\0' : to[place - from];
}

// The rest of a string behind its first run, without the escapes.
static bool read_escaped(struct quick *quick, struct bytes first, struct bytes *ret)
{
    size_t len = 0;
    if (quick->scratch == NULL)
        quick->scratch = mem_array(quick->len, 1);
    for (struct bytes run = first;; run = take_plain(quick)) {
        memcpy(quick->scratch + len, run.data, run.len);
        len += run.len;
        if (skip(quick, '"'))
            break;
        char c = skip(quick, '\\') && quick->at < quick->end ? unescaped(*quick->at++) : '\0';
        if (c == '\0')
            return false;
        quick->scratch[len++] = c;
    }
    *ret = bytes_of(quick->scratch, len);
    return true;
}

static json_t *read_string(struct quick *quick)
{
    struct bytes text = take_plain(quick);
    if (!skip(quick, '"') && !read_escaped(quick, text, &text))
        return NULL;
    return json_stringn_nocheck((const char *)text.data, text.len);
}

static size_t skip_digits(struct quick *quick)
{
    const uint8_t *from = quick->at;
    while (quick->at < quick->end && *quick->at >= '0' && *quick->at <= '9')
        quick->at++;
    return (size_t)(quick->at - from);
}

// RFC 8259 section 6.
static json_t *read_number(struct quick *quick)
{
    const uint8_t *from = quick->at;
    char text[NUMBER_MAX + 1];
    bool is_real = false;
    IGNORE(skip(quick, '-')); // may stand there
    bool is_zero = quick->at < quick->end && *quick->at == '0';
    size_t digits = skip_digits(quick);
    if (digits == 0 || digits > DIGITS_MAX || (is_zero && digits > 1))
        return NULL;
    if (skip(quick, '.')) {
        is_real = true;
        if (skip_digits(quick) == 0)
            return NULL;
    }
    if (skip(quick, 'e') || skip(quick, 'E')) {
        is_real = true;
        if (!skip(quick, '-'))
            IGNORE(skip(quick, '+')); // may stand there
        if (skip_digits(quick) == 0)
            return NULL;
    }
    size_t len = (size_t)(quick->at - from);
    if (len > NUMBER_MAX)
        return NULL;
    memcpy(text, from, len);
    text[len] = '\0';
    if (!is_real)
        return json_integer(strtoll(text, NULL, 10));
    double value = strtod(text, NULL);
    return isfinite(value) ? json_real(value) : NULL;
}

static json_t *read_word(struct quick *quick, const char *word, json_t *value)
{
    size_t len = strlen(word);
    if ((size_t)(quick->end - quick->at) < len || memcmp(quick->at, word, len) != 0)
        return NULL;
    quick->at += len;
    return value;
}

// The quote of the name was read.
static bool read_member(struct quick *quick, json_t *object)
{
    struct bytes name = take_plain(quick);
    size_t members = json_object_size(object);
    if (!skip(quick, '"'))
        return false;
    skip_blanks(quick);
    if (!skip(quick, ':'))
        return false;
    // A name that was there keeps the number of members.
    return json_object_setn_new_nocheck(object, (const char *)name.data, name.len,
                                        read_value(quick)) == 0 &&
           json_object_size(object) > members;
}

static bool read_members(struct quick *quick, json_t *object)
{
    skip_blanks(quick);
    if (skip(quick, '}'))
        return true;
    do {
        skip_blanks(quick);
        if (!skip(quick, '"') || !read_member(quick, object))
            return false;
        skip_blanks(quick);
    } while (skip(quick, ','));
    return skip(quick, '}');
}

static bool read_items(struct quick *quick, json_t *array)
{
    skip_blanks(quick);
    if (skip(quick, ']'))
        return true;
    do {
        if (json_array_append_new(array, read_value(quick)) != 0)
            return false;
        skip_blanks(quick);
    } while (skip(quick, ','));
    return skip(quick, ']');
}

static json_t *read_nested(struct quick *quick, json_t *value,
                           bool (*read)(struct quick *quick, json_t *value))
{
    bool is_read = false;
    if (quick->depth > 0) {
        quick->depth--;
        is_read = read(quick, value);
        quick->depth++;
    }
    if (is_read)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *read_value(struct quick *quick)
{
    skip_blanks(quick);
    if (skip(quick, '"'))
        return read_string(quick);
    if (skip(quick, '{'))
        return read_nested(quick, json_object(), read_members);
    if (skip(quick, '['))
        return read_nested(quick, json_array(), read_items);
    if (quick->at == quick->end)
        return NULL;
    switch (*quick->at) {
    case 't':
        return read_word(quick, "true", json_true());
    case 'f':
        return read_word(quick, "false", json_false());
    case 'n':
        return read_word(quick, "null", json_null());
    default:
        return read_number(quick);
    }
}

json_t *json_quick(struct bytes in, unsigned max_depth)
{
    struct quick quick = {
        .at = in.data, .end = in.data + in.len, .len = in.len, .depth = max_depth};
    if (in.len == 0 || !utf8_is_valid(in))
        return NULL;
    json_t *root = read_value(&quick);
    skip_blanks(&quick);
    free(quick.scratch);
    if (root != NULL && quick.at == quick.end)
        return root;
    json_decref(root);
    return NULL;
}
