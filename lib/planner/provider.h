// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// Servers of language models as pure functions: what a call sends, and what its reply (any bytes at
// all) asks the caller to do next. Gemini's generateContent (v1beta) and the chat completions of
// OpenAI, as llama.cpp, vLLM, Ollama and the Hugging Face router speak them. No I/O and no clock;
// any thread. No sentence made here holds a key, or a byte of what the server sent.

enum provider_kind { PROVIDER_GEMINI, PROVIDER_OPENAI };

// How the server is made to answer in JSON; not every OpenAI-compatible server takes a schema.
enum provider_structured {
    PROVIDER_JSON_SCHEMA, // an object of exactly action_1, action_2, action_3
    PROVIDER_JSON_OBJECT, // any JSON
    PROVIDER_JSON_NONE,   // nothing but what the prompt says
    PROVIDER_JSON_UNKNOWN // none of these: refused by provider_check
};

enum {
    PROVIDER_TOKENS_MOST = 8192,     // max_output_tokens, also after doubling
    PROVIDER_BODY_MAX = 128 * 1024,  // bytes of a request
    PROVIDER_REPLY_MAX = 256 * 1024, // bytes of a reply
    PROVIDER_DELAY_MOST_MS = 300000, // a server that names a longer delay is stopped
    PROVIDER_KEY_MAX = 4096,         // bytes
    PROVIDER_NAME_MAX = 128,         // bytes of a model's name
    PROVIDER_TIMEOUT_MOST_MS = 10 * 60000,
};

// Text is borrowed. Settings for a program: planner/settings.def and the macros below it.
struct provider_settings {
    enum provider_kind kind;
    const char *base_url; // without a path, the usual one is added: /v1beta, /v1
    const char *model;
    const char *key;      // NULL or "": none
    const char *thinking; // Gemini's thinkingLevel; NULL or "": not sent
    enum provider_structured structured;
    bool is_paid_tier; // Gemini: the operator's statement about the key
    bool allows_http;  // also to public addresses and to names
    int64_t max_output_tokens;
    double usd_in, usd_out; // per million tokens
    int64_t timeout_ms;     // of a call
};

// Out of the settings that planner/settings.def adds to a program's, which are borrowed.
#define PROVIDER_GEMINI_SETTINGS(settings)                                                         \
    ((struct provider_settings){.kind = PROVIDER_GEMINI,                                           \
                                .base_url = (settings)->gemini_base_url,                           \
                                .model = (settings)->gemini_model,                                 \
                                .key = (settings)->gemini_api_key,                                 \
                                .thinking = (settings)->gemini_thinking,                           \
                                .structured =                                                      \
                                    provider_structured_from((settings)->gemini_structured),       \
                                .is_paid_tier = (settings)->gemini_paid_tier,                      \
                                .allows_http = (settings)->llm_allow_http,                         \
                                .max_output_tokens = (settings)->gemini_max_output_tokens,         \
                                .usd_in = (settings)->gemini_price_in,                             \
                                .usd_out = (settings)->gemini_price_out,                           \
                                .timeout_ms = (settings)->llm_timeout_ms})
#define PROVIDER_OPENAI_SETTINGS(settings)                                                         \
    ((struct provider_settings){.kind = PROVIDER_OPENAI,                                           \
                                .base_url = (settings)->openai_base_url,                           \
                                .model = (settings)->openai_model,                                 \
                                .key = (settings)->openai_api_key,                                 \
                                .structured =                                                      \
                                    provider_structured_from((settings)->openai_structured),       \
                                .allows_http = (settings)->llm_allow_http,                         \
                                .max_output_tokens = (settings)->openai_max_output_tokens,         \
                                .usd_in = (settings)->openai_price_in,                             \
                                .usd_out = (settings)->openai_price_out,                           \
                                .timeout_ms = (settings)->llm_timeout_ms})

const char *provider_kind_name(enum provider_kind kind); // "gemini", "openai-compatible"
// "json_schema", "json_object", "none".
enum provider_structured provider_structured_from(const char *name);

// ERR_FATAL: settings that cannot work or must not be used, with what to change.
MUST_CHECK enum err provider_check(const struct provider_settings *settings, struct why *why);

struct provider_prompt {
    struct bytes system; // the instruction, UTF-8
    struct bytes user;   // the facts, UTF-8
    int64_t max_output_tokens;
};

