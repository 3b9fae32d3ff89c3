// SPDX-License-Identifier: MIT
// Issuing: header and claims are written by hand in one fixed order, each as base64url, and the
// signature is over the two with their dot (RFC 7515 section 5.1).

#include "auth/token.h"

#include <string.h>

#include "crypto/base64url.h"
#include "crypto/crypto.h"
#include "json/json.h"

// 16 random bytes; 128 bits are what ASVS 7.2.3 asks for a token that is looked up.
enum { ID_BYTES = 16 };

static enum err write_claims(struct text *out, const struct auth_token_rules *rules,
                             const struct auth_claims *claims)
{
    const struct {
        const char *name, *value;
    } strings[] = {
        {"{\"iss\":", rules->issuer},
        {",\"aud\":", rules->audience},
        {",\"sub\":", claims->subject},
        {",\"client_id\":", rules->client_id},
        {",\"role\":", auth_role_name(claims->role)},
        {",\"jti\":", claims->id},
    };
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(strings); i++) {
        err = text_append_string(out, strings[i].name);
        if (err == ERR_OK)
            err = json_write_string(out, bytes_from_string(strings[i].value));
    }
    if (err == ERR_OK)
        err = text_printf(out, ",\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}",
                          (long long)claims->issued_at_s, (long long)claims->issued_at_s,
                          (long long)claims->expires_at_s);
    return err;
}

// `prefix` and the bytes as base64url behind what is there.
static enum err append_base64url(struct text *out, const char *prefix, struct bytes bytes)
{
    enum err err = text_append_string(out, prefix);
    char *room = err == ERR_OK ? text_room(out, CRYPTO_BASE64URL_LEN(bytes.len)) : NULL;
    if (room == NULL)
        return ERR_REJECT;
    crypto_base64url(bytes, room);
    out->len += CRYPTO_BASE64URL_LEN(bytes.len);
    return ERR_OK;
}

static enum err sign(const struct crypto_ed25519_secret *secret, struct bytes header,
                     struct bytes claims, struct text *ret)
{
    uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES];
    enum err err = append_base64url(ret, "", header);
    if (err == ERR_OK)
        err = append_base64url(ret, ".", claims);
    if (err == ERR_OK) {
        crypto_ed25519_sign(secret, text_bytes(ret), signature);
        err = append_base64url(ret, ".", bytes_of(signature, sizeof signature));
    }
    return err;
}

static enum err make(const struct crypto_ed25519_secret *secret, const char *kid,
                     const struct auth_token_rules *rules, const struct auth_claims *claims,
                     struct text *out)
{
    CLEANUP(text_done) struct text header = TEXT_INIT(AUTH_TOKEN_MAX);
    CLEANUP(text_done) struct text payload = TEXT_INIT(AUTH_TOKEN_MAX);
    CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
    enum err err =
        text_printf(&header, "{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
    if (err == ERR_OK)
        err = write_claims(&payload, rules, claims);
    if (err == ERR_OK)
        err = sign(secret, text_bytes(&header), text_bytes(&payload), &token);
    return err == ERR_OK ? text_append(out, token.data, token.len) : err;
}

enum err auth_token_issue(struct auth_keys *keys, const struct auth_token_rules *rules,
                          const char *subject, enum auth_role role, int64_t now_s, int64_t life_s,
                          struct text *out, struct auth_claims *ret, struct why *why)
{
    if (!auth_token_is_subject(bytes_from_string(subject)) || life_s < 1 ||
        life_s > AUTH_TOKEN_LIFE_S)
        return why_say(why, ERR_REJECT, "a token for no user, or of a life that none may have");
    struct auth_claims claims = {
        .role = role, .issued_at_s = now_s, .expires_at_s = now_s + life_s};
    memcpy(claims.subject, subject, strlen(subject));
    uint8_t id[ID_BYTES];
    crypto_random(id, sizeof id);
    crypto_base64url(bytes_of(id, sizeof id), claims.id);

    char kid[AUTH_KID_LEN + 1];
    struct crypto_ed25519_secret secret;
    if (!auth_keys_signing(keys, kid, &secret))
        return why_say(why, ERR_RETRY, "there is no key to sign with yet");
    enum err err = make(&secret, kid, rules, &claims, out);
    crypto_wipe(&secret, sizeof secret);
    if (err != ERR_OK)
        return why_say(why, err, "a token would be longer than there is room for");
    if (ret != NULL)
        *ret = claims;
    return ERR_OK;
}
