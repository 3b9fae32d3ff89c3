// SPDX-License-Identifier: MIT
// Gemini's generateContent, v1beta. Every part of a reply may be absent. Errors are
// google.rpc.Status in JSON (code, message, status, details); the delay to wait is in its details
// and never in a header, and a quota of the day names a delay of seconds as well, so quotas are
// looked at before delays. The order of the three actions is that of `required`; bounds of length
// and number are not asked for, since newer models refuse them: our own check has them.

#include <string.h>

#include "planner/codec.h"
#include "planner/reply.h"

enum { PER_MINUTE_MS = 60000 }; // what a quota of the minute waits where no delay is named

static bool put(struct text *out, const char *json)
{
    return text_append_string(out, json) == ERR_OK;
}

static bool put_text(struct text *out, struct bytes text)
{
    return put(out, "{\"text\":") && json_write_string(out, text) == ERR_OK && put(out, "}");
}

static bool put_schema(struct text *out)
{
#define ACTION                                                                                     \
    "{\"type\":\"STRING\",\"description\":\"one concrete action, at most 200 characters\"}"
    return put(out, ",\"responseSchema\":{\"type\":\"OBJECT\",\"properties\":{"
                    "\"action_1\":" ACTION ",\"action_2\":" ACTION ",\"action_3\":" ACTION "},"
                    "\"required\":[\"action_1\",\"action_2\",\"action_3\"],"
                    "\"propertyOrdering\":[\"action_1\",\"action_2\",\"action_3\"]}");
#undef ACTION
}

static bool put_thinking(struct text *out, const char *level)
{
    return put(out, ",\"thinkingConfig\":{\"thinkingLevel\":") &&
           json_write_string(out, bytes_from_string(level)) == ERR_OK && put(out, "}");
}

enum err gemini_write(const struct provider_settings *settings,
                      const struct provider_prompt *prompt, struct text *out)
{
    bool has_thinking = settings->thinking != NULL && settings->thinking[0] != '\0';
    bool is_fine = put(out, "{\"systemInstruction\":{\"parts\":[") &&
                   put_text(out, prompt->system) &&
                   put(out, "]},\"contents\":[{\"role\":\"user\",\"parts\":[") &&
                   put_text(out, prompt->user) &&
                   text_printf(out, "]}],\"generationConfig\":{\"maxOutputTokens\":%lld",
                               (long long)prompt->max_output_tokens) == ERR_OK;
    if (is_fine && settings->structured != PROVIDER_JSON_NONE)
        is_fine = put(out, ",\"responseMimeType\":\"application/json\"");
    if (is_fine && settings->structured == PROVIDER_JSON_SCHEMA)
        is_fine = put_schema(out);
    if (is_fine && has_thinking)
        is_fine = put_thinking(out, settings->thinking);
    return is_fine && put(out, "},\"store\":false}") ? ERR_OK : ERR_REJECT;
}

// What an error's details and message say.
struct details {
    bool is_key;        // the key is not valid
    bool is_daily;      // a quota of the day
    bool is_per_minute; // a quota of the minute
    bool is_zero;       // a quota of nothing
    int64_t delay_ms;
};

// "limit: 0", but not "limit: 0.5" or "limit: 05".
static bool says_no_limit(const char *message)
{
    for (const char *at = strcasestr(message, "limit: 0"); at != NULL;
         at = strcasestr(at + 1, "limit: 0"))
        if (at[8] != '.' && (at[8] < '0' || at[8] > '9'))
            return true;
    return false;
}

static bool says_daily(const char *text)
{
    return strcasestr(text, "PerDay") != NULL || strcasestr(text, "per day") != NULL ||
           strcasestr(text, "daily") != NULL;
}

static void read_violations(const struct json *violations, struct details *ret)
{
    for (size_t i = 0; i < json_count(violations); i++) {
        const struct json *violation = json_at(violations, i);
        const char *id = reply_string(json_member(violation, "quotaId"));
        ret->is_daily = ret->is_daily || says_daily(id);
        ret->is_per_minute = ret->is_per_minute || strcasestr(id, "PerMinute") != NULL;
        ret->is_zero =
            ret->is_zero || strcmp(reply_string(json_member(violation, "quotaValue")), "0") == 0;
    }
}

static void read_message(const char *message, struct details *ret)
{
    const char *retry = strcasestr(message, "retry in ");
    ret->is_key = strcasestr(message, "API key not valid") != NULL ||
                  strcasestr(message, "API key expired") != NULL;
    ret->is_daily = says_daily(message);
    ret->is_zero = says_no_limit(message);
    ret->delay_ms = retry == NULL ? 0 : reply_delay_ms(retry + strlen("retry in "));
}

