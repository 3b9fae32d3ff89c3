// SPDX-License-Identifier: MIT
#include "registry/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "http/client.h"
#include "json/json.h"

// One lock around everything: requests are rare (one per new schema), and while one thread waits
// for an answer the others have nothing to ask that would not wait too. Known schemas are a list,
// unknown ids a direct-mapped table that forgets by overwriting: bounded whatever arrives.

enum {
    ANSWER_MAX = 1024 * 1024,
    SCHEMA_MAX = 512 * 1024,
    UNKNOWN_SLOTS = 16384,
    KNOWN_MAX = 10000,
    TELL_MS = 10000
};

static const char media_type[] = "application/vnd.schemaregistry.v1+json";

struct known {
    struct known *next;
    uint32_t id;
    char *schema;
};

struct unknown {
    uint32_t id;
    int64_t until_ms; // 0: empty
};

struct registry {
    pthread_mutex_t lock;
    struct http_client *http;
    char *url;
    int64_t unknown_ms;
    void (*on_wait)(const struct why *why);
    struct known *known;
    size_t known_count;
    struct unknown *unknown;
};

enum err registry_check_url(const char *url, struct why *why)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    size_t host = strcspn(url + scheme, "/?#");
    if (memchr(url + scheme, '@', host) != NULL)
        return why_say(why, ERR_FATAL,
                       "SCHEMA_REGISTRY_URL must not hold a user: set SCHEMA_REGISTRY_USER and "
                       "SCHEMA_REGISTRY_PASSWORD");
    bool is_odd = host == 0 || url[scheme] == ':' || url[scheme + host] == '?' ||
                  url[scheme + host] == '#' || strpbrk(url, " \t\r\n") != NULL;
    if (scheme > 0 && !is_odd)
        return ERR_OK;
    return why_say(
        why, ERR_FATAL,
        "SCHEMA_REGISTRY_URL must be http://host:port or https://..., perhaps with a path, "
        "and is \"%.150s\"",
        url);
}

enum err registry_open(const struct registry_options *options, struct registry **ret,
                       struct why *why)
{
    struct registry *registry = mem_zalloc(sizeof *registry);
    pthread_mutex_init(&registry->lock, NULL);
    size_t len = strlen(options->url);
    while (len > 0 && options->url[len - 1] == '/')
        len--;
    registry->url = mem_dup_bytes(options->url, len);
    registry->unknown_ms = options->unknown_ms > 0 ? options->unknown_ms : 60000;
    registry->on_wait = options->on_wait;
    registry->unknown = mem_array(UNKNOWN_SLOTS, sizeof *registry->unknown);
    const struct http_options http = {.user = options->user,
                                      .password = options->password,
                                      .token = options->token,
                                      .ca_file = options->ca_file,
                                      .timeout_ms =
                                          options->timeout_ms > 0 ? options->timeout_ms : 5000};
    enum err err = http_client_new(&http, &registry->http, why);
    if (err != ERR_OK) {
        registry_close(registry);
        return err;
    }
    *ret = registry;
    return ERR_OK;
}

void registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    for (struct known *known = registry->known, *next = NULL; known != NULL; known = next) {
        next = known->next;
        free(known->schema);
        free(known);
    }
    http_client_free(registry->http);
    pthread_mutex_destroy(&registry->lock);
    free(registry->unknown);
    free(registry->url);
    free(registry);
}

// The registry's own words for a refusal, without control bytes.
static void words_of(const struct text *body, char out[200])
{
    struct json *root = NULL;
    const char *message = NULL;
    snprintf(out, 200, "no reason given");
    if (json_parse(text_bytes(body), ANSWER_MAX, 16, &root, NULL) != ERR_OK)
        return;
    if (json_kind(root) == JSON_KIND_OBJECT &&
        json_get_string(root, "", "message", ANSWER_MAX, &message, NULL) == ERR_OK)
        snprintf(out, 200, "%.199s", message);
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    json_free(root);
}

// What a status that is no success means for the one who asked.
static enum err refuse(long status, const struct text *body, const char *what, struct why *why)
{
    char words[200];
    words_of(body, words);
    bool may_pass = status == 429 || status == 408 || status >= 500;
    return why_code(why, may_pass ? ERR_RETRY : ERR_FATAL, "registry",
                    "schema registry, %s: HTTP %ld, %s", what, status, words);
}

static enum err ask(struct registry *registry, const char *method, const char *path,
                    const struct text *body, long *ret_status, struct text *answer, struct why *why)
{
    CLEANUP(mem_free_p) char *url = mem_printf("%s%s", registry->url, path);
    const struct http_request request = {
        .method = method,
        .url = url,
        .content_type = body == NULL ? NULL : media_type,
        .accept = "application/vnd.schemaregistry.v1+json, application/json",
        .body = body == NULL ? (struct bytes){0} : text_bytes(body)};
    enum err err = http_send(registry->http, &request, ret_status, answer, why);
    return err == ERR_OK ? ERR_OK
                         : why_prefix(why, err == ERR_REJECT ? ERR_FATAL : err, "schema registry");
}

