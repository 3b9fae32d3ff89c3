// SPDX-License-Identifier: MIT
#include "authorise.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/memory.h"
#include "base/clock.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "metrics.h"

// A token that was verified is found again by one look into the memory. What comes new from the
// tables is first put where the full check sees it, and then the memory is flushed.
//
// What was refused is remembered, too, for some seconds: who comes again and again with a token
// that has ended should not cost a signature each time. It is another memory, so that whoever makes
// up tokens only pushes out others of that kind.

enum { BUCKETS = 1024, REMEMBERED = 16384, REFUSED_REMEMBERED = 1024, REFUSED_S = 10 };

struct denied {
    struct denied *next;
    bool is_user;
    int64_t issued_before_ms, expires_at_ms;
    char id[AUTH_TOKEN_SUBJECT_MAX + 1];
};

struct authority {
    struct auth_token_rules rules;
    struct metrics *metrics;
    struct auth_keys *keys;
    struct auth_memory *memory;
    struct auth_memory *refused; // claims of it: the end of that, and why in the subject's place
    pthread_mutex_t lock;        // of what follows
    struct denied *denied[BUCKETS];
    char kids[SIGNING_KEYS_MAX][AUTH_KID_LEN + 1]; // as taken last, the one that signs first
    size_t kid_count;
};

struct authority *authority_new(const struct authority_options *options)
{
    struct authority *authority = mem_zalloc(sizeof *authority);
    authority->rules = (struct auth_token_rules){
        .issuer = options->issuer, .audience = "retentionai", .client_id = "retentionai"};
    authority->metrics = options->metrics;
    authority->keys = auth_keys_new();
    authority->memory = auth_memory_new(REMEMBERED);
    authority->refused = auth_memory_new(REFUSED_REMEMBERED);
    pthread_mutex_init(&authority->lock, NULL);
    return authority;
}

void authority_free(struct authority *authority)
{
    if (authority == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct denied *denied = authority->denied[i], *next; denied != NULL; denied = next) {
            next = denied->next;
            free(denied);
        }
    pthread_mutex_destroy(&authority->lock);
    auth_memory_free(authority->memory);
    auth_memory_free(authority->refused);
    auth_keys_free(authority->keys);
    free(authority);
}

// ---- tokens

static struct denied **bucket_of(struct authority *authority, const char *id)
{
    uint32_t hash = 2166136261U; // FNV-1a; ids are random or count up
    for (; *id != '\0'; id++)
        hash = (hash ^ (uint8_t)*id) * 16777619U;
    return &authority->denied[hash % BUCKETS];
}

// The entry of that kind and id; NULL: none. Under the lock.
static struct denied *find(struct authority *authority, bool is_user, const char *id)
{
    struct denied *denied = *bucket_of(authority, id);
    while (denied != NULL && (denied->is_user != is_user || strcmp(denied->id, id) != 0))
        denied = denied->next;
    return denied;
}

static bool is_revoked(struct authority *authority, const struct auth_claims *claims)
{
    pthread_mutex_lock(&authority->lock);
    const struct denied *user = find(authority, true, claims->subject);
    bool is_denied = find(authority, false, claims->id) != NULL ||
                     (user != NULL && claims->issued_at_s * 1000 < user->issued_before_ms);
    pthread_mutex_unlock(&authority->lock);
    return is_denied;
}

static bool refused(struct authority *authority, const char *reason)
{
    metric_add(metrics_cell(authority->metrics, METRIC_REFUSED_TOKENS, reason, NULL), 1);
    return false;
}

// The same, and for some seconds without a check. A token that is not valid yet may be in between.
static bool refused_first(struct authority *authority, const struct auth_memory_place *place,
                          int64_t now_s, const char *reason)
{
    struct auth_claims claims = {.expires_at_s = now_s + REFUSED_S};
    snprintf(claims.subject, sizeof claims.subject, "%s", reason);
    if (strcmp(reason, "token-early") != 0)
        auth_memory_keep(authority->refused, place, &claims);
    return refused(authority, reason);
}

