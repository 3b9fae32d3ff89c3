// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// Growing doubles the capacity, so appending n bytes costs O(n) in all; the ceiling bounds len, and
// the NUL behind it makes the bytes usable as a C string.

struct bytes bytes_from_string(const char *string)
{
    return bytes_of(string, string == NULL ? 0 : strlen(string));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool bytes_equal_string(struct bytes a, const char *string)
{
    return bytes_equal(a, bytes_from_string(string));
}

void text_done(struct text *text)
{
    free(text->data);
    *text = (struct text){.ceiling = text->ceiling};
}

void text_clear(struct text *text)
{
    text->len = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

char *text_room(struct text *text, size_t len)
{
    if (len > text->ceiling || text->len > text->ceiling - len)
        return NULL;
    size_t need = text->len + len + 1;
    if (need > text->capacity) {
        size_t grown = text->capacity < 64 ? 64 : text->capacity * 2;
        if (grown < need)
            grown = need;
        text->data = mem_grow(text->data, grown, 1);
        text->capacity = grown;
    }
    return text->data + text->len;
}

enum err text_append(struct text *text, const void *data, size_t len)
{
    char *room = text_room(text, len);
    if (room == NULL)
        return ERR_REJECT;
    if (len > 0)
        memcpy(room, data, len);
    text->len += len;
    text->data[text->len] = '\0';
    return ERR_OK;
}

enum err text_append_string(struct text *text, const char *string)
{
    return text_append(text, string, strlen(string));
}

enum err text_vprintf(struct text *text, const char *format, __builtin_va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        return ERR_REJECT;
    char *room = text_room(text, (size_t)len);
    if (room == NULL)
        return ERR_REJECT;
    vsnprintf(room, (size_t)len + 1, format, args);
    text->len += (size_t)len;
    return ERR_OK;
}

enum err text_printf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum err err = text_vprintf(text, format, args);
    va_end(args);
    return err;
}

struct bytes text_bytes(const struct text *text)
{
    return bytes_of(text->data, text->len);
}

const char *text_string(const struct text *text)
{
    return text->data == NULL ? "" : text->data;
}

char *text_take(struct text *text)
{
    char *data = text->data == NULL ? mem_dup("") : text->data;
    *text = (struct text){.ceiling = text->ceiling};
    return data;
}

// Kept free for the words at the end.
enum { LIST_END_BYTES = 32 };

void text_list_add(struct text *list, size_t *left_out, struct bytes name)
{
    const char *comma = list->len > 0 ? ", " : "";
    size_t len = list->len + strlen(comma) + name.len + LIST_END_BYTES;
    if (*left_out > 0 || len > list->ceiling) {
        *left_out += 1;
        return;
    }
    IGNORE(text_append_string(list, comma)); // both fit, as was just seen
    IGNORE(text_append(list, name.data, name.len));
}

void text_list_end(struct text *list, size_t left_out)
{
    if (left_out > 0) // without the words the list is cut, and nothing else
        IGNORE(text_printf(list, "%s%zu more", list->len > 0 ? ", and " : "", left_out));
}

// RFC 3629 section 4, one character at `at`: its length, 0 where it is not well formed.
static size_t utf8_length(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    size_t len = lead < 0x80   ? 1
                 : lead < 0xc2 ? 0
                 : lead < 0xe0 ? 2
                 : lead < 0xf0 ? 3
                 : lead < 0xf5 ? 4
                               : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool is_overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool is_surrogate = lead == 0xed && at[1] > 0x9f;
    bool is_beyond = lead == 0xf4 && at[1] > 0x8f;
    return is_overlong || is_surrogate || is_beyond ? 0 : len;
}

bool utf8_is_valid(struct bytes bytes)
{
    size_t i = 0;
    while (i < bytes.len) {
        uint64_t eight = 0;
        if (bytes.len - i >= sizeof eight) {
            memcpy(&eight, bytes.data + i, sizeof eight);
            if ((eight & 0x8080808080808080U) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t len = utf8_length(bytes.data + i, bytes.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

bool text_is_printable(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] == 0x7f)
            return false;
    return true;
}
