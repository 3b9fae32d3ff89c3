// SPDX-License-Identifier: MIT
#include "documents.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "answer.h"
#include "base/log.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "gateway.h"
#include "handlers.h"
#include "json/json.h"
#include "model/model.h"
#include "problem.h"
#include "routes.h"

// Our own files are built in, with a compressed copy beside each; those of Swagger UI are read from
// a directory, where their compressed copies lie. Which names there are stands here: no name that
// a client sends reaches the file system.

#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

enum { FILE_BYTES_MAX = 8 * 1024 * 1024, MODEL_BYTES_MAX = 256 * 1024 * 1024, DEPTH_MAX = 64 };

#define BUILT_IN(name)                                                                             \
    extern const char document_##name[], document_##name##_gz[];                                   \
    extern const unsigned long document_##name##_len, document_##name##_gz_len;
BUILT_IN(index)
BUILT_IN(init)
BUILT_IN(page)
BUILT_IN(openapi)
BUILT_IN(asyncapi)
#undef BUILT_IN

struct file {
    const char *name; // behind /docs/; of one that has a route of its own: nothing is
    const char *type;
    struct text read, read_gzip; // of the directory
    struct bytes plain, gzip;
    char etag[20];
};

struct look {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

enum {
    FILE_INDEX,
    FILE_OPENAPI,
    FILE_ASYNCAPI,
    FILE_INIT,
    FILE_PAGE,
    FILES_OWN,
    FILES = FILES_OWN + 5
};

struct documents {
    struct gateway *gateway;
    struct file files[FILES];
    struct look loaded, seen; // the model's file
    pthread_mutex_t lock;
    struct text card; // empty: none could be read
};

// ---- files

static void name_file(struct file *file, const char *name, const char *type)
{
    char hash[CRYPTO_SHA256_HEX];
    file->name = name;
    file->type = type;
    if (file->plain.len == 0)
        return;
    crypto_sha256_hex(file->plain, hash);
    snprintf(file->etag, sizeof file->etag, "\"%.16s\"", hash);
}

static void take_own(struct documents *documents)
{
#define BUILT_IN(at, id, name, type)                                                               \
    documents->files[at].plain = bytes_of(document_##id, document_##id##_len);                     \
    documents->files[at].gzip = bytes_of(document_##id##_gz, document_##id##_gz_len);              \
    name_file(&documents->files[at], name, type);
    BUILT_IN(FILE_INDEX, index, "", "text/html; charset=utf-8")
    BUILT_IN(FILE_OPENAPI, openapi, "", "application/json")
    BUILT_IN(FILE_ASYNCAPI, asyncapi, "", "application/json")
    BUILT_IN(FILE_INIT, init, "init.js", "text/javascript; charset=utf-8")
    BUILT_IN(FILE_PAGE, page, "page.css", "text/css; charset=utf-8")
#undef BUILT_IN
}

static enum err read_file(const char *directory, const char *name, const char *suffix,
                          struct text *out, struct why *why)
{
    CLEANUP(mem_free_p) char *path = mem_printf("%s/%s%s", directory, name, suffix);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return why_say(why, ERR_FATAL, "DOCS_DIR: cannot open %s: %s", path,
                       strerrordesc_np(errno));
    enum err err = ERR_OK;
    size_t got = 1;
    while (err == ERR_OK && got > 0) {
        char part[16384];
        got = fread(part, 1, sizeof part, file);
        err = text_append(out, part, got);
    }
    bool is_broken = ferror(file) != 0;
    fclose(file);
    return err == ERR_OK && !is_broken ? ERR_OK
                                       : why_say(why, ERR_FATAL, "DOCS_DIR: cannot read %s", path);
}

static enum err read_directory(struct documents *documents, const char *directory, struct why *why)
{
    static const char *const names[FILES - FILES_OWN][2] = {
        {"swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
        {"swagger-ui.css", "text/css; charset=utf-8"},
        {"swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"},
        {"LICENSE", "text/plain; charset=utf-8"},
        {"NOTICE", "text/plain; charset=utf-8"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct file *file = &documents->files[FILES_OWN + i];
        file->read = TEXT_INIT(FILE_BYTES_MAX);
        file->read_gzip = TEXT_INIT(FILE_BYTES_MAX);
        if (directory[0] != '\0') {
            enum err err = read_file(directory, names[i][0], "", &file->read, why);
            if (err == ERR_OK)
                err = read_file(directory, names[i][0], ".gz", &file->read_gzip, why);
            if (err != ERR_OK)
                return err;
        }
        file->plain = text_bytes(&file->read);
        file->gzip = text_bytes(&file->read_gzip);
        name_file(file, names[i][0], names[i][1]);
    }
    return ERR_OK;
}

// ---- the card of the model

static enum err write_inputs(const struct json *root, struct text *out, struct why *why)
{
    const struct json *list = NULL;
    enum err err = json_get_array(root, "", "features", FEATURES_MAX, &list, why);
    if (err == ERR_OK)
        err = text_append_string(out, ",\"inputs\":[");
    for (size_t i = 0; err == ERR_OK && i < json_count(list); i++) {
        const char *name = NULL;
        err = json_get_string(json_at(list, i), "features", "name", FEATURES_NAME_MAX, &name, why);
        if (err == ERR_OK && i > 0)
            err = text_append_string(out, ",");
        if (err == ERR_OK)
            err = json_write_string(out, bytes_from_string(name));
    }
    return err == ERR_OK ? text_append_string(out, "]") : err;
}

// The artefact's own words, which model_load has checked.
static enum err write_card(const struct model *model, const struct json *root, struct text *out,
                           struct why *why)
{
    static const char *const parts[] = {"training", "metrics", "fairness"};
    const struct json *decision = NULL;
    double elevated = 0;
    enum err err = json_get_object(root, "", "decision", &decision, why);
    if (err == ERR_OK)
        err = json_get_number(decision, "decision", "elevated", &elevated, why);
    if (err == ERR_OK)
        err = answer_member(out, '{', "model_id", bytes_from_string(model_id(model)));
    if (err == ERR_OK)
        err = answer_member(out, ',', "kind", bytes_from_string(model_kind(model)));
    if (err == ERR_OK)
        err = text_printf(out, ",\"threshold\":%.15g,\"elevated\":%.15g", model_threshold(model),
                          elevated);
    if (err == ERR_OK)
        err = write_inputs(root, out, why);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(parts); i++) {
        const struct json *part = json_member(root, parts[i]);
        err = text_printf(out, ",\"%s\":", parts[i]);
        if (err == ERR_OK)
            err = part == NULL ? text_append_string(out, "{}") : json_write_node(out, part);
    }
    return err == ERR_OK ? text_append_string(out, "}") : err;
}

static enum err read_card(struct documents *documents, struct why *why)
{
    const char *path = documents->gateway->settings.model_file;
    CLEANUP(model_free_p) struct model *model = NULL;
    CLEANUP(json_free_p) struct json *root = NULL;
    CLEANUP(text_done) struct text card = TEXT_INIT(ANSWER_MAX);
    enum err err = model_load(path, documents->gateway->features, &model, why);
    if (err == ERR_OK)
        err = json_load(path, MODEL_BYTES_MAX, DEPTH_MAX, &root, NULL, why);
    if (err == ERR_OK)
        err = write_card(model, root, &card, why);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&documents->lock);
    struct text old = documents->card;
    documents->card = card;
    pthread_mutex_unlock(&documents->lock);
    card = old; // and freed
    return ERR_OK;
}

static struct look look_at(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (struct look){0};
    return (struct look){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

static bool is_same(const struct look *a, const struct look *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void load_card(struct documents *documents)
{
    struct why why = {0};
    documents->loaded = documents->seen;
    if (read_card(documents, &why) != ERR_OK) // as the worker, who goes on with the one it has
        log_warn("model-refused", "why=\"%s\"", why.text);
}

// A file is read once it has stood still between two looks.
void documents_look(struct documents *documents)
{
    struct look now = look_at(documents->gateway->settings.model_file);
    bool stands_still = is_same(&now, &documents->seen);
    documents->seen = now;
    if (stands_still && !is_same(&now, &documents->loaded))
        load_card(documents);
}

// ---- opening

enum err documents_open(struct gateway *gateway, struct documents **ret, struct why *why)
{
    struct documents *documents = mem_zalloc(sizeof *documents);
    documents->gateway = gateway;
    documents->card = TEXT_INIT(ANSWER_MAX);
    pthread_mutex_init(&documents->lock, NULL);
    take_own(documents);
    enum err err = read_directory(documents, gateway->settings.docs_dir, why);
    if (err != ERR_OK) {
        documents_close(documents);
        return err;
    }
    documents->seen = look_at(gateway->settings.model_file);
    load_card(documents);
    *ret = documents;
    return ERR_OK;
}

void documents_close(struct documents *documents)
{
    if (documents == NULL)
        return;
    for (size_t i = 0; i < FILES; i++) {
        text_done(&documents->files[i].read);
        text_done(&documents->files[i].read_gzip);
    }
    text_done(&documents->card);
    pthread_mutex_destroy(&documents->lock);
    free(documents);
}

// ---- handlers

static void answer_file(struct http_exchange *exchange, const struct file *file)
{
    http_answer(exchange, &(struct http_answer){.status = 200,
                                                .content_type = file->type,
                                                .constant = file->plain,
                                                .constant_gzip = file->gzip,
                                                .etag = file->etag,
                                                .cache_control = "no-cache",
                                                .content_policy = PAGE_POLICY});
}

void documents_docs(struct http_exchange *exchange, struct gateway *gateway)
{
    answer_file(exchange, &gateway->documents->files[FILE_INDEX]);
}

void documents_asset(struct http_exchange *exchange, struct gateway *gateway)
{
    struct bytes name = http_param(exchange, "asset");
    for (size_t i = FILE_INIT; i < FILES; i++) {
        const struct file *file = &gateway->documents->files[i];
        if (file->plain.len > 0 && bytes_equal_string(name, file->name)) {
            answer_file(exchange, file);
            return;
        }
    }
    problem_answer(exchange, PROBLEM_NO_SUCH_ROUTE, "see /docs");
}

void documents_openapi(struct http_exchange *exchange, struct gateway *gateway)
{
    answer_file(exchange, &gateway->documents->files[FILE_OPENAPI]);
}

void documents_asyncapi(struct http_exchange *exchange, struct gateway *gateway)
{
    answer_file(exchange, &gateway->documents->files[FILE_ASYNCAPI]);
}

void documents_jwks(struct http_exchange *exchange, struct gateway *gateway)
{
    char etag[20], hash[CRYPTO_SHA256_HEX];
    CLEANUP(text_done) struct text body = TEXT_INIT(ANSWER_MAX);
    if (!authority_has_keys(gateway->authority)) {
        problem_answer(exchange, PROBLEM_DATABASE_UNAVAILABLE, "the keys are not known yet");
        return;
    }
    if (authority_write_jwks(gateway->authority, &body) != ERR_OK) {
        problem_answer(exchange, PROBLEM_INTERNAL, "there are too many keys");
        return;
    }
    crypto_sha256_hex(text_bytes(&body), hash);
    snprintf(etag, sizeof etag, "\"%.16s\"", hash);
    http_answer(exchange, &(struct http_answer){.status = 200,
                                                .content_type = "application/json",
                                                .body = &body,
                                                .etag = etag,
                                                .cache_control = "public, max-age=300"});
}

void documents_model(struct http_exchange *exchange, struct gateway *gateway)
{
    struct documents *documents = gateway->documents;
    CLEANUP(text_done) struct text body = TEXT_INIT(ANSWER_MAX);
    pthread_mutex_lock(&documents->lock);
    enum err err = text_append(&body, documents->card.data, documents->card.len);
    pthread_mutex_unlock(&documents->lock);
    if (err == ERR_OK && body.len == 0)
        problem_answer(exchange, PROBLEM_NO_SUCH_MODEL,
                       "the gateway cannot read the file that MODEL_FILE names");
    else
        answer_json_tagged(exchange, err, &body);
}

void documents_livez(struct http_exchange *exchange, struct gateway *gateway)
{
    (void)gateway;
    static const char body[] = "{\"status\":\"ok\"}";
    http_answer(exchange, &(struct http_answer){.status = 200,
                                                .content_type = "application/json",
                                                .constant = bytes_of(body, sizeof body - 1)});
}

void documents_readyz(struct http_exchange *exchange, struct gateway *gateway)
{
    struct why why = {0};
    if (gateway_is_ready(gateway, &why))
        documents_livez(exchange, gateway);
    else
        problem_answer(exchange, PROBLEM_NOT_READY, "%s", why.text);
}