// RFC 6750, 2.1: the scheme in any case, then one token.
static bool token_of(const char *authorization, struct bytes *ret)
{
    static const char scheme[] = "Bearer ";
    if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    const char *token = authorization + sizeof scheme - 1;
    *ret = bytes_from_string(token + strspn(token, " "));
    return ret->len > 0;
}

bool authority_check(struct authority *authority, const char *authorization,
                     struct auth_claims *ret, bool *ret_is_there)
{
    struct bytes token = {0};
    struct auth_memory_place place, refused_place;
    struct auth_claims before;
    struct why why = {0};
    int64_t now_s = clock_real_ms() / 1000;
    *ret_is_there = token_of(authorization, &token);
    if (!*ret_is_there)
        return false;
    if (auth_memory_find(authority->memory, token, now_s, ret, &place))
        return true;
    if (auth_memory_find_too(authority->refused, &place, now_s, &before, &refused_place))
        return refused(authority, before.subject);
    if (auth_token_verify(authority->keys, &authority->rules, token, now_s, ret, &why) != ERR_OK)
        return refused_first(authority, &refused_place, now_s, why.code);
    if (is_revoked(authority, ret))
        return refused_first(authority, &refused_place, now_s, "token-revoked");
    auth_memory_keep(authority->memory, &place, ret);
    return true;
}

enum err authority_issue(struct authority *authority, int64_t user_id, struct bytes role,
                         int64_t now_ms, int64_t iat_from_ms, struct text *out, struct why *why)
{
    char subject[24];
    enum auth_role known = AUTH_ROLE_VIEWER;
    snprintf(subject, sizeof subject, "%" PRId64, user_id);
    if (!auth_role_of(role, &known))
        return why_say(why, ERR_FATAL, "user %s has a role that there is not", subject);
    int64_t now_s = now_ms / 1000, from_s = (iat_from_ms + 999) / 1000;
    return auth_token_issue(authority->keys, &authority->rules, subject, known,
                            now_s > from_s ? now_s : from_s, AUTH_TOKEN_LIFE_S, out, NULL, why);
}

// ---- what the tables say

static bool are_known(struct authority *authority, const struct signing_key *const *keys,
                      size_t count)
{
    pthread_mutex_lock(&authority->lock);
    bool are_same = authority->kid_count == count;
    for (size_t i = 0; are_same && i < count; i++)
        are_same = bytes_equal_string(keys[i]->kid, authority->kids[i]);
    pthread_mutex_unlock(&authority->lock);
    return are_same;
}

static bool to_auth_key(const struct signing_key *key, struct auth_key *ret)
{
    if (key->kid.len != AUTH_KID_LEN || key->public_key.len != sizeof ret->public_key)
        return false;
    memcpy(ret->kid, key->kid.data, AUTH_KID_LEN);
    ret->kid[AUTH_KID_LEN] = '\0';
    memcpy(ret->public_key, key->public_key.data, sizeof ret->public_key);
    return true;
}

static enum err replace(struct authority *authority, const struct auth_sealer *sealer,
                        const struct signing_key *const *keys, size_t count, bool has_signing,
                        struct why *why)
{
    struct auth_key all[AUTH_KEYS_MAX];
    struct crypto_ed25519_secret secret;
    for (size_t i = 0; i < count; i++)
        if (!to_auth_key(keys[i], &all[i]))
            return why_say(why, ERR_FATAL, "a row of signing_key is damaged");
    enum err err = ERR_OK;
    if (has_signing)
        err = auth_sealed_key_open(sealer, &all[0], keys[0]->sealed_key, &secret, why);
    if (err == ERR_OK)
        err = auth_keys_replace(authority->keys, all, count, has_signing ? &secret : NULL, why);
    crypto_wipe(&secret, sizeof secret);
    if (err != ERR_OK)
        return ERR_FATAL;
    auth_memory_flush(authority->memory);
    auth_memory_flush(authority->refused); // by a key that has come
    pthread_mutex_lock(&authority->lock);
    for (size_t i = 0; i < count; i++)
        memcpy(authority->kids[i], all[i].kid, sizeof all[i].kid);
    authority->kid_count = count;
    pthread_mutex_unlock(&authority->lock);
    return ERR_OK;
}

