// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// The wire format of Confluent's serializers: a zero byte, the id of the writer's schema in the
// registry (4 bytes, big-endian), the Avro body. Pure functions, any thread.

enum { AVRO_FRAME_BYTES = 5 };

// ERR_REJECT with code "short-frame" (under 5 bytes, or null) or "bad-magic". *ret_body points into
// the message.
MUST_CHECK enum err avro_frame_read(struct bytes message, uint32_t *ret_id, struct bytes *ret_body,
                                    struct why *why);
void avro_frame_write(uint32_t id, uint8_t out[AVRO_FRAME_BYTES]);
