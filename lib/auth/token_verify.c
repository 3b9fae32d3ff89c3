// SPDX-License-Identifier: MIT
// Verifying. What is cheap comes first, and nothing that the token says is believed before its
// signature was checked, but for the kid, which only chooses among our own keys: the algorithm is
// ours, not the token's. Header and claims are signed as text, so no other spelling of them passes;
// the signature's own text has exactly one spelling (crypto/base64url.h). Every failure gives a
// sentence of ours, without a byte of the token.

#include "auth/token.h"

#include <string.h>

#include "crypto/base64url.h"
#include "json/json.h"

enum {
    PART_MAX = AUTH_TOKEN_MAX, // bytes of a segment, decoded: fewer than its characters
    DEPTH_MAX = 4,             // claims that we do not know may have something inside
    ID_BYTES = 16,
};
#define TIME_MAX_S INT64_C(253402300799) // the end of the year 9999

static enum err refuse(struct why *why, const char *code, const char *sentence)
{
    return why_code(why, ERR_REJECT, code, "%s", sentence);
}

struct parts {
    struct bytes header, payload, signature; // base64url
    struct bytes signed_part;                // header, dot, payload
};

// Exactly three segments.
static bool split(struct bytes token, struct parts *ret)
{
    const uint8_t *end = token.data + token.len;
    const uint8_t *first = memchr(token.data, '.', token.len);
    if (first == NULL)
        return false;
    const uint8_t *second = memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return false;
    ret->header = bytes_of(token.data, (size_t)(first - token.data));
    ret->payload = bytes_of(first + 1, (size_t)(second - first - 1));
    ret->signature = bytes_of(second + 1, (size_t)(end - second - 1));
    ret->signed_part = bytes_of(token.data, (size_t)(second - token.data));
    return true;
}

// The JSON object of a segment, without double names; the caller frees.
static enum err decode_object(struct bytes segment, struct json **ret, struct why *why)
{
    uint8_t text[PART_MAX];
    size_t len = 0;
    CLEANUP(json_free_p) struct json *json = NULL;
    if (!crypto_base64url_decode(segment, text, sizeof text, &len) ||
        json_parse(bytes_of(text, len), sizeof text, DEPTH_MAX, &json, NULL) != ERR_OK ||
        json_kind(json) != JSON_KIND_OBJECT)
        return refuse(why, "token-shape", "a segment is no JSON object in base64url");
    *ret = TAKE(json);
    return ERR_OK;
}

// The string of a member is exactly this one.
static bool says(const struct json *object, const char *name, const char *value)
{
    const struct json *node = json_member(object, name);
    return node != NULL && json_kind(node) == JSON_KIND_STRING &&
           bytes_equal_string(json_as_bytes(node), value);
}

// The key that the header names. RFC 8725 section 3.1 and 3.11: algorithm and type are ours. RFC
// 7515 section 4.1: the header may bring no key and no address of one, and what it calls critical
// we do not know; so there is no member but the three that we write.
static enum err read_header(struct auth_keys *keys, struct bytes segment,
                            uint8_t ret[CRYPTO_ED25519_PUBLIC_BYTES], struct why *why)
{
    static const char *const members[] = {"alg", "kid", "typ"};
    CLEANUP(json_free_p) struct json *header = NULL;
    enum err err = decode_object(segment, &header, why);
    if (err != ERR_OK)
        return err;
    if (!says(header, "alg", "EdDSA") || !says(header, "typ", "at+jwt") ||
        json_only_members(header, "", members, ARRAY_LEN(members), NULL) != ERR_OK)
        return refuse(why, "token-header", "the header is not that of our access tokens");
    const struct json *kid = json_member(header, "kid");
    if (kid == NULL || json_kind(kid) != JSON_KIND_STRING ||
        !auth_keys_find(keys, json_as_bytes(kid), ret))
        return refuse(why, "token-key", "the header names no key of ours");
    return ERR_OK;
}

static bool is_signed(const uint8_t key[CRYPTO_ED25519_PUBLIC_BYTES], const struct parts *parts)
{
    uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES];
    size_t len = 0;
    return crypto_base64url_decode(parts->signature, signature, sizeof signature, &len) &&
           len == sizeof signature && crypto_ed25519_verify(key, parts->signed_part, signature);
}

