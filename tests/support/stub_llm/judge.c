// SPDX-License-Identifier: MIT
#include "judge.h"

#include <string.h>
#include <strings.h>

#include "json/json.h"

// The rules stand in the order in which they are told; a request is refused for the first that it
// breaks. Strings are forbidden both as they came and as they read once their JSON escapes are
// gone.

enum { BODY_MAX = 256 * 1024, DEPTH_MAX = 32, JSON_IN_JSON_MAX = 3 };

static const char gemini_begin[] = "/v1beta/models/", gemini_end[] = ":generateContent";

bool judge_is_model_path(const char *path, enum dialect *ret)
{
    size_t len = strlen(path), begin = strlen(gemini_begin), end = strlen(gemini_end);
    if (strcmp(path, "/v1/chat/completions") == 0) {
        *ret = DIALECT_OPENAI;
        return true;
    }
    *ret = DIALECT_GEMINI;
    return len > begin + end && strncmp(path, gemini_begin, begin) == 0 &&
           strcmp(path + len - end, gemini_end) == 0;
}

void asked_done(struct asked *asked)
{
    text_done(&asked->model);
    text_done(&asked->system);
    text_done(&asked->user);
}

static bool has(struct bytes text, const char *part)
{
    size_t len = strlen(part);
    return len > 0 && memmem(text.data, text.len, part, len) != NULL;
}

static enum err check_key(enum dialect dialect, const struct incoming *in, struct why *why)
{
    static const char bearer[] = "Bearer ";
    const char *key = in->api_key;
    if (dialect == DIALECT_OPENAI) {
        bool is_bearer =
            in->authorization != NULL && strncmp(in->authorization, bearer, strlen(bearer)) == 0;
        key = is_bearer ? in->authorization + strlen(bearer) : NULL;
    }
    if (in->has_key_in_query || (key != NULL && has(bytes_from_string(in->path), key)))
        return why_code(why, ERR_REJECT, "key-in-url", "the key is in the URL");
    if (in->has_query)
        return why_code(why, ERR_REJECT, "query", "the URL has a query, which none needs");
    if (key == NULL || key[0] == '\0')
        return why_code(why, ERR_REJECT, "no-key", "the header %s is missing or empty",
                        dialect == DIALECT_OPENAI ? "Authorization: Bearer" : "x-goog-api-key");
    if (has(in->body, key))
        return why_code(why, ERR_REJECT, "key-in-body", "the key is in the body");
    return ERR_OK;
}

// In the names and strings of a JSON value, without their escapes; a string that is a JSON text
// itself is looked into, `levels` times.
static bool finds_in_json(const struct forbid *forbid, const struct json *node, unsigned levels,
                          size_t *ret_line)
{
    bool is_found = false;
    void *iterator = NULL;
    const char *name = NULL;
    if (json_kind(node) == JSON_KIND_OBJECT)
        for (const struct json *member;
             !is_found && (member = json_next(node, &iterator, &name)) != NULL;)
            is_found = forbid_finds(forbid, bytes_from_string(name), ret_line) ||
                       finds_in_json(forbid, member, levels, ret_line);
    if (json_kind(node) == JSON_KIND_ARRAY)
        for (size_t i = 0; i < json_count(node) && !is_found; i++)
            is_found = finds_in_json(forbid, json_at(node, i), levels, ret_line);
    if (json_kind(node) != JSON_KIND_STRING)
        return is_found;
    CLEANUP(json_free_p) struct json *inner = NULL;
    is_found = forbid_finds(forbid, json_as_bytes(node), ret_line);
    if (!is_found && levels > 0 &&
        json_parse(json_as_bytes(node), BODY_MAX, DEPTH_MAX, &inner, NULL) == ERR_OK)
        is_found = finds_in_json(forbid, inner, levels - 1, ret_line);
    return is_found;
}

static enum err check_forbidden(const struct forbid *forbid, const struct incoming *in,
                                const struct json *body, struct why *why)
{
    size_t line = 0;
    if (forbid == NULL)
        return ERR_OK;
    const char *where = forbid_finds(forbid, bytes_from_string(in->path), &line) ? "URL"
                        : forbid_finds(forbid, in->headers, &line)               ? "headers"
                        : forbid_finds(forbid, in->body, &line)                  ? "body"
                        : finds_in_json(forbid, body, JSON_IN_JSON_MAX, &line)   ? "body"
                                                                                 : NULL;
    return where == NULL ? ERR_OK
                         : why_code(why, ERR_REJECT, "forbidden",
                                    "the %s holds the forbidden string of line %zu", where, line);
}