enum { PROVIDER_HEADERS = 4 };

// A POST. Owned text, ended by provider_request_done; the values of headers are secret.
struct provider_request {
    struct text url;
    struct text body;
    struct {
        const char *name; // static
        char *value;
    } headers[PROVIDER_HEADERS];
    size_t header_count;
};

// The settings have passed provider_check. ERR_REJECT "prompt-too-large": over PROVIDER_BODY_MAX.
MUST_CHECK enum err provider_build(const struct provider_settings *settings,
                                   const struct provider_prompt *prompt,
                                   struct provider_request *ret, struct why *why);
void provider_request_done(struct provider_request *request);

// What the caller does next.
enum provider_outcome {
    PROVIDER_ANSWER,       // there is text to check
    PROVIDER_AGAIN,        // the same call later: after retry_after_ms where that is not 0
    PROVIDER_REGENERATE,   // the same prompt once more, with provider_more_tokens for TOKENS
    PROVIDER_NEXT,         // this prompt is refused here: another provider
    PROVIDER_STOP_KEY,     // all calls stop, until a person resumes: the key
    PROVIDER_STOP_MODEL,   // .. the model is gone
    PROVIDER_STOP_DAILY,   // .. until stopped_until_ms: the quota of the day, or a long delay
    PROVIDER_STOP_CREDITS, // .. nobody has paid
    PROVIDER_STOP_CONFIG,  // .. settings that the server does not take, or a server not trusted
};
const char *provider_outcome_name(enum provider_outcome outcome); // "answer", "stop-key" ..
bool provider_is_stop(enum provider_outcome outcome);

// Why the model stopped writing.
enum provider_finish {
    PROVIDER_FINISH_NONE, // not said
    PROVIDER_FINISH_STOP,
    PROVIDER_FINISH_TOKENS, // at the limit of output tokens
    PROVIDER_FINISH_BLOCKED,
    PROVIDER_FINISH_OTHER,
};

// A reply as it came; borrowed.
struct provider_reply {
    int64_t status;            // of HTTP
    struct bytes retry_after;  // the header's value; data NULL: none
    struct bytes content_type; // likewise
    struct bytes body;
    int64_t received_ms; // real
};

struct provider_answer {
    enum provider_outcome outcome;
    struct text text; // PROVIDER_ANSWER: what the model wrote, UTF-8; else empty
    enum provider_finish finish;
    bool has_use; // the tokens are known (for an error: none); false: nobody knows
    int64_t input_tokens, output_tokens, thought_tokens; // output without thoughts
    char model_version[PROVIDER_NAME_MAX + 1]; // as the server says; "": not, or not printable
    bool is_model_retiring;                    // it says that the model is to go
    int64_t retry_after_ms;                    // PROVIDER_AGAIN: what the server asked for; or 0
    int64_t stopped_until_ms;                  // PROVIDER_STOP_DAILY, real; else 0
    struct why why; // code ("rate-limited") and sentence for the log; also for an answer
};

// Takes any reply, the largest included, and fills *ret, to be ended by provider_answer_done. Where
// both header and body name a delay, the longer one counts.
void provider_read(const struct provider_settings *settings, const struct provider_reply *reply,
                   struct provider_answer *ret);
// A call without a reply: `err` and the sentence of the HTTP client. ERR_REJECT: the reply was too
// large; ERR_FATAL: an address or a certificate that cannot be used.
void provider_read_failure(const struct provider_settings *settings, enum err err,
                           const struct why *why, struct provider_answer *ret);
void provider_answer_done(struct provider_answer *answer);

int64_t provider_more_tokens(int64_t max_output_tokens); // doubled, up to PROVIDER_TOKENS_MOST

// Before a call: four bytes a token, and all the output that is allowed. Millionths of a dollar are
// rounded up.
int64_t provider_estimate_tokens(const struct provider_prompt *prompt);
int64_t provider_estimate_micro_usd(const struct provider_settings *settings,
                                    const struct provider_prompt *prompt);
// What a reply has used, thoughts included; 0 where it does not say.
int64_t provider_tokens(const struct provider_answer *answer);
int64_t provider_micro_usd(const struct provider_settings *settings,
                           const struct provider_answer *answer);
