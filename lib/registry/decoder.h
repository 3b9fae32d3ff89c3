// SPDX-License-Identifier: MIT
#pragma once

#include "avro/program.h"
#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "registry/registry.h"

// From the bytes of a message to values: finds the writer's schema by its id, compiles it once for
// the wanted fields, and runs it. One per thread; the registry client is shared.

struct decoder;

// `fields` are borrowed for the life of the decoder.
struct decoder *decoder_new(struct registry *registry, const struct avro_field *fields,
                            size_t count);
void decoder_free(struct decoder *decoder);
DEFINE_CLEANUP(struct decoder, decoder_free)

// ERR_REJECT: the message can never be decoded (bad frame, unknown or unfit schema, broken body).
// ERR_RETRY: the schema is not known here and the registry is out of reach. `values` as
// avro_program_run.
MUST_CHECK enum err decoder_run(struct decoder *decoder, struct bytes message, struct value *values,
                                struct why *why);