static struct details read_details(const struct json *error)
{
    struct details ret = {0};
    const struct json *details = json_member(error, "details");
    read_message(reply_string(json_member(error, "message")), &ret);
    for (size_t i = 0; i < json_count(details); i++) {
        const struct json *detail = json_at(details, i);
        const char *reason = reply_string(json_member(detail, "reason"));
        int64_t delay_ms = reply_delay_ms(reply_string(json_member(detail, "retryDelay")));
        ret.is_key = ret.is_key || strncmp(reason, "API_KEY_", 8) == 0;
        ret.delay_ms = delay_ms > ret.delay_ms ? delay_ms : ret.delay_ms;
        read_violations(json_member(detail, "violations"), &ret);
    }
    return ret;
}

static enum provider_fault read_quota(const struct json *error, const struct details *details,
                                      struct provider_answer *ret)
{
    const char *message = reply_string(json_member(error, "message"));
    if (strcasestr(message, "credits are depleted") != NULL)
        return PROVIDER_FAULT_CREDITS;
    if (details->is_zero)
        return PROVIDER_FAULT_NO_QUOTA;
    if (details->is_daily)
        return PROVIDER_FAULT_DAILY;
    if (details->is_per_minute && ret->retry_after_ms == 0)
        ret->retry_after_ms = PER_MINUTE_MS;
    return PROVIDER_FAULT_RATE;
}

static enum provider_fault read_error(const struct json *root, int64_t http_status,
                                      struct provider_answer *ret)
{
    const struct json *error = json_member(root, "error");
    int64_t status = codec_status_of_error(error, http_status);
    const char *name = reply_string(json_member(error, "status"));
    struct details details = read_details(error);
    ret->has_use = true; // an error has used nothing
    ret->retry_after_ms = details.delay_ms;
    if (status == 429)
        return read_quota(error, &details, ret);
    if (status == 400 && details.is_key)
        return PROVIDER_FAULT_KEY;
    if (status == 400 && strcmp(name, "FAILED_PRECONDITION") == 0)
        return PROVIDER_FAULT_PRECONDITION;
    return codec_fault_of_status(status, error != NULL);
}

static void read_use(const struct json *root, struct provider_answer *ret)
{
    const struct json *use = json_member(root, "usageMetadata");
    ret->has_use = reply_is_there(use);
    ret->input_tokens = reply_tokens(use, "promptTokenCount");
    ret->output_tokens = reply_tokens(use, "candidatesTokenCount");
    ret->thought_tokens = reply_tokens(use, "thoughtsTokenCount");
}

static void read_model(const struct json *root, struct provider_answer *ret)
{
    const char *stage = reply_string(json_member(json_member(root, "modelStatus"), "modelStage"));
    codec_set_model(ret, reply_string(json_member(root, "modelVersion")));
    ret->is_model_retiring = strcmp(stage, "LEGACY") == 0 || strcmp(stage, "DEPRECATED") == 0 ||
                             strcmp(stage, "RETIRED") == 0;
}

// The parts put together, but for thoughts. A reply's texts are shorter than the reply.
static void read_parts(const struct json *parts, struct provider_answer *ret)
{
    for (size_t i = 0; i < json_count(parts); i++) {
        const struct json *part = json_at(parts, i);
        const struct json *thought = json_member(part, "thought");
        if (thought != NULL && json_kind(thought) == JSON_KIND_BOOLEAN && json_as_boolean(thought))
            continue;
        IGNORE(text_append_string(&ret->text, reply_string(json_member(part, "text"))));
    }
}

enum provider_fault gemini_read(const struct json *root, int64_t status,
                                struct provider_answer *ret)
{
    if (status != 200 || reply_is_there(json_member(root, "error")))
        return read_error(root, status, ret);
    const char *block =
        reply_string(json_member(json_member(root, "promptFeedback"), "blockReason"));
    const struct json *candidate = json_at(json_member(root, "candidates"), 0);
    read_use(root, ret);
    read_model(root, ret);
    read_parts(json_member(json_member(candidate, "content"), "parts"), ret);
    ret->finish = codec_finish(reply_string(json_member(candidate, "finishReason")));
    if (block[0] != '\0' && strcmp(block, "BLOCKED_REASON_UNSPECIFIED") != 0)
        ret->finish = PROVIDER_FINISH_BLOCKED;
    return codec_fault_of_finish(ret);
}
