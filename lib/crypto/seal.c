// SPDX-License-Identifier: MIT
// Format 1: byte 1, nonce, ciphertext and tag as libsodium writes them. The nonce has 192 bits, so
// a random one never comes twice. The byte is part of what the tag protects, so that a later format
// cannot be passed off as this one.

#include "crypto/seal.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "crypto/argon2id.h"

enum {
    FORMAT = 1,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};
static_assert(CRYPTO_SEAL_OVERHEAD == 1 + NONCE + TAG, "format, nonce, tag");
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == sizeof(struct crypto_seal_key),
              "the key");

enum err crypto_seal_key_from(struct bytes passphrase, const char *purpose,
                              struct crypto_seal_key *ret, struct why *why)
{
    // Two processes with one passphrase must come to one key, so the salt is no random one: it
    // keeps apart what the purposes' keys are, and tables of guesses made for other programs.
    uint8_t salt[crypto_pwhash_argon2id_SALTBYTES];
    static const char ours[] = "RetentionAI seal 1";
    IGNORE(crypto_generichash(salt, sizeof salt, (const uint8_t *)purpose, strlen(purpose),
                              (const uint8_t *)ours, sizeof ours - 1)); // 0 always for such sizes
    if (crypto_pwhash_argon2id(ret->bytes, sizeof ret->bytes, (const char *)passphrase.data,
                               passphrase.len, salt, CRYPTO_ARGON2ID_PASSES,
                               (size_t)CRYPTO_ARGON2ID_MEMORY_KIB * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return why_say(why, ERR_RETRY, "no memory to derive a key");
    return ERR_OK;
}

// What the tag protects beside the secret: the format and the context. The caller frees.
static uint8_t *protected_of(struct bytes context)
{
    uint8_t *bytes = mem_zalloc(1 + context.len);
    bytes[0] = FORMAT;
    if (context.len > 0)
        memcpy(bytes + 1, context.data, context.len);
    return bytes;
}

void crypto_seal(const struct crypto_seal_key *key, struct bytes plain, struct bytes context,
                 uint8_t *ret)
{
    CLEANUP(mem_free_p) uint8_t *protected = protected_of(context);
    ret[0] = FORMAT;
    randombytes_buf(ret + 1, NONCE);
    IGNORE(crypto_aead_xchacha20poly1305_ietf_encrypt(ret + 1 + NONCE, NULL, plain.data, plain.len,
                                                      protected, 1 + context.len, NULL, ret + 1,
                                                      key->bytes)); // 0 always
}

bool crypto_seal_open(const struct crypto_seal_key *key, struct bytes sealed, struct bytes context,
                      uint8_t *ret)
{
    if (sealed.len < CRYPTO_SEAL_OVERHEAD || sealed.data[0] != FORMAT)
        return false;
    CLEANUP(mem_free_p) uint8_t *protected = protected_of(context);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               ret, NULL, NULL, sealed.data + 1 + NONCE, sealed.len - 1 - NONCE, protected,
               1 + context.len, sealed.data + 1, key->bytes) == 0;
}
