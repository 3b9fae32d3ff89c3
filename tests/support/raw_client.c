// SPDX-License-Identifier: MIT
#include "support/raw_client.h"

#include "support/check.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { WAIT_MS = 30000, ANSWER_MAX = 64 * 1024 * 1024 };

struct raw raw_connect(uint16_t port)
{
    struct raw raw = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                      .read = TEXT_INIT(ANSWER_MAX)};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    setsockopt(raw.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(raw.fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail_msg("cannot connect to port %u: %s", port, strerror(errno));
    return raw;
}

void raw_close(struct raw *raw)
{
    close(raw->fd);
    text_done(&raw->read);
}

void raw_reset(struct raw *raw)
{
    struct linger none = {.l_onoff = 1};
    setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    raw_close(raw);
}

void raw_send(struct raw *raw, const char *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t done = send(raw->fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (done <= 0)
            fail_msg("cannot send: %s", strerror(errno));
        sent += (size_t)done;
    }
}

void raw_say(struct raw *raw, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CLEANUP(text_done) struct text text = TEXT_INIT(ANSWER_MAX);
    assert_int_equal(text_vprintf(&text, format, args), ERR_OK);
    va_end(args);
    raw_send(raw, text.data, text.len);
}

bool raw_try(struct raw *raw, const char *bytes, size_t len)
{
    int64_t until_ms = clock_mono_ms() + 1000;
    size_t sent = 0;
    while (sent < len && clock_mono_ms() < until_ms) {
        struct pollfd ready = {.fd = raw->fd, .events = POLLOUT};
        if (poll(&ready, 1, 100) <= 0)
            continue;
        ssize_t done = send(raw->fd, bytes + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno != EAGAIN)
            return false;
        sent += done > 0 ? (size_t)done : 0;
    }
    return sent == len;
}

// What there is to read, appended; false at the end.
static bool hear(struct raw *raw)
{
    struct pollfd ready = {.fd = raw->fd, .events = POLLIN};
    if (poll(&ready, 1, WAIT_MS) <= 0)
        fail_msg("the server said nothing for %d ms", WAIT_MS);
    char chunk[65536];
    ssize_t got = recv(raw->fd, chunk, sizeof chunk, 0);
    if (got < 0 && errno != ECONNRESET)
        fail_msg("cannot read: %s", strerror(errno));
    if (got > 0)
        assert_int_equal(text_append(&raw->read, chunk, (size_t)got), ERR_OK);
    return got > 0;
}

static void need(struct raw *raw, size_t len)
{
    while (raw->read.len < len)
        if (!hear(raw))
            fail_msg("the connection ended after %zu of %zu bytes: %.200s", raw->read.len, len,
                     text_string(&raw->read));
}

static void drop(struct raw *raw, size_t len)
{
    memmove(raw->read.data, raw->read.data + len, raw->read.len - len + 1);
    raw->read.len -= len;
}

static void take(struct raw *raw, size_t len, struct text *into)
{
    need(raw, len);
    if (len == 0)
        return;
    assert_int_equal(text_append(into, raw->read.data, len), ERR_OK);
    drop(raw, len);
}

// Up to and with the mark; where that stands.
static size_t need_mark(struct raw *raw, const char *mark)
{
    const char *found = NULL;
    while ((found = strstr(text_string(&raw->read), mark)) == NULL)
        need(raw, raw->read.len + 1);
    return (size_t)(found - raw->read.data) + strlen(mark);
}

static void take_chunks(struct raw *raw, struct text *into)
{
    for (;;) {
        size_t line = need_mark(raw, "\r\n");
        char *end = NULL;
        size_t len = strtoul(raw->read.data, &end, 16);
        assert_true(end == raw->read.data + line - 2); // no extensions
        drop(raw, line);
        take(raw, len, into);
        need(raw, 2);
        assert_memory_equal(raw->read.data, "\r\n", 2);
        drop(raw, 2);
        if (len == 0)
            return;
    }
}

void raw_read(struct raw *raw, bool is_head, struct raw_answer *ret)
{
    char value[512];
    do {
        *ret = (struct raw_answer){.head = TEXT_INIT(ANSWER_MAX), .body = TEXT_INIT(ANSWER_MAX)};
        size_t head = need_mark(raw, "\r\n\r\n");
        if (strncmp(raw->read.data, "HTTP/1.1 ", 9) != 0)
            fail_msg("no answer: %.100s", raw->read.data);
        take(raw, head - 2, &ret->head);
        drop(raw, 2);
        ret->status = atoi(ret->head.data + 9);
        if (ret->status < 200)
            raw_answer_done(ret);
    } while (ret->status < 200);
    const char *close = raw_header(ret, "Connection", value);
    ret->closes = close != NULL && strcasecmp(close, "close") == 0;
    const char *coding = raw_header(ret, "Transfer-Encoding", value);
    bool is_chunked = coding != NULL;
    const char *length = raw_header(ret, "Content-Length", value);
    if (is_head || ret->status == 204 || ret->status == 304)
        return;
    if (is_chunked) {
        take_chunks(raw, &ret->body);
    } else if (length != NULL) {
        take(raw, strtoul(length, NULL, 10), &ret->body);
    } else {
        while (hear(raw))
            continue;
        take(raw, raw->read.len, &ret->body);
        ret->closes = true;
    }
}

void raw_answer_done(struct raw_answer *answer)
{
    text_done(&answer->head);
    text_done(&answer->body);
}

const char *raw_header(const struct raw_answer *answer, const char *name, char out[512])
{
    size_t len = strlen(name);
    bool is_found = false;
    for (const char *line = text_string(&answer->head); (line = strstr(line, "\r\n")) != NULL;) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        if (is_found)
            fail_msg("there are several headers %s", name);
        is_found = true;
        const char *value = line + len + 1 + strspn(line + len + 1, " ");
        snprintf(out, 512, "%.*s", (int)strcspn(value, "\r"), value);
    }
    return is_found ? out : NULL;
}

void raw_expect_header(const struct raw_answer *answer, const char *name, const char *expected)
{
    char value[512];
    const char *got = raw_header(answer, name, value);
    bool is_right = expected == NULL ? got == NULL : got != NULL && strcmp(got, expected) == 0;
    if (!is_right)
        fail_msg("%s is %s, not %s in\n%s", name, got == NULL ? "absent" : got,
                 expected == NULL ? "absent" : expected, answer->head.data);
}

bool raw_ends(struct raw *raw, int wait_ms)
{
    struct pollfd ready = {.fd = raw->fd, .events = POLLIN};
    char byte = 0;
    if (raw->read.len > 0)
        fail_msg("the server said more: %.200s", raw->read.data);
    if (poll(&ready, 1, wait_ms) <= 0)
        return false;
    ssize_t got = recv(raw->fd, &byte, 1, 0);
    if (got > 0)
        fail_msg("the server said more: %c", byte);
    return true;
}

int raw_last(struct raw *raw)
{
    while (hear(raw))
        continue;
    const char *all = text_string(&raw->read);
    return strncmp(all, "HTTP/1.1 ", 9) == 0 ? atoi(all + 9) : 0;
}

void raw_ask(uint16_t port, const char *request, struct raw_answer *ret)
{
    struct raw raw = raw_connect(port);
    raw_send(&raw, request, strlen(request));
    raw_read(&raw, strncmp(request, "HEAD ", 5) == 0, ret);
    raw_close(&raw);
}
