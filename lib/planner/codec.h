// SPDX-License-Identifier: MIT
#pragma once

#include "json/json.h"
#include "planner/provider.h"
#include "planner/reply.h"

// Between provider.c and the two protocols. For this module's files only.

enum provider_fault {
#define FAULT(id, outcome, code, sentence, change) PROVIDER_FAULT_##id,
#include "planner/provider_faults.def"
#undef FAULT
};

// The body of a request. ERR_REJECT: over the text's ceiling.
MUST_CHECK enum err gemini_write(const struct provider_settings *settings,
                                 const struct provider_prompt *prompt, struct text *out);
MUST_CHECK enum err openai_write(const struct provider_settings *settings,
                                 const struct provider_prompt *prompt, struct text *out);

// What a reply means; `root` is NULL where the body is no JSON, which is never so for status 200.
// Fills text, finish, tokens, model and retry_after_ms (0 where the body names none).
enum provider_fault gemini_read(const struct json *root, int64_t status,
                                struct provider_answer *ret);
enum provider_fault openai_read(const struct json *root, int64_t status,
                                struct provider_answer *ret);

// What both share. `is_about_model`: what a 404 does not find.
enum provider_fault codec_fault_of_status(int64_t status, bool is_about_model);
// "STOP", "length" .. of any server, in any case; "": none.
enum provider_finish codec_finish(const char *name);
// Of a reply with status 200 whose finish and text are there; mends or refuses the text.
enum provider_fault codec_fault_of_finish(struct provider_answer *answer);
void codec_set_model(struct provider_answer *answer, const char *version);
// The status that an error inside a reply with status 200 stands for.
int64_t codec_status_of_error(const struct json *error, int64_t status);
