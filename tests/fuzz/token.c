// SPDX-License-Identifier: MIT
// Any bytes as an access token. The first byte says what of it the fuzzer wrote: 0 the whole token;
// 1 the header and the claims, which our key then signs, so that what is behind the signature is
// reached, too. No whole token may ever be good but the one that begins the corpus; what was signed
// may be, and then it must say what is in it and live no longer than ours.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "crypto/base64url.h"
#include "crypto/crypto.h"

enum { NOW = 1790000000 };

static const struct auth_token_rules rules = {"retentionai", "retentionai", "retentionai"};
// Signed by that key, good at NOW.
static const char known[] =
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VH"
    "hIQ1R3WEJ5Z3JTNGsifQ.eyJpc3MiOiJyZXRlbnRpb25haSIsImF1ZCI6InJldGVudGlvbmFpIiwic3ViIjoiNyIsI"
    "mNsaWVudF9pZCI6InJldGVudGlvbmFpIiwicm9sZSI6ImhyIiwianRpIjoiQUFBQUFBQUFBQUFBQUFBQUFBQUFBQSI"
    "sImlhdCI6MTc5MDAwMDAwMCwibmJmIjoxNzkwMDAwMDAwLCJleHAiOjE3OTAwMDA5MDB9.yXnI7IUmkARmWnkyGjaL"
    "NaM6naZWx9m8ODFQnS1T3Qm6x6si-yQSyraWLTlLU_YYWzDFWMAijrcZyaVKKcd6CQ";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct auth_keys *keys;
static struct crypto_ed25519_secret secret;

// The key of RFC 8037, appendix A.
static void start(void)
{
    uint8_t seed[32];
    size_t len = 0;
    struct auth_key key;
    if (crypto_init(NULL) != ERR_OK ||
        !crypto_base64url_decode(bytes_from_string("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"),
                                 seed, 32, &len))
        abort();
    crypto_ed25519_from_seed(seed, &secret, key.public_key);
    auth_key_kid(key.public_key, key.kid);
    keys = auth_keys_new();
    if (auth_keys_replace(keys, &key, 1, &secret, NULL) != ERR_OK)
        abort();
}

static bool verify(struct bytes token, struct auth_claims *ret)
{
    struct why why = {.code = ""};
    enum err err = auth_token_verify(keys, &rules, token, NOW, ret, &why);
    if (err != ERR_OK && (err != ERR_REJECT || why.code[0] == '\0'))
        abort(); // hostile bytes are refused, with a code
    return err == ERR_OK;
}

// header NUL claims, as they are before base64; gives the token's length.
static size_t sign(const uint8_t *data, size_t size, char *out)
{
    const uint8_t *nul = memchr(data, 0, size);
    size_t header = nul == NULL ? size : (size_t)(nul - data);
    size_t claims = nul == NULL ? 0 : size - header - 1;
    uint8_t signature[CRYPTO_ED25519_SIGNATURE_BYTES];
    crypto_base64url(bytes_of(data, header), out);
    size_t len = strlen(out);
    out[len++] = '.';
    crypto_base64url(bytes_of(claims == 0 ? data : nul + 1, claims), out + len);
    len += CRYPTO_BASE64URL_LEN(claims);
    crypto_ed25519_sign(&secret, bytes_of(out, len), signature);
    out[len++] = '.';
    crypto_base64url(bytes_of(signature, sizeof signature), out + len);
    return len + CRYPTO_BASE64URL_LEN(sizeof signature);
}

static void check_claims(const struct auth_claims *claims)
{
    if (strnlen(claims->subject, sizeof claims->subject) > AUTH_TOKEN_SUBJECT_MAX ||
        !auth_token_is_subject(bytes_from_string(claims->subject)) ||
        strnlen(claims->id, sizeof claims->id) != AUTH_TOKEN_ID_LEN ||
        (unsigned)claims->role >= AUTH_ROLES ||
        claims->expires_at_s - claims->issued_at_s > AUTH_TOKEN_LIFE_S ||
        claims->expires_at_s + AUTH_TOKEN_SKEW_S <= NOW ||
        claims->issued_at_s > NOW + AUTH_TOKEN_SKEW_S)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auth_claims claims;
    if (keys == NULL)
        start();
    if (size < 1 || size > 4096)
        return 0;
    if (data[0] == 0) {
        if (verify(bytes_of(data + 1, size - 1), &claims) &&
            !bytes_equal_string(bytes_of(data + 1, size - 1), known))
            abort();
        return 0;
    }
    char *token = malloc(2 * size + 128);
    if (token == NULL)
        return 0;
    size_t len = sign(data + 1, size - 1, token);
    if (verify(bytes_of(token, len), &claims))
        check_claims(&claims);
    free(token);
    return 0;
}
