// SPDX-License-Identifier: MIT
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "later.h"
#include "reply.h"

// One request from its first byte to the end of its answer. A call whose answer is not due is
// suspended, and its socket then belongs to whoever fires what is due; that one writes to it where
// a fault is below HTTP, and hands the call back by resuming it.

enum stage {
    STAGE_READING,
    STAGE_WAITING, // for its time
    STAGE_HOLDING, // a fault that goes on
    STAGE_ANSWERING,
    STAGE_OVER, // the connection is to be closed
};

struct call {
    struct MHD_Connection *connection;
    struct later *later;
    int fd;
    enum stage stage;
    bool is_counted, is_too_large;
    struct text body; // of the request
    struct drawn drawn;
    enum wire wire;
    struct reply reply;
    int64_t until_ms; // of STAGE_HOLDING
    size_t dripped;
};

struct call *call_new(struct MHD_Connection *connection, struct later *later);
void call_free(struct call *call);

// Answers with call->reply, now.
enum MHD_Result call_send(struct call *call);
// Lets it wait for its time; it is then fired.
enum MHD_Result call_suspend(struct call *call, int64_t delay_ms);
// On the library's thread, when the call was resumed: its answer, or how it ends without one.
enum MHD_Result call_finish(struct call *call);

// About what is due: for how long the port is to refuse connections first, 0: not at all.
int64_t call_refuses_ms(const struct call *call);
void call_fire(struct call *call, int64_t now_ms);
