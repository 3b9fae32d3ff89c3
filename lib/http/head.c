// SPDX-License-Identifier: MIT
#include <string.h>
#include <strings.h>

#include "http/serving.h"

// What is wrong with a request's head. Whatever two readers could understand differently is
// refused, because one of them may be a proxy in front of us that looked for forbidden requests
// (RFC 9112, section 11.2).
//
// libmicrohttpd before 1.0 forgives much and tells nothing of it: a bare LF ends a line, a NUL ends
// a value (or, first in a line, the head), a folded line is glued to the name of the header above
// it. But it parses in place: method, target, version, names and values that it gives are pointers
// into the bytes as they came. So each of them must begin where a request that is written properly
// has it, and the last one must be followed by the end that libmicrohttpd has found; a byte too
// many or too few anywhere shows. Newer versions are told to be strict instead.
#define PARSES_IN_PLACE (MHD_VERSION < 0x00097701)

static const struct http_problem bad_request = {
    .status = 400,
    .code = "bad-request",
    .title = "The request cannot be read",
    .detail = "The request's head breaks the rules of HTTP, or can be understood in two ways.",
};
static const struct http_problem head_too_large = {
    .status = 431,
    .code = "head-too-large",
    .title = "The request's head is too large",
    .detail = "There are too many headers, or they are too long.",
};
static const struct http_problem bad_expectation = {
    .status = 417,
    .code = "bad-expectation",
    .title = "The expectation cannot be met",
    .detail = "The only Expect that is met here is 100-continue.",
};

struct walk {
    struct http_exchange *exchange;
    const char *cursor; // where the next header line has to begin
    size_t lines;
    bool is_bad;
};

// tchar of RFC 9110, 5.6.2
static bool is_token(const char *text, size_t len)
{
    static const uint64_t bits[4] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0};
    uint64_t all = 1;
    for (size_t i = 0; i < len; i++)
        all &= bits[(uint8_t)text[i] >> 6] >> ((uint8_t)text[i] & 63);
    return all != 0 && len > 0;
}