// What the newer models refuse or ignore.
static enum err check_parameters(const struct json *body, enum dialect dialect, struct why *why)
{
    const struct json *object =
        dialect == DIALECT_GEMINI ? json_member(body, "generationConfig") : body;
    static const char *const names[] = {"temperature", "topP",  "topK", "candidateCount",
                                        "top_p",       "top_k", "n"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (json_member(object, names[i]) != NULL)
            return why_code(why, ERR_REJECT, "parameter", "the request sets %s", names[i]);
    return ERR_OK;
}

static enum err check_store(const struct json *body, enum dialect dialect, struct why *why)
{
    const struct json *store = json_member(body, "store");
    bool is_false =
        store != NULL && json_kind(store) == JSON_KIND_BOOLEAN && !json_as_boolean(store);
    if (is_false || (store == NULL && dialect == DIALECT_OPENAI))
        return ERR_OK;
    return why_code(why, ERR_REJECT, "store", "\"store\" is not false");
}

// The texts of {"parts":[{"text":..}]}, one behind the other.
static enum err read_parts(const struct json *content, const char *where, struct text *into,
                           struct why *why)
{
    const struct json *parts = NULL;
    enum err err = json_get_array(content, where, "parts", 100, &parts, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(parts); i++) {
        const char *text = NULL;
        err = json_get_string(json_at(parts, i), "parts[]", "text", BODY_MAX, &text, why);
        if (err == ERR_OK)
            err = text_append_string(into, text);
    }
    return err;
}

static enum err read_gemini(const struct incoming *in, const struct json *body, struct asked *ret,
                            struct why *why)
{
    const struct json *system = NULL, *contents = NULL, *config = NULL;
    size_t begin = strlen(gemini_begin);
    enum err err =
        text_append(&ret->model, in->path + begin, strlen(in->path) - begin - strlen(gemini_end));
    if (err == ERR_OK)
        err = json_get_object(body, "", "systemInstruction", &system, why);
    if (err == ERR_OK)
        err = read_parts(system, "systemInstruction", &ret->system, why);
    if (err == ERR_OK)
        err = json_get_array(body, "", "contents", 100, &contents, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(contents); i++)
        err = read_parts(json_at(contents, i), "contents[]", &ret->user, why);
    if (err == ERR_OK)
        err = json_get_object(body, "", "generationConfig", &config, why);
    return err;
}

static enum err read_openai(const struct json *body, struct asked *ret, struct why *why)
{
    const struct json *messages = NULL;
    const char *model = NULL;
    enum err err = json_get_string(body, "", "model", 255, &model, why);
    if (err == ERR_OK)
        err = text_append_string(&ret->model, model);
    if (err == ERR_OK)
        err = json_get_array(body, "", "messages", 100, &messages, why);
    for (size_t i = 0; err == ERR_OK && i < json_count(messages); i++) {
        const char *role = NULL, *content = NULL;
        const struct json *message = json_at(messages, i);
        err = json_get_string(message, "messages[]", "role", 20, &role, why);
        if (err == ERR_OK)
            err = json_get_string(message, "messages[]", "content", BODY_MAX, &content, why);
        if (err == ERR_OK)
            err = text_append_string(strcmp(role, "system") == 0 ? &ret->system : &ret->user,
                                     content);
    }
    return err;
}

// The language that the user's text (one JSON object) names, else what the instruction speaks of.
static bool is_french(const struct asked *asked)
{
    static const char *const names[] = {"language", "langue", "lang", "locale"};
    struct json *user = NULL;
    bool is_named = false, is_french = false;
    if (json_parse(text_bytes(&asked->user), BODY_MAX, DEPTH_MAX, &user, NULL) == ERR_OK)
        for (size_t i = 0; i < ARRAY_LEN(names) && !is_named; i++) {
            const struct json *value = json_member(user, names[i]);
            is_named = value != NULL && json_kind(value) == JSON_KIND_STRING;
            is_french = is_named && strncasecmp(json_as_string(value), "fr", 2) == 0;
        }
    json_free(user);
    return is_named ? is_french
                    : strcasestr(text_string(&asked->system), "french") != NULL ||
                          strcasestr(text_string(&asked->system), "français") != NULL;
}

static enum err read_texts(const struct incoming *in, const struct json *body, struct asked *ret,
                           struct why *why)
{
    struct why bad = {0};
    enum err err = ret->dialect == DIALECT_GEMINI ? read_gemini(in, body, ret, &bad)
                                                  : read_openai(body, ret, &bad);
    if (err != ERR_OK)
        return why_code(why, ERR_REJECT, "shape", "the body is not as documented: %s", bad.text);
    if (ret->system.len == 0 || ret->user.len == 0)
        return why_code(why, ERR_REJECT, "no-prompt", "an instruction or a user's text is missing");
    ret->is_french = is_french(ret);
    return ERR_OK;
}

enum err judge(const struct forbid *forbid, const struct incoming *in, struct asked *ret,
               struct why *why)
{
    if (!judge_is_model_path(in->path, &ret->dialect) || strcmp(in->method, "POST") != 0)
        return why_code(why, ERR_REJECT, "method", "only POST to a model is answered");
    enum err err = check_key(ret->dialect, in, why);
    if (err != ERR_OK)
        return err;
    if (in->content_type == NULL || strncasecmp(in->content_type, "application/json", 16) != 0)
        return why_code(why, ERR_REJECT, "content-type", "Content-Type is not application/json");
    struct json *body = NULL;
    if (json_parse(in->body, BODY_MAX, DEPTH_MAX, &body, NULL) != ERR_OK)
        return why_code(why, ERR_REJECT, "not-json", "the body is no JSON, or too large");
    err = check_forbidden(forbid, in, body, why);
    if (err == ERR_OK)
        err = check_store(body, ret->dialect, why);
    if (err == ERR_OK)
        err = check_parameters(body, ret->dialect, why);
    if (err == ERR_OK)
        err = read_texts(in, body, ret, why);
    json_free(body);
    return err;
}