enum err authority_take_keys(struct authority *authority, const struct auth_sealer *sealer,
                             const struct signing_key *keys, size_t count, int64_t now_ms,
                             struct why *why)
{
    const struct signing_key *sorted[AUTH_KEYS_MAX];
    size_t sorted_count = 0;
    bool has_signing = false;
    // The newest first: the first one that has begun signs.
    for (size_t i = 0; i < count && sorted_count < AUTH_KEYS_MAX; i++) {
        sorted[sorted_count++] = &keys[i];
        if (has_signing || keys[i].signs_from_ms > now_ms)
            continue;
        has_signing = true;
        const struct signing_key *signing = sorted[sorted_count - 1];
        for (size_t k = sorted_count - 1; k > 0; k--)
            sorted[k] = sorted[k - 1];
        sorted[0] = signing;
    }
    if (are_known(authority, sorted, sorted_count))
        return ERR_OK;
    return replace(authority, sealer, sorted, sorted_count, has_signing, why);
}

// True where something was not known. Under the lock.
static bool deny(struct authority *authority, const struct sessions_revocation *revocation)
{
    char id[AUTH_TOKEN_SUBJECT_MAX + 1];
    if (revocation->id.len > AUTH_TOKEN_SUBJECT_MAX)
        return false; // no token has it
    snprintf(id, sizeof id, "%.*s", (int)revocation->id.len, (const char *)revocation->id.data);
    struct denied *denied = find(authority, revocation->is_user, id);
    bool is_new = denied == NULL || denied->issued_before_ms < revocation->issued_before_ms;
    if (denied == NULL) {
        struct denied **bucket = bucket_of(authority, id);
        denied = mem_zalloc(sizeof *denied);
        denied->is_user = revocation->is_user;
        memcpy(denied->id, id, sizeof id);
        denied->next = *bucket;
        *bucket = denied;
    }
    if (is_new)
        denied->issued_before_ms = revocation->issued_before_ms;
    if (denied->expires_at_ms < revocation->expires_at_ms)
        denied->expires_at_ms = revocation->expires_at_ms;
    return is_new;
}

void authority_take_revocations(struct authority *authority,
                                const struct sessions_revocation *revocations, size_t count)
{
    bool has_new = false;
    pthread_mutex_lock(&authority->lock);
    for (size_t i = 0; i < count; i++)
        has_new |= deny(authority, &revocations[i]);
    pthread_mutex_unlock(&authority->lock);
    if (has_new)
        auth_memory_flush(authority->memory);
}

void authority_forget(struct authority *authority, int64_t now_ms)
{
    pthread_mutex_lock(&authority->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct denied **place = &authority->denied[i]; *place != NULL;) {
            struct denied *denied = *place;
            if (denied->expires_at_ms + AUTH_TOKEN_SKEW_S * INT64_C(1000) > now_ms) {
                place = &denied->next;
                continue;
            }
            *place = denied->next;
            free(denied);
        }
    pthread_mutex_unlock(&authority->lock);
}

bool authority_has_keys(struct authority *authority)
{
    return auth_keys_count(authority->keys) > 0;
}

enum err authority_write_jwks(struct authority *authority, struct text *out)
{
    return auth_keys_write_jwks(authority->keys, out);
}

size_t authority_remembered(struct authority *authority)
{
    return auth_memory_count(authority->memory, clock_real_ms() / 1000);
}
