// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

// A client of 127.0.0.1 for tests of servers: sends bytes as they are, and reads answers strictly.
// What goes wrong fails the test; every wait has a deadline.

struct raw {
    int fd;
    struct text read; // what came and was not looked at yet
};

// One answer; `head` is the status line and the headers, with a line break behind each.
struct raw_answer {
    int status;
    struct text head, body;
    bool closes; // it says so, or its body ended with the connection
};

struct raw raw_connect(uint16_t port);
void raw_close(struct raw *raw);
void raw_reset(struct raw *raw); // closes so that the server gets an RST
void raw_send(struct raw *raw, const char *bytes, size_t len);
void raw_say(struct raw *raw, const char *format, ...) __attribute__((format(printf, 2, 3)));
// True where everything could be sent within a second; false where the server has closed or does
// not read.
bool raw_try(struct raw *raw, const char *bytes, size_t len);

// `is_head`: of a HEAD request, whose answer has no body. 1xx answers are skipped.
void raw_read(struct raw *raw, bool is_head, struct raw_answer *ret);
void raw_answer_done(struct raw_answer *answer);
// The value of the header, NULL where there is none. Fails where there are several.
const char *raw_header(const struct raw_answer *answer, const char *name, char out[512]);
// NULL: the header must not be there.
void raw_expect_header(const struct raw_answer *answer, const char *name, const char *expected);
// True where the server closes (or resets) within `wait_ms`, without a further byte.
bool raw_ends(struct raw *raw, int wait_ms);

// Reads until the server closes; the status of the first answer, 0 where nothing came.
int raw_last(struct raw *raw);

// A request on a connection of its own, from "GET / HTTP/1.1\r\n..." to its end.
void raw_ask(uint16_t port, const char *request, struct raw_answer *ret);
