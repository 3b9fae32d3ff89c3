// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"

// What is served without a question to anybody: the documents about the interface, the page that
// shows them, the card of the live model. Read at the start; the model's card again when its file
// has changed.

struct gateway;
struct documents;

MUST_CHECK enum err documents_open(struct gateway *gateway, struct documents **ret,
                                   struct why *why);
void documents_close(struct documents *documents); // after the server has ended
// Looks whether the model's file has changed; one thread.
void documents_look(struct documents *documents);
