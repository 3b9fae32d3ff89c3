// SPDX-License-Identifier: MIT
#include "wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "say.h"

enum { SHORT_LENGTH = 500, SHORT_SENT = 200, LARGE_BYTES = 2 * 1024 * 1024, BLOCK_MAX = 65535 };

// Bytes that find no room are dropped with the connection.
static void put(int fd, const struct text *text)
{
    IGNORE(send(fd, text->data, text->len, MSG_NOSIGNAL | MSG_DONTWAIT)); // the client's loss
}

void wire_begin(int fd, enum wire wire, const struct reply *reply)
{
    CLEANUP(text_done) struct text out = TEXT_INIT(SAY_MAX);
    const struct text *body = &reply->body;
    bool is_chunked = wire == WIRE_CHUNKED || wire == WIRE_CHUNKED_OPEN;
    say(&out, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n");
    if (is_chunked)
        say(&out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n", body->len, text_string(body));
    else
        say(&out, "Content-Length: %zu\r\n\r\n",
            wire == WIRE_SHORT ? (size_t)SHORT_LENGTH : body->len);
    if (wire == WIRE_SHORT)
        say_bytes(&out, text_string(body), body->len < SHORT_SENT ? body->len : SHORT_SENT);
    if (wire == WIRE_RESET)
        say_bytes(&out, text_string(body), body->len / 2);
    put(fd, &out);
}

bool wire_drip(int fd, const struct reply *reply, size_t *sent)
{
    if (*sent == reply->body.len)
        return false;
    ssize_t count = send(fd, reply->body.data + *sent, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    *sent += count == 1;
    return count == 1 || errno == EAGAIN;
}

// A TCP socket that is connected to nothing leaves its connection with a reset, at once (Linux).
void wire_reset(int fd)
{
    struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    IGNORE(connect(fd, &nothing, sizeof nothing)); // else it is closed, which is bad enough
}

bool wire_is_gone(int fd)
{
    char byte = 0;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

// RFC 1952, section 8.
static uint32_t crc32_of(const struct text *text)
{
    uint32_t crc = 0xffffffffU;
    for (size_t i = 0; i < text->len; i++) {
        crc ^= (uint8_t)text->data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320U & (0U - (crc & 1U)));
    }
    return ~crc;
}

static void say_little(struct text *out, uint32_t value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        say_bytes(out, &byte, 1);
    }
}

void wire_gzip(struct reply *reply)
{
    struct text *body = &reply->body, out = TEXT_INIT(SAY_MAX);
    say_bytes(&out, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    for (size_t at = 0; at < body->len; at += BLOCK_MAX) {
        size_t len = body->len - at < BLOCK_MAX ? body->len - at : BLOCK_MAX;
        say_little(&out, at + len == body->len, 1); // the last block? and stored (RFC 1951, 3.2.4)
        say_little(&out, (uint32_t)len, 2);
        say_little(&out, ~(uint32_t)len, 2);
        say_bytes(&out, body->data + at, len);
    }
    say_little(&out, crc32_of(body), 4);
    say_little(&out, (uint32_t)body->len, 4);
    text_done(body);
    *body = out;
    reply->content_encoding = "gzip";
}

// Blanks before a JSON text belong to it: it stays a good answer to who reads all of it.
void wire_enlarge(struct reply *reply)
{
    struct text out = TEXT_INIT(SAY_MAX);
    while (out.len < LARGE_BYTES)
        say(&out, "%64s", "");
    say_bytes(&out, reply->body.data, reply->body.len);
    text_done(&reply->body);
    reply->body = out;
}
