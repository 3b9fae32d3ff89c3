// SPDX-License-Identifier: MIT
// From a reply to what the caller does. A protocol names the fault; the fault's row in
// provider_faults.def says the rest. Only fixed words reach a sentence: what a server says about a
// refused key can hold the key, and what it says about a refused prompt the prompt.

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "planner/codec.h"
#include "planner/pacific.h"
#include "planner/provider.h"
#include "planner/reply.h"

static const struct {
    enum provider_outcome outcome;
    const char *code, *sentence, *change;
} faults[] = {
#define FAULT(id, outcome, code, sentence, change) {PROVIDER_##outcome, code, sentence, change},
#include "planner/provider_faults.def"
#undef FAULT
};

const char *provider_outcome_name(enum provider_outcome outcome)
{
    static const char *const names[] = {
        [PROVIDER_ANSWER] = "answer",           [PROVIDER_AGAIN] = "again",
        [PROVIDER_REGENERATE] = "regenerate",   [PROVIDER_NEXT] = "next-provider",
        [PROVIDER_STOP_KEY] = "stop-key",       [PROVIDER_STOP_MODEL] = "stop-model",
        [PROVIDER_STOP_DAILY] = "stop-daily",   [PROVIDER_STOP_CREDITS] = "stop-credits",
        [PROVIDER_STOP_CONFIG] = "stop-config",
    };
    return names[outcome];
}

bool provider_is_stop(enum provider_outcome outcome)
{
    return outcome >= PROVIDER_STOP_KEY;
}

// RFC 9110 section 15, and 499, which nginx made known for a client that went away.
enum provider_fault codec_fault_of_status(int64_t status, bool is_about_model)
{
    switch (status) {
    case 401:
        return PROVIDER_FAULT_KEY;
    case 402:
        return PROVIDER_FAULT_CREDITS;
    case 403:
        return PROVIDER_FAULT_FORBIDDEN;
    case 404:
        return is_about_model ? PROVIDER_FAULT_MODEL : PROVIDER_FAULT_ADDRESS;
    case 408:
    case 499:
    case 504:
        return PROVIDER_FAULT_TIMEOUT;
    case 409:
    case 425:
        return PROVIDER_FAULT_SERVER;
    case 429:
        return PROVIDER_FAULT_RATE;
    case 503:
        return PROVIDER_FAULT_OVERLOADED;
    default:
        break;
    }
    if (status >= 500 && status <= 599)
        return PROVIDER_FAULT_SERVER;
    if (status >= 400 && status <= 499)
        return PROVIDER_FAULT_REQUEST;
    return status >= 300 && status <= 399 ? PROVIDER_FAULT_REDIRECT : PROVIDER_FAULT_NOT_JSON;
}

int64_t codec_status_of_error(const struct json *error, int64_t status)
{
    const struct json *code = json_member(error, "code");
    if (status != 200)
        return status;
    bool is_number = code != NULL && json_kind(code) == JSON_KIND_INTEGER;
    int64_t inside = is_number ? json_as_integer(code) : 0;
    return inside >= 400 && inside <= 599 ? inside : 500;
}

enum provider_finish codec_finish(const char *name)
{
    static const struct {
        const char *name;
        enum provider_finish finish;
    } finishes[] = {
        {"", PROVIDER_FINISH_NONE},
        {"STOP", PROVIDER_FINISH_STOP},
        {"MAX_TOKENS", PROVIDER_FINISH_TOKENS},
        {"length", PROVIDER_FINISH_TOKENS},
        {"SAFETY", PROVIDER_FINISH_BLOCKED},
        {"BLOCKLIST", PROVIDER_FINISH_BLOCKED},
        {"PROHIBITED_CONTENT", PROVIDER_FINISH_BLOCKED},
        {"SPII", PROVIDER_FINISH_BLOCKED},
        {"IMAGE_SAFETY", PROVIDER_FINISH_BLOCKED},
        {"IMAGE_PROHIBITED_CONTENT", PROVIDER_FINISH_BLOCKED},
        {"content_filter", PROVIDER_FINISH_BLOCKED},
    };
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++)
        if (strcasecmp(name, finishes[i].name) == 0)
            return finishes[i].finish;
    return PROVIDER_FINISH_OTHER;
}

static bool is_blank(const struct text *text)
{
    return text->len == 0 || strspn(text->data, " \t\r\n") == text->len;
}

enum provider_fault codec_fault_of_finish(struct provider_answer *answer)
{
    switch (answer->finish) {
    case PROVIDER_FINISH_TOKENS:
        return is_blank(&answer->text) && answer->thought_tokens > 0 ? PROVIDER_FAULT_THOUGHT
                                                                     : PROVIDER_FAULT_TOKENS;
    case PROVIDER_FINISH_BLOCKED:
        return PROVIDER_FAULT_BLOCKED;
    case PROVIDER_FINISH_OTHER:
        return PROVIDER_FAULT_FINISH;
    case PROVIDER_FINISH_NONE:
    case PROVIDER_FINISH_STOP:
        break;
    }
    if (is_blank(&answer->text))
        return PROVIDER_FAULT_EMPTY;
    return reply_join_halves(&answer->text) ? PROVIDER_FAULT_NONE : PROVIDER_FAULT_BROKEN;
}

