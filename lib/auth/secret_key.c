// SPDX-License-Identifier: MIT
// What makes a SECRET_KEY bad is that somebody else knows it or can guess it: a value from a page,
// or a text made of the words that people fill such a place with. So what is counted is what is
// left of it once those words are taken away. This finds carelessness; whether a value was drawn at
// random nobody can see from it.

#include "auth/secret_key.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "crypto/crypto.h"

#define HOW "make one with: openssl rand -base64 48"

// Examples that are long enough to pass, from documentation that people copy.
static const char *const examples[] = {
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", // FastAPI's tutorial
    "a-string-secret-at-least-256-bits-long",                           // jwt.io
    "your-256-bit-secret-your-256-bit-secret",                          // jwt.io, made longer
    "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", // SHA-256 of "password"
    "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", // SHA-256 of "secret"
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", // SHA-256 of nothing
};

// Longer ones first, as what is left of a longer one may be a shorter one. Letters and digits only.
static const char *const words[] = {
    "retentionai", "insecure",   "thisisa",   "changeme", "changethis", "changezmoi",  "password",
    "passphrase",  "motdepasse", "replaceme", "replace",  "production", "development", "exemple",
    "example",     "default",    "django",    "fastapi",  "secrete",    "secret",      "change",
    "super",       "please",     "random",    "string",   "value",      "token",       "votre",
    "admin",       "private",    "signing",   "must",     "here",       "long",        "very",
    "your",        "this",       "test",      "with",     "jwt",        "key",         "cle",
    "dev",         "not",        "me",        "my",       "is",         "in",          "a",
};

// Of what is left when the words are gone, and of different bytes.
enum { LEFT_MIN = 16, DIFFERENT_MIN = 8 };

static bool is_example(struct bytes secret)
{
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        if (secret.len == strlen(examples[i]) &&
            strncasecmp((const char *)secret.data, examples[i], secret.len) == 0)
            return true;
    return false;
}

// The length of the shortest piece that it is a repetition of; a last piece may be cut.
static size_t period_of(struct bytes secret)
{
    size_t period = 1;
    while (period < secret.len &&
           memcmp(secret.data, secret.data + period, secret.len - period) != 0)
        period++;
    return period;
}

static size_t different_bytes(struct bytes secret)
{
    bool is_seen[256] = {false};
    size_t count = 0;
    for (size_t i = 0; i < secret.len; i++) {
        count += is_seen[secret.data[i]] ? 0 : 1;
        is_seen[secret.data[i]] = true;
    }
    return count;
}

// How many bytes follow the one before them in the alphabet: abcdef, 012345.
static size_t steps_of(struct bytes secret)
{
    size_t count = 0;
    for (size_t i = 1; i < secret.len; i++)
        count += secret.data[i] == secret.data[i - 1] + 1 ? 1 : 0;
    return count;
}

// How many bytes are left when the usual words, and what stands between words, are taken out.
static size_t left_of(struct bytes secret)
{
    char text[AUTH_SECRET_KEY_MAX];
    size_t len = 0;
    for (size_t i = 0; i < secret.len; i++)
        if (memchr(" -_.,:/", secret.data[i], 7) == NULL)
            text[len++] = (char)tolower(secret.data[i]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t word = strlen(words[i]);
        for (char *at = text; (at = memmem(at, len - (size_t)(at - text), words[i], word));) {
            memmove(at, at + word, len - (size_t)(at - text) - word);
            len -= word;
        }
    }
    crypto_wipe(text, sizeof text);
    return len;
}

enum err auth_secret_key_check(struct bytes secret, struct why *why)
{
    if (secret.len < AUTH_SECRET_KEY_MIN)
        return why_say(why, ERR_FATAL, "SECRET_KEY has %zu bytes, fewer than %d: " HOW, secret.len,
                       AUTH_SECRET_KEY_MIN);
    if (secret.len > AUTH_SECRET_KEY_MAX)
        return why_say(why, ERR_FATAL, "SECRET_KEY is longer than %d bytes: " HOW,
                       AUTH_SECRET_KEY_MAX);
    if (is_example(secret) || left_of(secret) < LEFT_MIN)
        return why_say(why, ERR_FATAL, "SECRET_KEY is an example value: " HOW);
    if (period_of(secret) <= secret.len / 2 || different_bytes(secret) < DIFFERENT_MIN ||
        steps_of(secret) >= secret.len / 2)
        return why_say(why, ERR_FATAL, "SECRET_KEY repeats itself: " HOW);
    return ERR_OK;
}

enum err auth_sealer_init(struct auth_sealer *sealer, struct bytes secret, struct why *why)
{
    enum err err = auth_secret_key_check(secret, why);
    return err == ERR_OK ? crypto_seal_key_from(secret, "signing_key", &sealer->key, why) : err;
}

// The kid binds a sealed secret to its row.
static struct bytes context_of(const struct auth_key *key)
{
    return bytes_of(key->kid, AUTH_KID_LEN);
}

void auth_sealed_key_new(const struct auth_sealer *sealer, struct auth_sealed_key *ret)
{
    struct crypto_ed25519_secret secret;
    crypto_ed25519_new(&secret, ret->key.public_key);
    auth_key_kid(ret->key.public_key, ret->key.kid);
    crypto_seal(&sealer->key, crypto_ed25519_seed(&secret), context_of(&ret->key), ret->sealed);
    crypto_wipe(&secret, sizeof secret);
}

enum err auth_sealed_key_open(const struct auth_sealer *sealer, const struct auth_key *key,
                              struct bytes sealed, struct crypto_ed25519_secret *ret,
                              struct why *why)
{
    uint8_t seed[CRYPTO_ED25519_SEED_BYTES], public_key[CRYPTO_ED25519_PUBLIC_BYTES];
    struct crypto_ed25519_secret secret;
    if (sealed.len != AUTH_SEALED_KEY_BYTES ||
        !crypto_seal_open(&sealer->key, sealed, context_of(key), seed))
        return why_say(why, ERR_FATAL,
                       "the signing key %.*s does not open with this SECRET_KEY: set the one that "
                       "was in force when the key was made",
                       AUTH_KID_LEN, key->kid);
    crypto_ed25519_from_seed(seed, &secret, public_key);
    crypto_wipe(seed, sizeof seed);
    bool is_its = crypto_equal(public_key, key->public_key, sizeof public_key);
    if (is_its)
        *ret = secret;
    crypto_wipe(&secret, sizeof secret);
    return is_its ? ERR_OK
                  : why_say(why, ERR_FATAL,
                            "the row of the signing key %.*s is damaged: its public key is not "
                            "that of its secret",
                            AUTH_KID_LEN, key->kid);
}
