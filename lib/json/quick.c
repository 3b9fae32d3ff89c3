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
    struct scan scan;
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
    for (struct bytes run = first;; run = scan_plain(&quick->scan)) {
        memcpy(quick->scratch + len, run.data, run.len);
        len += run.len;
        if (scan_char(&quick->scan, '"'))
            break;
        char c = scan_char(&quick->scan, '\\') && quick->scan.at < quick->scan.end
                     ? unescaped(*quick->scan.at++)
                     : '\0';
        if (c == '\0')
            return false;
        quick->scratch[len++] = c;
    }
    *ret = bytes_of(quick->scratch, len);
    return true;
}

static json_t *read_string(struct quick *quick)
{
    struct bytes text = scan_plain(&quick->scan);
    if (!scan_char(&quick->scan, '"') && !read_escaped(quick, text, &text))
        return NULL;
    return json_stringn_nocheck((const char *)text.data, text.len);
}

static size_t scan_digits(struct scan *scan)
{
    const uint8_t *from = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return (size_t)(scan->at - from);
}

// Behind the whole digits; false: malformed.
static bool scan_fraction(struct scan *scan, bool *ret_is_real)
{
    if (scan_char(scan, '.')) {
        *ret_is_real = true;
        if (scan_digits(scan) == 0)
            return false;
    }
    if (scan_char(scan, 'e') || scan_char(scan, 'E')) {
        *ret_is_real = true;
        if (!scan_char(scan, '-'))
            IGNORE(scan_char(scan, '+')); // may stand there
        return scan_digits(scan) > 0;
    }
    return true;
}

static bool read_real(const uint8_t *from, size_t len, struct value *ret)
{
    char text[NUMBER_MAX + 1];
    if (len > NUMBER_MAX)
        return false;
    memcpy(text, from, len);
    text[len] = '\0';
    *ret = (struct value){.kind = VALUE_REAL, .real = strtod(text, NULL)};
    return isfinite(ret->real);
}

bool scan_number(struct scan *scan, struct value *ret)
{
    const uint8_t *from = scan->at;
    bool is_negative = scan_char(scan, '-'), is_real = false;
    const uint8_t *first = scan->at;
    size_t digits = scan_digits(scan);
    if (digits == 0 || digits > DIGITS_MAX || (*first == '0' && digits > 1))
        return false;
    int64_t whole = 0;
    for (size_t i = 0; i < digits; i++)
        whole = whole * 10 + (first[i] - '0');
    if (!scan_fraction(scan, &is_real))
        return false;
    if (is_real)
        return read_real(from, (size_t)(scan->at - from), ret);
    *ret = (struct value){.kind = VALUE_INTEGER, .integer = is_negative ? -whole : whole};
    return true;
}

static json_t *read_number(struct quick *quick)
{
    struct value value;
    if (!scan_number(&quick->scan, &value))
        return NULL;
    return value.kind == VALUE_INTEGER ? json_integer(value.integer) : json_real(value.real);
}

static json_t *read_word(struct quick *quick, const char *word, json_t *value)
{
    size_t len = strlen(word);
    if ((size_t)(quick->scan.end - quick->scan.at) < len || memcmp(quick->scan.at, word, len) != 0)
        return NULL;
    quick->scan.at += len;
    return value;
}

// The quote of the name was read.
static bool read_member(struct quick *quick, json_t *object)
{
    struct bytes name = scan_plain(&quick->scan);
    size_t members = json_object_size(object);
    if (!scan_char(&quick->scan, '"'))
        return false;
    scan_blanks(&quick->scan);
    if (!scan_char(&quick->scan, ':'))
        return false;
    // A name that was there keeps the number of members.
    return json_object_setn_new_nocheck(object, (const char *)name.data, name.len,
                                        read_value(quick)) == 0 &&
           json_object_size(object) > members;
}

static bool read_members(struct quick *quick, json_t *object)
{
    scan_blanks(&quick->scan);
    if (scan_char(&quick->scan, '}'))
        return true;
    do {
        scan_blanks(&quick->scan);
        if (!scan_char(&quick->scan, '"') || !read_member(quick, object))
            return false;
        scan_blanks(&quick->scan);
    } while (scan_char(&quick->scan, ','));
    return scan_char(&quick->scan, '}');
}

static bool read_items(struct quick *quick, json_t *array)
{
    scan_blanks(&quick->scan);
    if (scan_char(&quick->scan, ']'))
        return true;
    do {
        if (json_array_append_new(array, read_value(quick)) != 0)
            return false;
        scan_blanks(&quick->scan);
    } while (scan_char(&quick->scan, ','));
    return scan_char(&quick->scan, ']');
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
    scan_blanks(&quick->scan);
    if (scan_char(&quick->scan, '"'))
        return read_string(quick);
    if (scan_char(&quick->scan, '{'))
        return read_nested(quick, json_object(), read_members);
    if (scan_char(&quick->scan, '['))
        return read_nested(quick, json_array(), read_items);
    if (quick->scan.at == quick->scan.end)
        return NULL;
    switch (*quick->scan.at) {
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
    struct quick quick = {.scan = {in.data, in.data + in.len}, .len = in.len, .depth = max_depth};
    if (in.len == 0 || !utf8_is_valid(in))
        return NULL;
    json_t *root = read_value(&quick);
    scan_blanks(&quick.scan);
    free(quick.scratch);
    if (root != NULL && quick.scan.at == quick.scan.end)
        return root;
    json_decref(root);
    return NULL;
}