// One wait of many tries.
struct patience {
    struct backoff backoff;
    int64_t told_ms; // when on_wait was called last
};

static struct patience patience_new(void)
{
    struct patience patience = {0};
    backoff_init(&patience.backoff, 100, 3000);
    return patience;
}

// Behind a try that gave ERR_RETRY. ERR_OK: time for the next one.
static enum err pause_between(const struct registry *registry, struct patience *patience,
                              const struct why *why)
{
    int64_t wait_ms = backoff_next_ms(&patience->backoff), now_ms = clock_mono_ms();
    bool is_due = patience->backoff.tries == 1 || now_ms - patience->told_ms >= TELL_MS;
    if (is_due && registry->on_wait != NULL) {
        struct why told = *why;
        IGNORE(why_prefix(&told, ERR_RETRY, "waiting for %.150s",
                          registry->url)); // its words are what counts
        registry->on_wait(&told);
    }
    if (is_due)
        patience->told_ms = now_ms;
    return program_wait_ms(wait_ms) ? ERR_STOP : ERR_OK;
}

static enum err ask_subjects(struct registry *registry, struct why *why)
{
    CLEANUP(text_done) struct text answer = TEXT_INIT(16 * ANSWER_MAX);
    long status = 0;
    pthread_mutex_lock(&registry->lock);
    enum err err = ask(registry, "GET", "/subjects", NULL, &status, &answer, why);
    pthread_mutex_unlock(&registry->lock);
    return err == ERR_OK && status != 200 ? refuse(status, &answer, "its subjects", why) : err;
}

enum err registry_wait(struct registry *registry, struct why *why)
{
    struct patience patience = patience_new();
    struct why cause = {0}; // on_wait has words also where the caller wants none
    enum err err = ask_subjects(registry, &cause);
    while (err == ERR_RETRY) {
        err = pause_between(registry, &patience, &cause);
        if (err == ERR_OK)
            err = ask_subjects(registry, &cause);
    }
    if (why != NULL)
        *why = cause;
    return err;
}

// RFC 3986: everything but the unreserved characters is escaped in a path segment.
static char *escape(const char *segment)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = mem_array(3 * strlen(segment) + 1, 1), *at = out;
    for (; *segment != '\0'; segment++) {
        unsigned char c = (unsigned char)*segment;
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        if (is_plain) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    *at = '\0';
    return out;
}

static enum err schema_body(const char *schema, struct text *out)
{
    enum err err = text_append_string(out, "{\"schemaType\":\"AVRO\",\"schema\":");
    if (err == ERR_OK)
        err = json_write_string(out, bytes_from_string(schema));
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static enum err read_id(const struct text *answer, uint32_t *ret, struct why *why)
{
    struct json *root = NULL;
    int64_t id = 0;
    enum err err = json_parse(text_bytes(answer), ANSWER_MAX, 16, &root, why);
    if (err == ERR_OK && json_kind(root) != JSON_KIND_OBJECT)
        err = why_say(why, ERR_REJECT, "no object");
    if (err == ERR_OK)
        err = json_get_integer(root, "", "id", 0, UINT32_MAX, &id, why);
    if (root != NULL)
        json_free(root);
    if (err != ERR_OK)
        return why_prefix(why, ERR_FATAL, "the schema registry's answer");
    *ret = (uint32_t)id;
    return ERR_OK;
}

// Compatibility first, so that the very first version of a subject is already under it.
static enum err set_backward(struct registry *registry, const char *subject, struct text *answer,
                             struct why *why)
{
    CLEANUP(text_done) struct text body = TEXT_INIT(128);
    CLEANUP(mem_free_p) char *path = mem_printf("/config/%s", subject);
    long status = 0;
    IGNORE(
        text_append_string(&body, "{\"compatibility\":\"BACKWARD\"}")); // shorter than the ceiling
    enum err err = ask(registry, "PUT", path, &body, &status, answer, why);
    if (err == ERR_OK && status != 200)
        err = refuse(status, answer, subject, why);
    return err;
}

enum err registry_register(struct registry *registry, const char *subject, const char *schema,
                           uint32_t *ret_id, struct why *why)
{
    CLEANUP(text_done) struct text body = TEXT_INIT(2 * ANSWER_MAX);
    CLEANUP(text_done) struct text answer = TEXT_INIT(ANSWER_MAX);
    CLEANUP(mem_free_p) char *escaped = escape(subject);
    CLEANUP(mem_free_p) char *path = mem_printf("/subjects/%s/versions", escaped);
    if (schema_body(schema, &body) != ERR_OK)
        return why_say(why, ERR_FATAL, "the schema of %s is too large", subject);
    long status = 0;
    pthread_mutex_lock(&registry->lock);
    enum err err = set_backward(registry, escaped, &answer, why);
    if (err == ERR_OK)
        err = ask(registry, "POST", path, &body, &status, &answer, why);
    pthread_mutex_unlock(&registry->lock);
    if (err == ERR_OK && status != 200)
        err = refuse(status, &answer, subject, why);
    return err == ERR_OK ? read_id(&answer, ret_id, why) : err;
}

enum err registry_register_wait(struct registry *registry, const char *subject, const char *schema,
                                uint32_t *ret_id, struct why *why)
{
    struct patience patience = patience_new();
    struct why cause = {0};
    enum err err = registry_register(registry, subject, schema, ret_id, &cause);
    while (err == ERR_RETRY) {
        err = pause_between(registry, &patience, &cause);
        if (err == ERR_OK)
            err = registry_register(registry, subject, schema, ret_id, &cause);
    }
    if (why != NULL)
        *why = cause;
    return err;
}

// ERR_RETRY where this is no answer of a registry (a proxy's page, say): the message that names the
// schema must not be refused for that. *ret NULL: a schema, but no Avro.
static enum err read_schema(const struct text *answer, char **ret, struct why *why)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    const char *schema = NULL, *type = NULL;
    enum err err = json_parse(text_bytes(answer), ANSWER_MAX, 16, &root, why);
    if (err == ERR_OK && json_kind(root) != JSON_KIND_OBJECT)
        err = why_say(why, ERR_REJECT, "no object");
    if (err == ERR_OK)
        err = json_get_string_or(root, "", "schemaType", 64, "AVRO", &type, why);
    if (err == ERR_OK)
        err = json_get_string(root, "", "schema", SCHEMA_MAX, &schema, why);
    if (err != ERR_OK)
        return why_prefix(why, ERR_RETRY, "the schema registry's answer");
    *ret = strcmp(type, "AVRO") == 0 ? mem_dup(schema) : NULL;
    return ERR_OK;
}

