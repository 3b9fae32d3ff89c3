// SPDX-License-Identifier: MIT
#include "avro/frame.h"

// The frame says nothing about the length or the kind of the body; a top-level `bytes` schema,
// which Confluent frames without a length, is none of ours.

enum err avro_frame_read(struct bytes message, uint32_t *ret_id, struct bytes *ret_body,
                         struct why *why)
{
    if (message.len < AVRO_FRAME_BYTES)
        return why_code(why, ERR_REJECT, "short-frame",
                        "a value of %zu bytes is shorter than the frame of %d", message.len,
                        AVRO_FRAME_BYTES);
    const uint8_t *at = message.data;
    if (at[0] != 0)
        return why_code(why, ERR_REJECT, "bad-magic",
                        "the value starts with byte 0x%02x, not with 0x00 and a schema id",
                        (unsigned)at[0]);
    *ret_id = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
    *ret_body = bytes_of(at + AVRO_FRAME_BYTES, message.len - AVRO_FRAME_BYTES);
    return ERR_OK;
}

void avro_frame_write(uint32_t id, uint8_t out[AVRO_FRAME_BYTES])
{
    out[0] = 0;
    out[1] = (uint8_t)(id >> 24);
    out[2] = (uint8_t)(id >> 16);
    out[3] = (uint8_t)(id >> 8);
    out[4] = (uint8_t)id;
}
