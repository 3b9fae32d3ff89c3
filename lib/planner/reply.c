// SPDX-License-Identifier: MIT
// jansson refuses half a surrogate pair, as it should. But a model's text comes in parts, and a
// server that cuts it between UTF-16 units leaves a half at the end of one part and its other half
// at the beginning of the next. So a body that does not parse is tried once more with each half
// written as U+0001 and its four digits, which JSON allows, and which no plan may hold (a control
// character is not allowed inside JSON's strings, and a plan is JSON inside the text).

#include "planner/reply.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "planner/provider.h"

enum { HALF = 1, DEPTH_MAX = 32, MARKED_MAX = 2 * PROVIDER_REPLY_MAX };

// Four hex digits; 0 where they are not there.
static unsigned unit_at(const char *at, size_t left)
{
    unsigned unit = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned digit = 16;
        if (i < left && at[i] >= '0' && at[i] <= '9')
            digit = (unsigned)(at[i] - '0');
        else if (i < left && (at[i] | 0x20) >= 'a' && (at[i] | 0x20) <= 'f')
            digit = (unsigned)((at[i] | 0x20) - 'a') + 10;
        if (digit == 16)
            return 0;
        unit = unit << 4 | digit;
    }
    return unit;
}

// The unit that "\uXXXX" at `at` stands for; 0 where there is no such escape.
static unsigned escape_at(struct bytes in, size_t at)
{
    if (at >= in.len || in.len - at < 6 || memcmp(in.data + at, "\\u", 2) != 0)
        return 0;
    return unit_at((const char *)in.data + at + 2, 4);
}

