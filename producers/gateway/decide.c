// SPDX-License-Identifier: MIT
#include "decide.h"

#include <string.h>
#include <strings.h>

#include "base/parse.h"

enum decide_answer decide_ask(const struct decide_ask *ask)
{
    // A result is a result, whatever else is known: it is committed, and says that the record was.
    if (ask->has_reply)
        return DECIDE_RESULT;
    if (ask->is_unsent)
        return DECIDE_UNSENT;
    if (ask->is_due && ask->is_acknowledged && ask->is_stored)
        return DECIDE_ACCEPTED;
    if (ask->is_overdue)
        return ask->is_acknowledged ? DECIDE_UNSTORED : DECIDE_UNSENT;
    return DECIDE_WAIT;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// The next member of a list with commas between, without the blanks around it.
static bool next_member(const char **at, struct bytes *ret)
{
    const char *begin = *at;
    if (begin == NULL || *begin == '\0')
        return false;
    size_t len = strcspn(begin, ",");
    *at = begin[len] == ',' ? begin + len + 1 : begin + len;
    while (len > 0 && is_blank(*begin))
        begin++, len--;
    while (len > 0 && is_blank(begin[len - 1]))
        len--;
    *ret = bytes_of(begin, len);
    return true;
}

// What stands in front of the first ';', without the blanks behind it.
static struct bytes before_parameters(struct bytes member)
{
    const uint8_t *semicolon = member.len == 0 ? NULL : memchr(member.data, ';', member.len);
    if (semicolon != NULL)
        member.len = (size_t)(semicolon - member.data);
    while (member.len > 0 && is_blank((char)member.data[member.len - 1]))
        member.len--;
    return member;
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && strncasecmp((const char *)text.data, word, text.len) == 0;
}

int64_t decide_wait_ms(const char *prefer, int64_t standard_ms, bool *ret_is_asked)
{
    static const char wait[] = "wait=";
    struct bytes member = {0};
    *ret_is_asked = false;
    while (next_member(&prefer, &member)) {
        struct bytes preference = before_parameters(member);
        int64_t seconds = 0;
        bool is_wait = preference.len > sizeof wait - 1 &&
                       strncasecmp((const char *)preference.data, wait, sizeof wait - 1) == 0 &&
                       parse_i64(bytes_of(preference.data + sizeof wait - 1,
                                          preference.len - (sizeof wait - 1)),
                                 0, INT64_MAX, &seconds, NULL) == ERR_OK;
        if (!is_wait && !is_word(preference, "respond-async"))
            continue;
        *ret_is_asked = true;
        return seconds < DECIDE_WAIT_MOST_MS / 1000 ? seconds * 1000 : DECIDE_WAIT_MOST_MS;
    }
    return standard_ms;
}

bool decide_key_is_good(const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < len; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return len >= 1 && len <= 128;
}

// `len` lower-case hexadecimal digits, not all of them zero (where `may_be_zero` they may).
static bool is_hex(const char *text, size_t len, bool may_be_zero)
{
    bool is_zero = true;
    for (size_t i = 0; i < len; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (!is_digit && (text[i] < 'a' || text[i] > 'f'))
            return false;
        is_zero &= text[i] == '0';
    }
    return may_be_zero || !is_zero;
}

bool decide_traceparent_is_good(const char *traceparent)
{
    enum { LEN = 55, LONGEST = 128 };
    size_t len = strlen(traceparent);
    if (len < LEN || len > LONGEST || traceparent[2] != '-' || traceparent[35] != '-' ||
        traceparent[52] != '-')
        return false;
    bool is_first_version = strncmp(traceparent, "00", 2) == 0;
    if (len > LEN && (is_first_version || traceparent[LEN] != '-'))
        return false;
    if (!text_is_printable(bytes_of(traceparent, len)) || strncmp(traceparent, "ff", 2) == 0)
        return false;
    return is_hex(traceparent, 2, true) && is_hex(traceparent + 3, 32, false) &&
           is_hex(traceparent + 36, 16, false) && is_hex(traceparent + 53, 2, true);
}

static bool has_other_charset(const char *content_type)
{
    const char *charset = strcasestr(content_type, "charset=");
    if (charset == NULL)
        return false;
    charset += strlen("charset=");
    size_t quote = *charset == '"' ? 1 : 0;
    return strncasecmp(charset + quote, "utf-8", 5) != 0;
}

bool decide_type_is(const char *content_type, const char *wanted)
{
    struct bytes type = before_parameters(bytes_from_string(content_type));
    while (type.len > 0 && is_blank((char)type.data[0]))
        type = bytes_of(type.data + 1, type.len - 1);
    return is_word(type, wanted) && !has_other_charset(content_type);
}

bool decide_accepts(const char *accept, const char *wanted)
{
    struct bytes member = {0};
    while (next_member(&accept, &member))
        if (is_word(before_parameters(member), wanted))
            return true;
    return false;
}

bool decide_id_is_number(struct bytes id)
{
    int64_t number = 0;
    if (id.len == 0 || id.len > 16 || (id.len > 1 && id.data[0] == '0') || id.data[0] == '+')
        return false;
    return parse_i64(id, 0, (INT64_C(1) << 53) - 1, &number, NULL) == ERR_OK && id.data[0] != '-';
}

static bool is_name(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return text.len > 0;
}

static bool is_digits(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0 && text.len <= 19;
}

// What stands behind the last `mark`, which it cuts off with it.
static bool cut_behind(struct bytes *text, uint8_t mark, struct bytes *ret)
{
    const uint8_t *at = text->len == 0 ? NULL : memrchr(text->data, mark, text->len);
    if (at == NULL)
        return false;
    *ret = bytes_of(at + 1, text->len - (size_t)(at + 1 - text->data));
    text->len = (size_t)(at - text->data);
    return true;
}

bool decide_is_source_id(struct bytes id)
{
    struct bytes offset = {0}, partition = {0}, generation = {0};
    if (id.len >= 300 || !cut_behind(&id, '/', &offset) || !cut_behind(&id, '/', &partition))
        return false;
    bool has_generation = cut_behind(&id, '@', &generation);
    return is_name(id) && is_digits(partition) && is_digits(offset) &&
           (!has_generation || is_digits(generation));
}

enum decide_repeat decide_repeat(const struct requests_row *row, struct bytes body_sha256)
{
    if (!bytes_equal(row->body_sha256, body_sha256))
        return DECIDE_REPEAT_OTHER;
    switch (row->state) {
    case REQUESTS_DONE:
        return DECIDE_REPEAT_DONE;
    case REQUESTS_FAILED:
        return DECIDE_REPEAT_FAILED;
    case REQUESTS_ACCEPTED:
    case REQUESTS_EXPIRED: // its key is about to be free again
        break;
    }
    return DECIDE_REPEAT_RUNNING;
}

int decide_stock(int blocks, int64_t lasted_ms)
{
    enum { SHORT_MS = 1000, LONG_MS = 60000 };
    int next = lasted_ms < SHORT_MS ? blocks * 2 : lasted_ms > LONG_MS ? blocks / 2 : blocks;
    return next < DECIDE_STOCK_LEAST  ? DECIDE_STOCK_LEAST
           : next > DECIDE_STOCK_MOST ? DECIDE_STOCK_MOST
                                      : next;
}