static enum err no_such_schema(uint32_t id, struct why *why)
{
    return why_code(why, ERR_REJECT, "unknown-schema",
                    "the schema registry has no Avro schema with id %u", id);
}

// A 404 can also come from a proxy or a wrong path; the registry itself says error_code 40403.
static bool says_unknown(const struct text *answer)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    int64_t code = 0;
    return json_parse(text_bytes(answer), ANSWER_MAX, 16, &root, NULL) == ERR_OK &&
           json_kind(root) == JSON_KIND_OBJECT &&
           json_get_integer(root, "", "error_code", 0, INT32_MAX, &code, NULL) == ERR_OK &&
           code == 40403;
}

// Under the lock: asks for the schema. *ret NULL: the registry has no Avro schema with this id.
static enum err ask_schema(struct registry *registry, uint32_t id, char **ret, struct why *why)
{
    CLEANUP(text_done) struct text answer = TEXT_INIT(ANSWER_MAX);
    char path[40];
    long status = 0;
    *ret = NULL;
    snprintf(path, sizeof path, "/schemas/ids/%u", id);
    enum err err = ask(registry, "GET", path, NULL, &status, &answer, why);
    if (err != ERR_OK)
        return err;
    if (status == 200)
        return read_schema(&answer, ret, why);
    if (status == 404 && says_unknown(&answer))
        return ERR_OK;
    return status == 404
               ? why_code(why, ERR_RETRY, "registry",
                          "schema registry, %s: HTTP 404, and not in the registry's words", path)
               : refuse(status, &answer, path, why);
}

// Under the lock, for a schema that is not known here.
static enum err fetch(struct registry *registry, uint32_t id, const char **ret, struct why *why)
{
    struct unknown *unknown = &registry->unknown[id % UNKNOWN_SLOTS];
    if (id > INT32_MAX) // ids are positive Java ints; registries choke on anything else
        return no_such_schema(id, why);
    if (unknown->until_ms > clock_mono_ms() && unknown->id == id)
        return no_such_schema(id, why);
    char *schema = NULL;
    enum err err = ask_schema(registry, id, &schema, why);
    if (err != ERR_OK)
        return err;
    if (schema == NULL) {
        *unknown = (struct unknown){id, clock_mono_ms() + registry->unknown_ms};
        return no_such_schema(id, why);
    }
    if (registry->known_count == KNOWN_MAX) {
        free(schema);
        return why_say(why, ERR_FATAL, "more than %d different schemas are in use", KNOWN_MAX);
    }
    struct known *known = mem_zalloc(sizeof *known);
    *known = (struct known){registry->known, id, schema};
    registry->known = known;
    registry->known_count++;
    *ret = schema;
    return ERR_OK;
}

enum err registry_schema(struct registry *registry, uint32_t id, const char **ret, struct why *why)
{
    pthread_mutex_lock(&registry->lock);
    const struct known *known = registry->known;
    while (known != NULL && known->id != id)
        known = known->next;
    enum err err = ERR_OK;
    if (known != NULL)
        *ret = known->schema;
    else
        err = fetch(registry, id, ret, why);
    pthread_mutex_unlock(&registry->lock);
    return err;
}
