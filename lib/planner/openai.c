// SPDX-License-Identifier: MIT
// Chat completions as OpenAI made them and others copied them, each a little differently: finish
// reasons in lower or upper case, the content as a string or as parts, an error as a string, as an
// object or beside the reply. A missing model is 404 or 400 and says "model" in its message.

#include <string.h>

#include "planner/codec.h"
#include "planner/reply.h"

static bool put(struct text *out, const char *json)
{
    return text_append_string(out, json) == ERR_OK;
}

static bool put_string(struct text *out, struct bytes string)
{
    return json_write_string(out, string) == ERR_OK;
}

static const char *format_of(enum provider_structured structured)
{
    switch (structured) {
    case PROVIDER_JSON_SCHEMA:
        return ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
               "\"name\":\"retention_plan\",\"strict\":true,\"schema\":{"
               "\"type\":\"object\",\"additionalProperties\":false,"
               "\"required\":[\"action_1\",\"action_2\",\"action_3\"],"
               "\"properties\":{\"action_1\":{\"type\":\"string\"},"
               "\"action_2\":{\"type\":\"string\"},\"action_3\":{\"type\":\"string\"}}}}}";
    case PROVIDER_JSON_OBJECT:
        return ",\"response_format\":{\"type\":\"json_object\"}";
    case PROVIDER_JSON_NONE:
    case PROVIDER_JSON_UNKNOWN:
        break;
    }
    return "";
}

enum err openai_write(const struct provider_settings *settings,
                      const struct provider_prompt *prompt, struct text *out)
{
    bool is_fine = put(out, "{\"model\":") && put_string(out, bytes_from_string(settings->model)) &&
                   put(out, ",\"messages\":[{\"role\":\"system\",\"content\":") &&
                   put_string(out, prompt->system) &&
                   put(out, "},{\"role\":\"user\",\"content\":") && put_string(out, prompt->user) &&
                   text_printf(out, "}],\"max_tokens\":%lld",
                               (long long)prompt->max_output_tokens) == ERR_OK &&
                   put(out, format_of(settings->structured)) && put(out, "}");
    return is_fine ? ERR_OK : ERR_REJECT;
}

// {"error":{"message":..}}, {"error":".."} or {"message":..}
static const char *message_of(const struct json *root, const struct json *error)
{
    const struct json *message = json_member(error, "message");
    if (message != NULL)
        return reply_string(message);
    return reply_string(error != NULL ? error : json_member(root, "message"));
}

static enum provider_fault read_error(const struct json *root, int64_t http_status,
                                      struct provider_answer *ret)
{
    const struct json *error = json_member(root, "error");
    int64_t status = codec_status_of_error(error, http_status);
    const char *message = message_of(root, error);
    const char *code = reply_string(json_member(error, "code"));
    ret->has_use = true; // an error has used nothing
    if (strcmp(code, "content_filter") == 0)
        return PROVIDER_FAULT_BLOCKED;
    if (strcmp(code, "insufficient_quota") == 0)
        return PROVIDER_FAULT_CREDITS;
    if (strcmp(code, "model_not_found") == 0 ||
        (status == 400 && strcasestr(message, "requested model") != NULL))
        return PROVIDER_FAULT_MODEL;
    return codec_fault_of_status(status, strcasestr(message, "model") != NULL);
}

static void read_use(const struct json *root, struct provider_answer *ret)
{
    const struct json *use = json_member(root, "usage");
    int64_t all = reply_tokens(use, "completion_tokens");
    int64_t thought =
        reply_tokens(json_member(use, "completion_tokens_details"), "reasoning_tokens");
    ret->has_use = reply_is_there(use);
    ret->input_tokens = reply_tokens(use, "prompt_tokens");
    ret->thought_tokens = thought < all ? thought : all;
    ret->output_tokens = all - ret->thought_tokens;
}

// A string, or parts of which those with a text count. Texts are shorter than the reply.
static void read_content(const struct json *content, struct provider_answer *ret)
{
    IGNORE(text_append_string(&ret->text, reply_string(content)));
    for (size_t i = 0; i < json_count(content); i++) {
        const struct json *text = json_member(json_at(content, i), "text");
        IGNORE(text_append_string(&ret->text, reply_string(text)));
    }
}

enum provider_fault openai_read(const struct json *root, int64_t status,
                                struct provider_answer *ret)
{
    if (status != 200 || reply_is_there(json_member(root, "error")))
        return read_error(root, status, ret);
    const struct json *choice = json_at(json_member(root, "choices"), 0);
    const struct json *message = json_member(choice, "message");
    read_use(root, ret);
    codec_set_model(ret, reply_string(json_member(root, "model")));
    read_content(json_member(message, "content"), ret);
    ret->finish = codec_finish(reply_string(json_member(choice, "finish_reason")));
    if (reply_string(json_member(message, "refusal"))[0] != '\0')
        ret->finish = PROVIDER_FINISH_BLOCKED;
    return codec_fault_of_finish(ret);
}
