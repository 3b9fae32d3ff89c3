// SPDX-License-Identifier: MIT
#include "call.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "say.h"
#include "wire.h"

enum {
    BODY_MAX = 1024 * 1024,
    HOLD_MS = 120000, // of what never ends by itself
    REFUSE_MS = 500,
    LOOK_MS = 50, // how often a held client is looked at
    DRIP_MS = 1000,
};

struct call *call_new(struct MHD_Connection *connection, struct later *later)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct call *call = mem_zalloc(sizeof *call);
    call->later = later;
    call->connection = connection;
    call->fd = info->connect_fd;
    call->body = TEXT_INIT(BODY_MAX);
    call->reply = REPLY_INIT;
    call->wire = WIRE_NONE;
    return call;
}

void call_free(struct call *call)
{
    if (call == NULL)
        return;
    text_done(&call->body);
    text_done(&call->reply.body);
    mem_free_p(&call);
}

static enum MHD_Result add_header(struct MHD_Response *response, const char *name,
                                  const char *value)
{
    return value == NULL || value[0] == '\0' ? MHD_YES
                                             : MHD_add_response_header(response, name, value);
}

enum MHD_Result call_send(struct call *call)
{
    struct reply *reply = &call->reply;
    size_t len = reply->body.len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, text_take(&reply->body), MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result =
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    if (result == MHD_YES)
        result = add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, reply->retry_after);
    if (result == MHD_YES)
        result = add_header(response, MHD_HTTP_HEADER_LOCATION, reply->location);
    if (result == MHD_YES)
        result = add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, reply->content_encoding);
    if (result == MHD_YES)
        result = MHD_queue_response(call->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result call_suspend(struct call *call, int64_t delay_ms)
{
    call->stage = STAGE_WAITING;
    MHD_suspend_connection(call->connection);
    if (!later_add(call->later, clock_mono_ms() + delay_ms, call)) {
        call->stage = STAGE_OVER; // the server stops
        MHD_resume_connection(call->connection);
    }
    return MHD_YES;
}

enum MHD_Result call_finish(struct call *call)
{
    if (call->stage != STAGE_ANSWERING)
        return MHD_NO;
    switch (call->wire) {
    case WIRE_REFUSE:
        wire_reset(call->fd);
        return MHD_NO;
    case WIRE_RESET:
        wire_begin(call->fd, call->wire, &call->reply);
        wire_reset(call->fd);
        return MHD_NO;
    case WIRE_SHORT:
    case WIRE_CHUNKED:
    case WIRE_HEADERS_ONLY:
        wire_begin(call->fd, call->wire, &call->reply);
        return MHD_NO;
    case WIRE_SILENT:
    case WIRE_DRIP:
    case WIRE_CHUNKED_OPEN:
        return MHD_NO; // held, and now over
    case WIRE_GZIP:
    case WIRE_REDIRECT:
    case WIRE_LARGE:
    case WIRE_NONE:
        break;
    }
    return call_send(call);
}

// ---- what is due

static void resume(struct call *call, enum stage stage)
{
    call->stage = stage;
    MHD_resume_connection(call->connection);
}

// A fault that goes on until its time is over or the client leaves.
static void hold(struct call *call, int64_t now_ms)
{
    bool is_drip = call->wire == WIRE_DRIP;
    if (call->stage == STAGE_WAITING) {
        call->stage = STAGE_HOLDING;
        call->until_ms = now_ms + (call->drawn.hold_ms >= 0 ? call->drawn.hold_ms : HOLD_MS);
        if (call->wire != WIRE_SILENT)
            wire_begin(call->fd, call->wire, &call->reply);
    }
    bool goes_on = now_ms < call->until_ms && !wire_is_gone(call->fd) &&
                   (!is_drip || wire_drip(call->fd, &call->reply, &call->dripped));
    if (!goes_on || !later_add(call->later, now_ms + (is_drip ? DRIP_MS : LOOK_MS), call))
        resume(call, STAGE_OVER);
}

int64_t call_refuses_ms(const struct call *call)
{
    int64_t hold_ms = call->drawn.hold_ms;
    return call->wire != WIRE_REFUSE ? 0 : hold_ms > 0 ? hold_ms : REFUSE_MS;
}

void call_fire(struct call *call, int64_t now_ms)
{
    bool is_held =
        call->wire == WIRE_SILENT || call->wire == WIRE_DRIP || call->wire == WIRE_CHUNKED_OPEN;
    if (program_is_stopping())
        resume(call, STAGE_OVER);
    else if (is_held)
        hold(call, now_ms);
    else
        resume(call, STAGE_ANSWERING);
}