bool auth_token_is_subject(struct bytes subject)
{
    for (size_t i = 0; i < subject.len; i++)
        if (subject.data[i] <= ' ' || subject.data[i] > '~')
            return false;
    return subject.len > 0 && subject.len <= AUTH_TOKEN_SUBJECT_MAX;
}

static bool read_identity(const struct json *payload, struct auth_claims *ret)
{
    const char *subject = NULL, *role = NULL, *id = NULL;
    uint8_t bytes[ID_BYTES];
    size_t len = 0;
    if (json_get_string(payload, "", "sub", AUTH_TOKEN_SUBJECT_MAX, &subject, NULL) != ERR_OK ||
        json_get_string(payload, "", "role", AUTH_TOKEN_SUBJECT_MAX, &role, NULL) != ERR_OK ||
        json_get_string(payload, "", "jti", AUTH_TOKEN_ID_LEN, &id, NULL) != ERR_OK ||
        !auth_token_is_subject(bytes_from_string(subject)) ||
        !auth_role_of(bytes_from_string(role), &ret->role) ||
        !crypto_base64url_decode(bytes_from_string(id), bytes, sizeof bytes, &len) ||
        len != sizeof bytes)
        return false;
    memcpy(ret->subject, subject, strlen(subject) + 1);
    memcpy(ret->id, id, strlen(id) + 1);
    return true;
}

// RFC 7519 section 4.1, in whole seconds only. No token lives longer than ours may, so one that was
// signed with a far end is none of ours.
static enum err read_times(const struct json *payload, int64_t now_s, struct auth_claims *ret,
                           struct why *why)
{
    int64_t issued = 0, from = 0, until = 0;
    if (json_get_integer(payload, "", "iat", 0, TIME_MAX_S, &issued, NULL) != ERR_OK ||
        json_get_integer(payload, "", "nbf", 0, TIME_MAX_S, &from, NULL) != ERR_OK ||
        json_get_integer(payload, "", "exp", 0, TIME_MAX_S, &until, NULL) != ERR_OK ||
        until <= issued || until <= from || until - issued > AUTH_TOKEN_LIFE_S)
        return refuse(why, "token-claims", "iat, nbf or exp is missing or not as we write it");
    if (issued > now_s + AUTH_TOKEN_SKEW_S || from > now_s + AUTH_TOKEN_SKEW_S)
        return refuse(why, "token-early", "the token is not valid yet");
    if (until <= now_s - AUTH_TOKEN_SKEW_S)
        return refuse(why, "token-expired", "the token has expired");
    ret->issued_at_s = issued;
    ret->expires_at_s = until;
    return ERR_OK;
}

static enum err read_claims(const struct auth_token_rules *rules, struct bytes segment,
                            int64_t now_s, struct auth_claims *ret, struct why *why)
{
    CLEANUP(json_free_p) struct json *payload = NULL;
    enum err err = decode_object(segment, &payload, why);
    if (err != ERR_OK)
        return err;
    if (!says(payload, "iss", rules->issuer) || !says(payload, "aud", rules->audience) ||
        !says(payload, "client_id", rules->client_id))
        return refuse(why, "token-claims", "iss, aud or client_id is missing or another's");
    if (!read_identity(payload, ret))
        return refuse(why, "token-claims", "sub, role or jti is missing or not as we write it");
    return read_times(payload, now_s, ret, why);
}

enum err auth_token_verify(struct auth_keys *keys, const struct auth_token_rules *rules,
                           struct bytes token, int64_t now_s, struct auth_claims *ret,
                           struct why *why)
{
    struct parts parts;
    uint8_t key[CRYPTO_ED25519_PUBLIC_BYTES];
    struct auth_claims claims = {.subject = ""};
    if (token.len > AUTH_TOKEN_MAX)
        return refuse(why, "token-too-large", "the token is larger than any of ours");
    if (token.len == 0 || !split(token, &parts))
        return refuse(why, "token-shape", "the token has not three segments");
    enum err err = read_header(keys, parts.header, key, why);
    if (err != ERR_OK)
        return err;
    if (!is_signed(key, &parts))
        return refuse(why, "token-signature", "the signature is not that of the key");
    err = read_claims(rules, parts.payload, now_s, &claims, why);
    if (err == ERR_OK)
        *ret = claims;
    return err;
}