static bool is_high(unsigned unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(unsigned unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

static enum err mark_halves(struct bytes in, struct text *out)
{
    enum err err = ERR_OK;
    size_t from = 0, at = 0;
    while (err == ERR_OK && at < in.len) {
        unsigned unit = escape_at(in, at);
        if (is_high(unit) && is_low(escape_at(in, at + 6))) {
            at += 12;
        } else if (is_high(unit) || is_low(unit)) {
            err = text_append(out, in.data + from, at - from);
            if (err == ERR_OK)
                err = text_printf(out, "\\u%04x%04x", (unsigned)HALF, unit);
            from = at += 6;
        } else {
            at += in.data[at] == '\\' ? 2 : 1;
        }
    }
    return err == ERR_OK && from < in.len ? text_append(out, in.data + from, in.len - from) : err;
}

bool reply_parse(struct bytes body, struct json **ret_document, const struct json **ret_root)
{
    CLEANUP(text_done) struct text marked = TEXT_INIT(MARKED_MAX);
    if (body.len >= 3 && memcmp(body.data, "\xef\xbb\xbf", 3) == 0)
        body = bytes_of(body.data + 3, body.len - 3);
    enum err err = json_parse(body, PROVIDER_REPLY_MAX, DEPTH_MAX, ret_document, NULL);
    if (err != ERR_OK && body.len <= PROVIDER_REPLY_MAX) {
        err = mark_halves(body, &marked);
        if (err == ERR_OK)
            err = json_parse(text_bytes(&marked), MARKED_MAX, DEPTH_MAX, ret_document, NULL);
    }
    if (err != ERR_OK)
        return false;
    bool is_array = json_kind(*ret_document) == JSON_KIND_ARRAY;
    *ret_root =
        is_array && json_count(*ret_document) > 0 ? json_at(*ret_document, 0) : *ret_document;
    return true;
}

// A supplementary character (RFC 3629 section 3) from its two halves.
static void put_pair(char *to, unsigned high, unsigned low)
{
    unsigned point = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
    to[0] = (char)(0xf0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3f));
    to[2] = (char)(0x80 | (point >> 6 & 0x3f));
    to[3] = (char)(0x80 | (point & 0x3f));
}

// The half at `at`; 0 where there is none.
static unsigned half_at(const struct text *text, size_t at)
{
    return at < text->len && text->data[at] == HALF
               ? unit_at(text->data + at + 1, text->len - at - 1)
               : 0;
}

bool reply_join_halves(struct text *text)
{
    size_t to = 0, at = 0;
    while (at < text->len) {
        if (text->data[at] != HALF) {
            text->data[to++] = text->data[at++];
            continue;
        }
        unsigned high = half_at(text, at), low = half_at(text, at + 5);
        if (!is_high(high) || !is_low(low))
            return false;
        put_pair(text->data + to, high, low);
        to += 4;
        at += 10;
    }
    if (to < text->len) {
        text->len = to;
        text->data[to] = '\0';
    }
    return true;
}

const char *reply_string(const struct json *node)
{
    return node != NULL && json_kind(node) == JSON_KIND_STRING ? json_as_string(node) : "";
}

bool reply_is_there(const struct json *node)
{
    return node != NULL && json_kind(node) != JSON_KIND_NULL;
}

int64_t reply_tokens(const struct json *object, const char *name)
{
    const struct json *node = json_member(object, name);
    if (node == NULL || json_kind(node) != JSON_KIND_INTEGER || json_as_integer(node) < 0)
        return 0;
    int64_t tokens = json_as_integer(node);
    return tokens < REPLY_TOKENS_MAX ? tokens : REPLY_TOKENS_MAX;
}

int64_t reply_delay_ms(const char *text)
{
    size_t len = strspn(text, "0123456789.");
    const char *unit = text + len;
    double number = 0, factor = strncmp(unit, "ms", 2) == 0 ? 1 : 1000;
    if ((factor == 1000 && unit[0] != 's') ||
        parse_double(bytes_of(text, len), &number, NULL) != ERR_OK)
        return 0;
    double ms = ceil(number * factor);
    return ms < (double)REPLY_DELAY_MAX_MS ? (int64_t)ms : REPLY_DELAY_MAX_MS;
}

struct date {
    char month[4];
    int day, year, hour, minute, second;
};

// RFC 9110 section 5.6.7: what is sent today, and two older forms that a recipient must know.
static bool scan_date(const char *text, struct date *ret)
{
    int end = 0;
    *ret = (struct date){0};
    if (sscanf(text, "%*3[a-zA-Z], %2d %3s %4d %2d:%2d:%2d GMT%n", &ret->day, ret->month,
               &ret->year, &ret->hour, &ret->minute, &ret->second, &end) == 6 &&
        end > 0)
        return true;
    if (sscanf(text, "%*3[a-zA-Z] %3s %2d %2d:%2d:%2d %4d%n", ret->month, &ret->day, &ret->hour,
               &ret->minute, &ret->second, &ret->year, &end) == 6 &&
        end > 0)
        return true;
    bool is_old = sscanf(text, "%*9[a-zA-Z], %2d-%3s-%2d %2d:%2d:%2d GMT%n", &ret->day, ret->month,
                         &ret->year, &ret->hour, &ret->minute, &ret->second, &end) == 6 &&
                  end > 0;
    ret->year += ret->year < 70 ? 2000 : 1900;
    return is_old;
}

static int64_t date_ms(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct date date;
    char plain[64];
    int64_t ms = 0;
    if (!scan_date(text, &date) || strlen(date.month) != 3)
        return 0;
    const char *month = strstr(months, date.month);
    if (month == NULL || (month - months) % 3 != 0)
        return 0;
    snprintf(plain, sizeof plain, "%04d-%02d-%02dT%02d:%02d:%02dZ", date.year,
             (int)(month - months) / 3 + 1, date.day, date.hour, date.minute, date.second);
    return parse_time_ms(bytes_from_string(plain), &ms, NULL) == ERR_OK ? ms : 0;
}

int64_t reply_retry_after_ms(struct bytes header, int64_t now_ms)
{
    char text[64];
    int64_t seconds = 0;
    if (header.len == 0 || header.len >= sizeof text)
        return 0;
    memcpy(text, header.data, header.len);
    text[header.len] = '\0';
    if (parse_i64(header, 0, REPLY_DELAY_MAX_MS / 1000, &seconds, NULL) == ERR_OK)
        return seconds * 1000;
    if (strspn(text, "0123456789") == header.len)
        return REPLY_DELAY_MAX_MS;
    int64_t wait_ms = date_ms(text) - now_ms;
    wait_ms = wait_ms < REPLY_DELAY_MAX_MS ? wait_ms : REPLY_DELAY_MAX_MS;
    return wait_ms > 0 ? wait_ms : 0;
}