static bool is_value_byte(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

// The high bits of the result stand at the bytes below 0x20 and at 0x7f, and perhaps at one above
// such a byte.
static uint64_t find_controls(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t eight = 0;
    memcpy(&eight, text, sizeof eight);
    uint64_t del = eight ^ ones * 0x7f;
    return (((eight - ones * 0x20) & ~eight) | ((del - ones) & ~del)) & ones * 0x80;
}

// No control characters but tabs; bytes over 0x7f are taken, as obs-text. Eight at a time, since an
// access token has hundreds; where there may be one, all are looked at.
static bool is_value(const char *text, size_t len)
{
    uint64_t found = len < 8; // too few for that
    for (size_t i = 0; i + 8 < len; i += 8)
        found |= find_controls(text + i);
    if (len >= 8)
        found |= find_controls(text + len - 8);
    for (size_t i = 0; i < len && found != 0; i++)
        if (!is_value_byte((uint8_t)text[i]))
            return false;
    return true;
}

// Where the header is kept that the server reads itself, NULL of any other; *ret_once where it must
// not come twice.
static const char **place_of(struct head *head, const char *name, size_t len, bool *ret_once)
{
    static const struct {
        const char *name;
        size_t len, offset;
        bool once;
    } known[] = {
        {"Host", 4, offsetof(struct head, host), true},
        {"Expect", 6, offsetof(struct head, expect), true},
        {"Origin", 6, offsetof(struct head, origin), true},
        {"If-None-Match", 13, offsetof(struct head, if_none_match), false},
        {"Content-Length", 14, offsetof(struct head, content_length), true},
        {"Accept-Encoding", 15, offsetof(struct head, accept_encoding), false},
        {"Content-Encoding", 16, offsetof(struct head, content_encoding), true},
        {"Transfer-Encoding", 17, offsetof(struct head, transfer_encoding), true},
        {"Access-Control-Request-Method", 29, offsetof(struct head, requested_method), true},
    };
    static const uint32_t lens =
        1U << 4 | 1U << 6 | 1U << 13 | 1U << 14 | 1U << 15 | 1U << 16 | 1U << 17 | 1U << 29;
    if (len > 29 || (lens >> len & 1) == 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(known) && len >= known[i].len; i++)
        if (len == known[i].len && strcasecmp(name, known[i].name) == 0) {
            *ret_once = known[i].once;
            return (void *)((char *)head + known[i].offset);
        }
    return NULL;
}

static bool is_in_place(struct walk *walk, const char *name, size_t name_len, const char *value,
                        size_t value_len)
{
    if (!PARSES_IN_PLACE)
        return true;
    bool is_here = name == walk->cursor;
    walk->cursor = value + value_len + 2;
    if (!is_here)
        return false;
    for (const char *blank = name + name_len + 1; blank != value; blank++)
        if (*blank != ' ' && *blank != '\t')
            return false;
    return true;
}

static enum MHD_Result look(void *context, enum MHD_ValueKind kind, const char *name,
                            size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    struct walk *walk = context;
    if (value == NULL)
        value = "";
    bool is_once = false;
    const char **place = place_of(&walk->exchange->head, name, name_len, &is_once);
    walk->lines++;
    walk->is_bad = walk->is_bad || !is_in_place(walk, name, name_len, value, value_len) ||
                   !is_token(name, name_len) || !is_value(value, value_len) ||
                   (place != NULL && is_once && *place != NULL);
    if (place != NULL && *place == NULL)
        *place = value;
    return walk->is_bad ? MHD_NO : MHD_YES;
}

// reg-name, IPv4address or IP-literal, and a port (RFC 3986, 3.2): the characters, not the grammar.
static bool is_host(const char *host)
{
    for (const char *c = host; *c != '\0'; c++)
        if ((uint8_t)*c >= 128 || strchr("/?#@\\ \t\"<>^`{|}", *c) != NULL)
            return false;
    return *host != '\0';
}

static size_t trimmed(const char *value)
{
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    return len;
}

// What the request says of its body; false where that is no number, or one that another reader
// could take for an octal one.
static bool read_length(struct head *head)
{
    const char *digits = head->content_length;
    head->has_body = head->is_chunked = head->transfer_encoding != NULL;
    if (digits == NULL)
        return true;
    size_t len = strlen(digits);
    if (len == 0 || strspn(digits, "0123456789") != len || (len > 1 && digits[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++)
        head->body_bytes = head->body_bytes > UINT64_MAX / 100
                               ? UINT64_MAX // too large in any case
                               : head->body_bytes * 10 + (uint64_t)(digits[i] - '0');
    head->has_body = head->body_bytes > 0;
    return true;
}

// From the method's first byte to the last LF of the head.
static size_t head_bytes(const struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info == NULL ? 0 : info->header_size;
}

static bool is_line_in_place(const struct http_exchange *exchange, const char *version)
{
    return !PARSES_IN_PLACE ||
           (exchange->method + strlen(exchange->method) + 1 == exchange->target &&
            exchange->target + exchange->target_len + 1 == version);
}

const struct http_problem *head_check(struct http_exchange *exchange, const char *version)
{
    const struct http_server_options *options = &exchange->server->options;
    struct head *head = &exchange->head;
    struct walk walk = {.exchange = exchange, .cursor = version + strlen(version) + 2};
    MHD_get_connection_values_n(exchange->mhd, MHD_HEADER_KIND, look, &walk);
    size_t bytes = head_bytes(exchange);
    if (walk.is_bad || !is_line_in_place(exchange, version) ||
        (PARSES_IN_PLACE && walk.cursor + 2 != exchange->method + bytes))
        return &bad_request;
    bytes += (walk.lines + exchange->query_count) * ITEM_BYTES;
    if (bytes > options->head_bytes || walk.lines > options->headers_max)
        return &head_too_large;
    bool is_1_0 = strcmp(version, "HTTP/1.0") == 0;
    if (head->host == NULL ? !is_1_0 : !is_host(head->host))
        return &bad_request;
    if (head->transfer_encoding != NULL && (is_1_0 || head->content_length != NULL ||
                                            strcasecmp(head->transfer_encoding, "chunked") != 0))
        return &bad_request;
    if (!read_length(head) || exchange->is_target_bad ||
        !is_token(exchange->method, strlen(exchange->method)))
        return &bad_request;
    const char *expect = head->expect;
    if (expect != NULL && (trimmed(expect) != 12 || strncasecmp(expect, "100-continue", 12) != 0))
        return &bad_expectation;
    return NULL;
}
