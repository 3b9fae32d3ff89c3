// SPDX-License-Identifier: MIT
#pragma once

// Where the parts of a well-formed JSON text stand, so that a test can damage one after the other.

#include <string.h>

#include "base/mem.h"

enum { SPANS_MAX = 16384 };

// A member of an object, or an element of an array (name_at is value_at then).
struct span {
    size_t name_at, value_at, end;
    char path[96]; // "linear.terms[].w"
};

struct spans {
    const char *text;
    size_t at;
    struct span *list;
    size_t count;
};

static inline void spans_skip_blanks(struct spans *spans)
{
    spans->at += strspn(spans->text + spans->at, " \t\r\n");
}

static inline void spans_skip_string(struct spans *spans)
{
    spans->at++;
    while (spans->text[spans->at] != '"')
        spans->at += spans->text[spans->at] == '\\' ? 2 : 1;
    spans->at++;
}

static inline void spans_walk(struct spans *spans, const char *path);

// A member and what is in it, or (is_element) an element.
static inline void spans_note(struct spans *spans, const char *path, bool is_element)
{
    struct span span = {.name_at = spans->at};
    if (is_element) {
        snprintf(span.path, sizeof span.path, "%s[]", path);
    } else {
        spans_skip_string(spans);
        const int name_len = (int)(spans->at - span.name_at) - 2;
        snprintf(span.path, sizeof span.path, "%s%s%.*s", path, path[0] == '\0' ? "" : ".",
                 name_len, spans->text + span.name_at + 1);
        spans_skip_blanks(spans);
        spans->at++; // the colon
        spans_skip_blanks(spans);
    }
    span.value_at = spans->at;
    const size_t place = spans->count++;
    assert_true(place < SPANS_MAX);
    spans_walk(spans, span.path);
    span.end = spans->at;
    spans->list[place] = span;
}

static inline void spans_walk(struct spans *spans, const char *path)
{
    spans_skip_blanks(spans);
    const char opens = spans->text[spans->at];
    if (opens == '"') {
        spans_skip_string(spans);
        return;
    }
    if (opens != '{' && opens != '[') {
        spans->at += strcspn(spans->text + spans->at, ",]} \n");
        return;
    }
    do {
        spans->at++;
        spans_skip_blanks(spans);
        if (strchr("]}", spans->text[spans->at]) != NULL)
            break;
        spans_note(spans, path, opens == '[');
        spans_skip_blanks(spans);
    } while (spans->text[spans->at] == ',');
    spans->at++;
}

// The caller frees the list.
static inline struct spans spans_of(const char *text)
{
    struct spans spans = {.text = text, .list = mem_array(SPANS_MAX, sizeof *spans.list)};
    spans_walk(&spans, "");
    return spans;
}
