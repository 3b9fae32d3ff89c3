// SPDX-License-Identifier: MIT
// Settings and requests, as far as they do not depend on the protocol; gemini.c and openai.c know
// their JSON. What becomes of replies is in answer.c.

#include "planner/provider.h"

#include <string.h>

#include "base/mem.h"
#include "planner/address.h"
#include "planner/codec.h"

enum { BODY_FRAME = 1500 }; // of a request: what stands around the prompt, and its escapes

static const struct {
    const char *name;    // in records and sentences
    const char *setting; // what its settings' names begin with
    const char *version; // path of the API where the address has none
} kinds[] = {
    [PROVIDER_GEMINI] = {"gemini", "GEMINI", "/v1beta"},
    [PROVIDER_OPENAI] = {"openai-compatible", "OPENAI", "/v1"},
};

const char *provider_kind_name(enum provider_kind kind)
{
    return kinds[kind].name;
}

enum provider_structured provider_structured_from(const char *name)
{
    static const char *const names[] = {"json_schema", "json_object", "none"};
    size_t i = 0;
    while (i < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
        i++;
    return (enum provider_structured)i; // behind the last: PROVIDER_JSON_UNKNOWN
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

static enum err check_address(const struct provider_settings *settings, struct why *why)
{
    const char *prefix = kinds[settings->kind].setting;
    struct address address;
    if (address_parse(settings->base_url, &address, why) != ERR_OK)
        return why_prefix(why, ERR_FATAL, "%s_BASE_URL", prefix);
    if (!address.is_https && !address.is_private && !settings->allows_http)
        return why_say(why, ERR_FATAL,
                       "%s_BASE_URL is http:// to a name or a public address, where others can "
                       "read along: use https://, or LLM_ALLOW_HTTP=yes where the way there is "
                       "your own network",
                       prefix);
    // What needs no key is a server of one's own.
    bool is_own = address.is_private || !address.is_https;
    if (is_empty(settings->key) && (settings->kind == PROVIDER_GEMINI || !is_own))
        return why_say(why, ERR_FATAL,
                       "%s_API_KEY is empty: set it, or take %s out of the list "
                       "of providers",
                       prefix, kinds[settings->kind].name);
    return ERR_OK;
}

// Visible ASCII only: a key goes into a header, a model's name into a path.
static bool is_visible(const char *text, size_t most)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return len <= most;
}

static enum err check_texts(const struct provider_settings *settings, struct why *why)
{
    static const char *const levels[] = {"MINIMAL", "LOW", "MEDIUM", "HIGH"};
    const char *prefix = kinds[settings->kind].setting;
    const char *in_path = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
    if (!is_empty(settings->key) && !is_visible(settings->key, PROVIDER_KEY_MAX))
        return why_say(why, ERR_FATAL,
                       "%s_API_KEY has a blank, a line end or another byte that no "
                       "key has, or is too long",
                       prefix);
    if (is_empty(settings->model))
        return why_say(why, ERR_FATAL, "%s_MODEL is empty: set the name of a model", prefix);
    if (!is_visible(settings->model, PROVIDER_NAME_MAX) ||
        (settings->kind == PROVIDER_GEMINI &&
         settings->model[strspn(settings->model, in_path)] != '\0'))
        return why_say(why, ERR_FATAL, "%s_MODEL is no name of a model as a request names it: %s",
                       prefix,
                       settings->kind == PROVIDER_GEMINI
                           ? "letters, digits, '-', '.' and '_', without models/ in front"
                           : "no blanks, at most 128 bytes");
    bool is_level = is_empty(settings->thinking);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        is_level = is_level || strcmp(settings->thinking, levels[i]) == 0;
    return is_level ? ERR_OK
                    : why_say(why, ERR_FATAL,
                              "%s_THINKING is none of MINIMAL, LOW, MEDIUM, HIGH; "
                              "empty: the model's own",
                              prefix);
}

static bool is_price(double usd)
{
    return usd >= 0 && usd <= 10000; // false for NaN
}

enum err provider_check(const struct provider_settings *settings, struct why *why)
{
    const char *prefix = kinds[settings->kind].setting;
    if (settings->kind == PROVIDER_GEMINI && !settings->is_paid_tier)
        return why_say(
            why, ERR_FATAL,
            "GEMINI_PAID_TIER is not yes: what an unpaid key sends may be used to improve Google's "
            "products and be read by people, and in the EEA, Switzerland and the UK only paid "
            "services may be used. State GEMINI_PAID_TIER=yes where the key is of the paid tier, "
            "or take gemini out of the list of providers");
    enum err err = check_address(settings, why);
    if (err == ERR_OK)
        err = check_texts(settings, why);
    if (err != ERR_OK)
        return err;
    if (settings->structured == PROVIDER_JSON_UNKNOWN)
        return why_say(why, ERR_FATAL, "%s_STRUCTURED is none of json_schema, json_object, none",
                       prefix);
    if (settings->max_output_tokens < 1 || settings->max_output_tokens > PROVIDER_TOKENS_MOST)
        return why_say(why, ERR_FATAL, "%s_MAX_OUTPUT_TOKENS is not between 1 and %d", prefix,
                       PROVIDER_TOKENS_MOST);
    if (!is_price(settings->usd_in) || !is_price(settings->usd_out))
        return why_say(why, ERR_FATAL,
                       "%s_PRICE_IN and %s_PRICE_OUT are dollars per million "
                       "tokens, from 0 to 10000",
                       prefix, prefix);
    if (settings->timeout_ms < 1 || settings->timeout_ms > PROVIDER_TIMEOUT_MOST_MS)
        return why_say(why, ERR_FATAL, "LLM_TIMEOUT is not between 1ms and 10m");
    return ERR_OK;
}

static enum err write_url(const struct provider_settings *settings, struct text *out,
                          struct why *why)
{
    struct address address;
    enum err err = address_parse(settings->base_url, &address, why);
    if (err == ERR_OK)
        err = text_append(out, address.base.data, address.base.len);
    if (err == ERR_OK && !address.has_path)
        err = text_append_string(out, kinds[settings->kind].version);
    if (err != ERR_OK)
        return err;
    switch (settings->kind) {
    case PROVIDER_GEMINI:
        return text_printf(out, "/models/%s:generateContent", settings->model);
    case PROVIDER_OPENAI:
        return text_append_string(out, "/chat/completions");
    }
    return ERR_FATAL;
}

static void add_header(struct provider_request *request, const char *name, char *value)
{
    request->headers[request->header_count].name = name;
    request->headers[request->header_count++].value = value;
}

static void add_headers(const struct provider_settings *settings, struct provider_request *request)
{
    add_header(request, "Content-Type", mem_dup("application/json"));
    add_header(request, "Accept", mem_dup("application/json"));
    switch (settings->kind) {
    case PROVIDER_GEMINI:
        add_header(request, "x-goog-api-key", mem_dup(settings->key));
        add_header(request, "X-Server-Timeout",
                   mem_printf("%lld", (long long)((settings->timeout_ms + 999) / 1000)));
        return;
    case PROVIDER_OPENAI:
        if (!is_empty(settings->key))
            add_header(request, "Authorization", mem_printf("Bearer %s", settings->key));
        return;
    }
}

enum err provider_build(const struct provider_settings *settings,
                        const struct provider_prompt *prompt, struct provider_request *ret,
                        struct why *why)
{
    struct provider_request request = {.url = TEXT_INIT(ADDRESS_MAX + PROVIDER_NAME_MAX + 64),
                                       .body = TEXT_INIT(PROVIDER_BODY_MAX)};
    enum err err = write_url(settings, &request.url, why);
    // Most of it at once, where it fits; what does not is refused below.
    IGNORE(text_room(&request.body, prompt->system.len + prompt->user.len + BODY_FRAME));
    if (err == ERR_OK) {
        err = settings->kind == PROVIDER_GEMINI ? gemini_write(settings, prompt, &request.body)
                                                : openai_write(settings, prompt, &request.body);
        if (err != ERR_OK)
            why_code(why, err, "prompt-too-large", "a request of over %d bytes is not sent",
                     PROVIDER_BODY_MAX);
    }
    if (err != ERR_OK) {
        provider_request_done(&request);
        return err;
    }
    add_headers(settings, &request);
    *ret = request;
    return ERR_OK;
}

void provider_request_done(struct provider_request *request)
{
    text_done(&request->url);
    text_done(&request->body);
    for (size_t i = 0; i < request->header_count; i++)
        mem_free_p(&request->headers[i].value);
    request->header_count = 0;
}