void codec_set_model(struct provider_answer *answer, const char *version)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:/@";
    size_t len = strspn(version, plain);
    if (version[len] == '\0' && len < sizeof answer->model_version)
        snprintf(answer->model_version, sizeof answer->model_version, "%s", version);
}

static void answer_init(struct provider_answer *answer)
{
    *answer = (struct provider_answer){.text = TEXT_INIT(PROVIDER_REPLY_MAX)};
}

// `about`: the status, or what the HTTP client said.
static void conclude(struct provider_answer *answer, const struct provider_settings *settings,
                     enum provider_fault fault, const char *about)
{
    answer->outcome = faults[fault].outcome;
    why_code(&answer->why, ERR_OK, faults[fault].code, "%s: %s (%s)",
             provider_kind_name(settings->kind), faults[fault].sentence, about);
    if (faults[fault].change != NULL)
        why_code(&answer->why, ERR_OK, faults[fault].code,
                 "%s: %s (%s); change this provider's %s, then retentionctl llm resume",
                 provider_kind_name(settings->kind), faults[fault].sentence, about,
                 faults[fault].change);
    if (answer->outcome != PROVIDER_ANSWER)
        text_clear(&answer->text);
    if (answer->outcome != PROVIDER_AGAIN)
        answer->retry_after_ms = 0;
}

// A server that is not to be asked for minutes is stopped, so that no call waits for it.
static enum provider_fault judge_delay(struct provider_answer *answer, enum provider_fault fault,
                                       int64_t now_ms)
{
    if (fault == PROVIDER_FAULT_DAILY)
        answer->stopped_until_ms = pacific_next_midnight_ms(now_ms);
    if (faults[fault].outcome != PROVIDER_AGAIN || answer->retry_after_ms <= PROVIDER_DELAY_MOST_MS)
        return fault;
    answer->stopped_until_ms = now_ms + answer->retry_after_ms;
    return PROVIDER_FAULT_LONG_DELAY;
}

static bool says_json(struct bytes content_type)
{
    return content_type.data != NULL &&
           memmem(content_type.data, content_type.len, "json", 4) != NULL;
}

void provider_read(const struct provider_settings *settings, const struct provider_reply *reply,
                   struct provider_answer *ret)
{
    CLEANUP(json_free_p) struct json *document = NULL;
    const struct json *root = NULL;
    enum provider_fault fault = PROVIDER_FAULT_NONE;
    char about[40];
    answer_init(ret);
    bool is_json = reply_parse(reply->body, &document, &root);
    if (reply->status == 200 && !is_json) {
        fault = reply->body.len > PROVIDER_REPLY_MAX ? PROVIDER_FAULT_TOO_LARGE
                : says_json(reply->content_type)     ? PROVIDER_FAULT_BROKEN
                                                     : PROVIDER_FAULT_NOT_JSON;
    } else {
        fault = settings->kind == PROVIDER_GEMINI ? gemini_read(root, reply->status, ret)
                                                  : openai_read(root, reply->status, ret);
    }
    int64_t header_ms = reply_retry_after_ms(reply->retry_after, reply->received_ms);
    if (header_ms > ret->retry_after_ms)
        ret->retry_after_ms = header_ms;
    fault = judge_delay(ret, fault, reply->received_ms);
    snprintf(about, sizeof about, "HTTP status %lld", (long long)reply->status);
    conclude(ret, settings, fault, about);
}

void provider_read_failure(const struct provider_settings *settings, enum err err,
                           const struct why *why, struct provider_answer *ret)
{
    answer_init(ret);
    conclude(ret, settings,
             err == ERR_FATAL    ? PROVIDER_FAULT_CONNECTION
             : err == ERR_REJECT ? PROVIDER_FAULT_TOO_LARGE
                                 : PROVIDER_FAULT_NO_CONNECTION,
             why->text);
}

void provider_answer_done(struct provider_answer *answer)
{
    text_done(&answer->text);
}

int64_t provider_more_tokens(int64_t max_output_tokens)
{
    int64_t doubled = max_output_tokens * 2;
    return doubled < PROVIDER_TOKENS_MOST ? doubled : PROVIDER_TOKENS_MOST;
}

static int64_t input_estimate(const struct provider_prompt *prompt)
{
    return (int64_t)((prompt->system.len + prompt->user.len + 3) / 4);
}

int64_t provider_estimate_tokens(const struct provider_prompt *prompt)
{
    return input_estimate(prompt) + prompt->max_output_tokens;
}

// Dollars per million tokens are millionths of a dollar per token.
static int64_t micro_usd(const struct provider_settings *settings, int64_t input, int64_t output)
{
    return (int64_t)ceil((double)input * settings->usd_in + (double)output * settings->usd_out);
}

int64_t provider_estimate_micro_usd(const struct provider_settings *settings,
                                    const struct provider_prompt *prompt)
{
    return micro_usd(settings, input_estimate(prompt), prompt->max_output_tokens);
}

int64_t provider_tokens(const struct provider_answer *answer)
{
    return answer->input_tokens + answer->output_tokens + answer->thought_tokens;
}

int64_t provider_micro_usd(const struct provider_settings *settings,
                           const struct provider_answer *answer)
{
    return micro_usd(settings, answer->input_tokens,
                     answer->output_tokens + answer->thought_tokens);
}
