// SPDX-License-Identifier: MIT
// A ring is a small array behind a lock. Readers copy what they need (32 or 64 bytes) and let go,
// so that no signature is computed under it and no key dies while somebody uses it.

#include "auth/keys.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/base64url.h"
#include "crypto/crypto.h"

enum { X_LEN = CRYPTO_BASE64URL_LEN(CRYPTO_ED25519_PUBLIC_BYTES) };
static_assert(CRYPTO_BASE64URL_LEN(CRYPTO_SHA256_BYTES) == AUTH_KID_LEN, "a thumbprint");

struct auth_keys {
    pthread_mutex_t lock;
    struct auth_key keys[AUTH_KEYS_MAX];
    size_t count;
    struct crypto_ed25519_secret secret; // of keys[signing]
    size_t signing;                      // AUTH_KEYS_MAX: none
};

void auth_key_kid(const uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES], char ret[AUTH_KID_LEN + 1])
{
    char x[X_LEN + 1];
    crypto_base64url(bytes_of(public_key, CRYPTO_ED25519_PUBLIC_BYTES), x);
    // RFC 7638 section 3: the required members in this order, without blanks (RFC 8037 section 2).
    struct crypto_sha256 hash;
    uint8_t digest[CRYPTO_SHA256_BYTES];
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes_from_string("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\""));
    crypto_sha256_update(&hash, bytes_from_string(x));
    crypto_sha256_update(&hash, bytes_from_string("\"}"));
    crypto_sha256_final(&hash, digest);
    crypto_base64url(bytes_of(digest, sizeof digest), ret);
}

struct auth_keys *auth_keys_new(void)
{
    struct auth_keys *keys = mem_zalloc(sizeof *keys);
    pthread_mutex_init(&keys->lock, NULL);
    keys->signing = AUTH_KEYS_MAX;
    return keys;
}

void auth_keys_free(struct auth_keys *keys)
{
    if (keys == NULL)
        return;
    crypto_wipe(&keys->secret, sizeof keys->secret);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

// Of `count` keys the one with this kid; count where there is none.
static size_t find(const struct auth_key *keys, size_t count, struct bytes kid)
{
    size_t i = 0;
    while (i < count && !bytes_equal_string(kid, keys[i].kid))
        i++;
    return i;
}

static enum err check_keys(const struct auth_key *all, size_t count, struct why *why)
{
    if (count > AUTH_KEYS_MAX)
        return why_code(why, ERR_REJECT, "too-many-keys", "%zu keys are more than %d", count,
                        AUTH_KEYS_MAX);
    for (size_t i = 0; i < count; i++) {
        char kid[AUTH_KID_LEN + 1];
        auth_key_kid(all[i].public_key, kid);
        if (!bytes_equal(bytes_from_string(kid), bytes_of(all[i].kid, AUTH_KID_LEN)) ||
            all[i].kid[AUTH_KID_LEN] != '\0')
            return why_code(why, ERR_REJECT, "bad-key", "a kid is not its key's: that is %s", kid);
        if (find(all, i, bytes_from_string(kid)) < i)
            return why_code(why, ERR_REJECT, "bad-key", "the key %s is there twice", kid);
    }
    return ERR_OK;
}

enum err auth_keys_replace(struct auth_keys *keys, const struct auth_key *all, size_t count,
                           const struct crypto_ed25519_secret *signing, struct why *why)
{
    enum err err = check_keys(all, count, why);
    if (err != ERR_OK)
        return err;
    size_t at = AUTH_KEYS_MAX;
    if (signing != NULL) {
        uint8_t public_key[CRYPTO_ED25519_PUBLIC_BYTES];
        char kid[AUTH_KID_LEN + 1];
        crypto_ed25519_public(signing, public_key);
        auth_key_kid(public_key, kid);
        at = find(all, count, bytes_from_string(kid));
        if (at == count)
            return why_code(why, ERR_REJECT, "bad-key", "the key that signs, %s, does not verify",
                            kid);
    }
    pthread_mutex_lock(&keys->lock);
    if (count > 0)
        memcpy(keys->keys, all, count * sizeof *all);
    keys->count = count;
    keys->signing = at;
    crypto_wipe(&keys->secret, sizeof keys->secret);
    if (signing != NULL)
        keys->secret = *signing;
    pthread_mutex_unlock(&keys->lock);
    return ERR_OK;
}

size_t auth_keys_count(struct auth_keys *keys)
{
    pthread_mutex_lock(&keys->lock);
    size_t count = keys->count;
    pthread_mutex_unlock(&keys->lock);
    return count;
}

bool auth_keys_find(struct auth_keys *keys, struct bytes kid,
                    uint8_t ret[CRYPTO_ED25519_PUBLIC_BYTES])
{
    pthread_mutex_lock(&keys->lock);
    size_t at = find(keys->keys, keys->count, kid);
    bool is_there = at < keys->count;
    if (is_there)
        memcpy(ret, keys->keys[at].public_key, CRYPTO_ED25519_PUBLIC_BYTES);
    pthread_mutex_unlock(&keys->lock);
    return is_there;
}

bool auth_keys_signing(struct auth_keys *keys, char ret_kid[AUTH_KID_LEN + 1],
                       struct crypto_ed25519_secret *ret)
{
    pthread_mutex_lock(&keys->lock);
    bool is_there = keys->signing < AUTH_KEYS_MAX;
    if (is_there) {
        memcpy(ret_kid, keys->keys[keys->signing].kid, AUTH_KID_LEN + 1);
        *ret = keys->secret;
    }
    pthread_mutex_unlock(&keys->lock);
    return is_there;
}

enum err auth_keys_write_jwks(struct auth_keys *keys, struct text *out)
{
    struct auth_key all[AUTH_KEYS_MAX];
    pthread_mutex_lock(&keys->lock);
    size_t count = keys->count;
    memcpy(all, keys->keys, sizeof all);
    pthread_mutex_unlock(&keys->lock);

    enum err err = text_append_string(out, "{\"keys\":[");
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        char x[X_LEN + 1];
        crypto_base64url(bytes_of(all[i].public_key, sizeof all[i].public_key), x);
        err = text_printf(out,
                          "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
                          "\"alg\":\"EdDSA\",\"kid\":\"%s\",\"x\":\"%s\"}",
                          i == 0 ? "" : ",", all[i].kid, x);
    }
    return err == ERR_OK ? text_append_string(out, "]}") : err;
}
