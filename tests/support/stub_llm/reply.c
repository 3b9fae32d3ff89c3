// SPDX-License-Identifier: MIT
#include "reply.h"

#include "say.h"
#include "wire.h"

void reply_make(const struct asked *asked, const struct drawn *drawn, struct reply *reply)
{
    const char *variant = fault_rows[drawn->fault].variants[drawn->variant];
    switch (fault_rows[drawn->fault].kind) {
    case KIND_ERROR:
        reply_fault_error(asked, drawn, reply);
        return;
    case KIND_ANSWER:
        reply_fault_answer(asked, drawn->fault, variant, reply);
        return;
    case KIND_WIRE:
        reply_fault_answer(asked, FAULT_good, "plain", reply);
        break;
    }
    switch (fault_wire(drawn->fault, drawn->variant)) {
    case WIRE_GZIP:
        wire_gzip(reply);
        break;
    case WIRE_LARGE:
        wire_enlarge(reply);
        break;
    case WIRE_REDIRECT:
        reply->status = 302;
        reply->location = "https://elsewhere.invalid/v1beta/models/x:generateContent";
        text_clear(&reply->body);
        break;
    case WIRE_REFUSE:
    case WIRE_SILENT:
    case WIRE_DRIP:
    case WIRE_RESET:
    case WIRE_SHORT:
    case WIRE_CHUNKED:
    case WIRE_CHUNKED_OPEN:
    case WIRE_HEADERS_ONLY:
    case WIRE_NONE:
        break;
    }
}
