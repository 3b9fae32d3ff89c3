// SPDX-License-Identifier: MIT
#pragma once

#include "judge.h"
#include "script.h"

// What is answered to a call, in the words of the API that was asked. One thread per object.

struct reply {
    unsigned status;
    const char *content_type;
    const char *location, *content_encoding; // NULL: none
    char retry_after[40];                    // "": none
    struct text body;
};
#define REPLY_INIT ((struct reply){.body = TEXT_INIT(SAY_MAX)})

// `reply` is REPLY_INIT before; its body is the caller's.
void reply_make(const struct asked *asked, const struct drawn *drawn, struct reply *reply);
// An error in the shape of the API, with a sentence of ours.
void reply_error(enum dialect dialect, unsigned status, const char *status_name,
                 const char *message, struct reply *reply);

// The parts, by kind of fault: reply_error.c, reply_answer.c.
void reply_fault_error(const struct asked *asked, const struct drawn *drawn, struct reply *reply);
void reply_fault_answer(const struct asked *asked, enum fault fault, const char *variant,
                        struct reply *reply);
