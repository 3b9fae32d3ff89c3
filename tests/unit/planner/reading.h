// SPDX-License-Identifier: MIT
#pragma once

// What gemini.c, openai.c and mutations.c do with the replies of replies.h.

#include "support/check.h"

#include "base/compiler.h"
#include "planner/provider.h"
#include "unit/planner/replies.h"

#define SECRET_KEY "AQ.secret-key-000"

static const struct provider_settings gemini = {.kind = PROVIDER_GEMINI,
                                                .base_url =
                                                    "https://generativelanguage.googleapis.com",
                                                .model = "gemini-3.8-flash",
                                                .key = SECRET_KEY,
                                                .thinking = "LOW",
                                                .is_paid_tier = true,
                                                .max_output_tokens = 2048,
                                                .usd_in = 0.75,
                                                .usd_out = 3.75,
                                                .timeout_ms = 30000};
static const struct provider_settings openai = {.kind = PROVIDER_OPENAI,
                                                .base_url = "http://127.0.0.1:8080/v1",
                                                .model = "m",
                                                .key = SECRET_KEY,
                                                .max_output_tokens = 2048,
                                                .timeout_ms = 30000};

static inline void read_reply(const struct provider_settings *settings, int64_t status,
                              const char *retry_after, struct bytes body,
                              struct provider_answer *ret)
{
    const struct provider_reply reply = {.status = status,
                                         .retry_after = bytes_from_string(retry_after),
                                         .content_type = bytes_from_string("application/json"),
                                         .body = body,
                                         .received_ms = RECEIVED_MS};
    provider_read(settings, &reply, ret);
}

// What holds for every answer, whatever came in.
static inline void assert_sound(const struct provider_answer *answer)
{
    assert_true(answer->text.len == 0 || answer->outcome == PROVIDER_ANSWER);
    assert_true(answer->outcome != PROVIDER_ANSWER || answer->text.len > 0);
    assert_true(utf8_is_valid(text_bytes(&answer->text)));
    assert_true(answer->retry_after_ms >= 0 && answer->retry_after_ms <= PROVIDER_DELAY_MOST_MS);
    assert_true(answer->retry_after_ms == 0 || answer->outcome == PROVIDER_AGAIN);
    assert_int_equal(answer->stopped_until_ms > 0, answer->outcome == PROVIDER_STOP_DAILY);
    assert_true(answer->input_tokens >= 0 && provider_tokens(answer) < INT64_C(1) << 24);
    assert_true(answer->why.code[0] != '\0' && answer->why.text[0] != '\0');
    assert_null(strstr(answer->why.text, SECRET_KEY));
}

// Reads a reply and compares it with what the case says, naming the case where it differs.
static inline void check_case(const struct provider_settings *settings,
                              const struct reply_case *want)
{
    struct provider_answer answer;
    read_reply(settings, want->status, want->retry_after, bytes_from_string(want->body), &answer);
    if (answer.outcome != want->outcome || strcmp(answer.why.code, want->code) != 0)
        fail_msg("%s: %s (%s), not %s (%s)", want->name, provider_outcome_name(answer.outcome),
                 answer.why.code, provider_outcome_name(want->outcome), want->code);
    if (answer.retry_after_ms != want->retry_after_ms)
        fail_msg("%s: a delay of %lld ms", want->name, (long long)answer.retry_after_ms);
    if (want->text != NULL && strcmp(text_string(&answer.text), want->text) != 0)
        fail_msg("%s: \"%s\"", want->name, text_string(&answer.text));
    assert_sound(&answer);
    provider_answer_done(&answer);
}
