// SPDX-License-Identifier: MIT
// A hash says itself how much memory and time it takes, and hashes can be imported, so what it asks
// for is read and bounded before anything is computed. bcrypt gets a copy of what it looks at of a
// password (crypt_r refuses more than 511 bytes), and a block of 32 KiB to work in; both are wiped.

#include "auth/password.h"

#include <assert.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/argon2id.h"
#include "crypto/crypto.h"

static_assert((int)AUTH_PASSWORD_HASH_MAX == (int)CRYPTO_ARGON2ID_MAX, "one size for both");

enum {
    // What an imported hash may cost: 64 MiB, 4 passes; of bcrypt some 250 ms.
    MEMORY_KIB_MAX = 64 * 1024,
    PASSES_MAX = 4,
    BCRYPT_COST_MIN = 4,
    BCRYPT_COST_MAX = 12,
    BCRYPT_LEN = 60,         // $2b$10$, 22 characters of salt, 31 of hash
    BCRYPT_PASSWORD_MAX = 72 // bytes that it looks at
};

enum kind { KIND_UNKNOWN, KIND_ARGON2ID, KIND_BCRYPT };

enum err auth_password_hash(struct bytes password, char ret[AUTH_PASSWORD_HASH_MAX],
                            struct why *why)
{
    if (password.len > AUTH_PASSWORD_BYTES_MAX)
        return why_code(why, ERR_REJECT, "password-too-long", "a password has at most %d bytes",
                        AUTH_PASSWORD_BYTES_MAX);
    return crypto_argon2id_hash(password, ret, why);
}

// $2a$, $2b$ or $2y$ (the same algorithm since it was put right), two digits of cost, and 53
// characters of bcrypt's own base64. Gives the cost, 0 where it is no such hash.
static int bcrypt_cost(const char *hash)
{
    static const char alphabet[] =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (strnlen(hash, BCRYPT_LEN + 1) != BCRYPT_LEN || strncmp(hash, "$2", 2) != 0 ||
        strchr("aby", hash[2]) == NULL || hash[3] != '$' || hash[4] < '0' || hash[4] > '9' ||
        hash[5] < '0' || hash[5] > '9' || hash[6] != '$' ||
        strspn(hash + 7, alphabet) != BCRYPT_LEN - 7)
        return 0;
    return (hash[4] - '0') * 10 + (hash[5] - '0');
}

static enum err too_costly(struct why *why, const char *what)
{
    return why_code(why, ERR_REJECT, "hash-too-costly", "a password's hash asks for %s", what);
}

// What kind it is, and of argon2id what it costs.
static enum err read_hash(const char *hash, enum kind *ret, struct crypto_argon2id_cost *ret_cost,
                          struct why *why)
{
    if (crypto_argon2id_parse(hash, ret_cost)) {
        if (ret_cost->memory_kib > MEMORY_KIB_MAX)
            return too_costly(why, "more than 64 MiB");
        if (ret_cost->passes > PASSES_MAX || ret_cost->lanes > 1)
            return too_costly(why, "more than 4 passes, or more than one lane");
        *ret = KIND_ARGON2ID;
        return ERR_OK;
    }
    int cost = bcrypt_cost(hash);
    if (cost > BCRYPT_COST_MAX)
        return too_costly(why, "more than bcrypt's cost 12");
    if (cost < BCRYPT_COST_MIN)
        return why_code(why, ERR_REJECT, "hash-unknown",
                        "a password's hash is neither argon2id ($argon2id$v=19$...) nor bcrypt "
                        "($2a$, $2b$ or $2y$)");
    *ret = KIND_BCRYPT;
    return ERR_OK;
}

enum err auth_password_hash_check(const char *hash, struct why *why)
{
    enum kind kind = KIND_UNKNOWN;
    struct crypto_argon2id_cost cost;
    return read_hash(hash, &kind, &cost, why);
}

// No password that may be chosen; bcrypt would take what is before a NUL for the whole.
static bool is_impossible(struct bytes password)
{
    return password.len > AUTH_PASSWORD_BYTES_MAX ||
           (password.len > 0 && memchr(password.data, '\0', password.len) != NULL);
}

static bool bcrypt_matches(const char *hash, struct bytes password)
{
    struct crypt_data *work = mem_zalloc(sizeof *work);
    char text[BCRYPT_PASSWORD_MAX + 1] = {0};
    if (password.len > 0)
        memcpy(text, password.data,
               password.len < BCRYPT_PASSWORD_MAX ? password.len : BCRYPT_PASSWORD_MAX);
    // What it cannot compute it says with a text that begins with '*' and is no hash.
    const char *made = crypt_r(text, hash, work);
    bool is_match = made != NULL && made[0] != '*' && strlen(made) == BCRYPT_LEN &&
                    crypto_equal(made, hash, BCRYPT_LEN);
    crypto_wipe(text, sizeof text);
    crypto_wipe(work, sizeof *work);
    free(work);
    return is_match;
}

enum err auth_password_verify(const char *hash, struct bytes password,
                              struct auth_password_result *ret, struct why *why)
{
    enum kind kind = KIND_UNKNOWN;
    struct crypto_argon2id_cost cost = {0};
    struct auth_password_result result = {false, false};
    enum err err = read_hash(hash, &kind, &cost, why);
    if (err != ERR_OK)
        return err;
    if (is_impossible(password)) {
        *ret = result;
        return ERR_OK;
    }
    bool is_weaker = false;
    if (kind == KIND_ARGON2ID) {
        err = crypto_argon2id_verify(hash, password, &result.is_right, why);
        is_weaker =
            cost.memory_kib < CRYPTO_ARGON2ID_MEMORY_KIB || cost.passes < CRYPTO_ARGON2ID_PASSES;
    } else {
        result.is_right = bcrypt_matches(hash, password);
        is_weaker = password.len <= BCRYPT_PASSWORD_MAX;
    }
    result.wants_upgrade = result.is_right && is_weaker;
    if (err == ERR_OK)
        *ret = result;
    return err;
}

enum err auth_password_verify_nobody(struct bytes password, struct why *why)
{
    // As every hash that we make, of a salt and a hash that are zero: nobody finds its password.
    char hash[AUTH_PASSWORD_HASH_MAX];
    struct auth_password_result result;
    static const char zeros[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"; // 32 in base64
    snprintf(hash, sizeof hash, "$argon2id$v=19$m=%d,t=%d,p=1$%.22s$%s", CRYPTO_ARGON2ID_MEMORY_KIB,
             CRYPTO_ARGON2ID_PASSES, zeros, zeros);
    return auth_password_verify(hash, password, &result, why);
}
