// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "reply.h"

// What goes wrong below HTTP: bytes that are written to a connection's socket past the HTTP
// library, which has nothing under way there. No call waits.

// Writes what the fault sends at once: of a drip and of an open chunked answer its head, of the
// others all there is. After it the connection is to be closed, but for those two.
void wire_begin(int fd, enum wire wire, const struct reply *reply);
// The next byte of a drip; false when all of it is out or the client is gone.
bool wire_drip(int fd, const struct reply *reply, size_t *sent);
// Ends the connection with a reset in place of an orderly end.
void wire_reset(int fd);
bool wire_is_gone(int fd); // the client has closed

// Turns a reply into one in gzip (stored, not made smaller) or a very large one.
void wire_gzip(struct reply *reply);
void wire_enlarge(struct reply *reply);
