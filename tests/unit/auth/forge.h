// SPDX-License-Identifier: MIT
#pragma once

// What the tests of tokens share: the key and the words of RFC 8037, and a forger, who writes any
// header and any claims and signs them with whatever key.

#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/token.h"
#include "base/mem.h"
#include "crypto/base64url.h"
#include "crypto/crypto.h"

enum { NOW = 1790000000 };

static const struct auth_token_rules rules = {"retentionai", "retentionai", "retentionai"};

// RFC 8037 appendix A.1 to A.3.
#define RFC_SEED "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
#define RFC_X    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define RFC_KID  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

#define HEADER "{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}"

static inline struct crypto_ed25519_secret rfc_secret(struct auth_key *ret)
{
    uint8_t seed[32];
    size_t len = 0;
    struct crypto_ed25519_secret secret;
    assert_true(crypto_base64url_decode(bytes_from_string(RFC_SEED), seed, sizeof seed, &len));
    crypto_ed25519_from_seed(seed, &secret, ret->public_key);
    auth_key_kid(ret->public_key, ret->kid);
    return secret;
}

// A ring in which the key of RFC 8037 signs.
static inline struct auth_keys *rfc_ring(void)
{
    struct auth_key key;
    struct why why = {0};
    struct crypto_ed25519_secret secret = rfc_secret(&key);
    struct auth_keys *keys = auth_keys_new();
    assert_ok(auth_keys_replace(keys, &key, 1, &secret, &why), &why);
    return keys;
}

// As base64url; the caller frees.
static inline char *encoded(struct bytes bytes)
{
    char *text = mem_zalloc(CRYPTO_BASE64URL_LEN(bytes.len) + 1);
    crypto_base64url(bytes, text);
    return text;
}

// "header.claims", both as base64url; the caller frees.
static inline char *unsigned_token(const char *header, const char *claims)
{
    CLEANUP(mem_free_p) char *first = encoded(bytes_from_string(header));
    CLEANUP(mem_free_p) char *second = encoded(bytes_from_string(claims));
    return mem_printf("%s.%s", first, second);
}

// A token that the key of RFC 8037 has really signed; the caller frees.
static inline char *forged(const char *header, const char *claims)
{
    struct auth_key key;
    uint8_t signature[64];
    struct crypto_ed25519_secret secret = rfc_secret(&key);
    CLEANUP(mem_free_p) char *token = unsigned_token(header, claims);
    crypto_ed25519_sign(&secret, bytes_from_string(token), signature);
    CLEANUP(mem_free_p) char *third = encoded(bytes_of(signature, sizeof signature));
    return mem_printf("%s.%s", token, third);
}

// Claims that are good at NOW, with one member replaced by another text, which may be empty.
static inline char *claims_with(const char *name, const char *member)
{
    static const char *const good[][2] = {
        {"iss", "\"iss\":\"retentionai\""}, {"aud", "\"aud\":\"retentionai\""},
        {"sub", "\"sub\":\"7\""},           {"client_id", "\"client_id\":\"retentionai\""},
        {"role", "\"role\":\"hr\""},        {"jti", "\"jti\":\"AAAAAAAAAAAAAAAAAAAAAA\""},
        {"iat", "\"iat\":1790000000"},      {"nbf", "\"nbf\":1790000000"},
        {"exp", "\"exp\":1790000900"},
    };
    char *all = mem_dup("{");
    bool is_known = name[0] == '\0', is_first = true;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        bool is_this = strcmp(good[i][0], name) == 0;
        const char *text = is_this ? member : good[i][1];
        is_known |= is_this;
        if (text[0] == '\0')
            continue;
        char *more = mem_printf("%s%s%s", all, is_first ? "" : ",", text);
        is_first = false;
        free(all);
        all = more;
    }
    assert_true(is_known);
    char *whole = mem_printf("%s}", all);
    free(all);
    return whole;
}

static inline enum err verify_at(struct auth_keys *keys, struct bytes token, int64_t now_s,
                                 struct why *why)
{
    struct auth_claims claims;
    *why = (struct why){.code = ""};
    return auth_token_verify(keys, &rules, token, now_s, &claims, why);
}

// Refused at NOW, for this reason (NULL: for any).
#define assert_refused(keys, token, wanted)                                                        \
    do {                                                                                           \
        struct why why_;                                                                           \
        struct bytes token_ = (token);                                                             \
        const char *wanted_ = (wanted);                                                            \
        if (verify_at(keys, token_, NOW, &why_) != ERR_REJECT)                                     \
            fail_msg("accepted: %.*s", (int)token_.len, (const char *)token_.data);                \
        if (wanted_ != NULL && strcmp(why_.code, wanted_) != 0)                                    \
            fail_msg("%s, not %s: %.*s", why_.code, wanted_, (int)token_.len,                      \
                     (const char *)token_.data);                                                   \
    } while (0)

static inline int start(void **state)
{
    (void)state;
    return crypto_init(NULL) == ERR_OK ? 0 : -1;
}
