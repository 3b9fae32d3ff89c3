// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"

// Passwords: which may be chosen (NIST SP 800-63B: length and guessability, no rules of
// composition), how they are kept (argon2id), and checking one against argon2id and imported bcrypt
// hashes. Hashing and checking take tens of milliseconds and 19 MiB (an imported hash up to 64
// MiB): they belong into a pool that bounds how many run at once. Any thread, once crypto_init was
// called. No password is copied to where it would stay, and no sentence holds one.

enum {
    AUTH_PASSWORD_CHARACTERS_MIN = 12, // of Unicode
    AUTH_PASSWORD_BYTES_MAX = 1024,
    AUTH_PASSWORD_SCORE_MAX = 4,
    AUTH_PASSWORD_HASH_MAX = 128 // of a hash, with the NUL
};

// May this be somebody's password? `score_min` 0 to 4 is zxcvbn's: guesses over 10^3, 10^6, 10^8,
// 10^10, where the username, its parts and our own name are words that are tried first. Only the
// first 100 bytes are judged: the cost of judging grows faster than the length, and a password that
// needs what is behind them is none. ERR_REJECT with a sentence for the person and the code
// "password-too-short", "password-too-long", "password-not-text" (UTF-8, no NUL) or
// "password-too-weak".
MUST_CHECK enum err auth_password_check(struct bytes password, const char *username, int score_min,
                                        struct why *why);

// A new argon2id hash. ERR_REJECT: longer than AUTH_PASSWORD_BYTES_MAX. ERR_RETRY: no memory.
MUST_CHECK enum err auth_password_hash(struct bytes password, char ret[AUTH_PASSWORD_HASH_MAX],
                                       struct why *why);

// Is this a hash that we check? argon2id with m <= 64 MiB, t <= 4, p = 1; bcrypt $2a$, $2b$ or $2y$
// of cost 4 to 12. ERR_REJECT with the code "hash-unknown" or "hash-too-costly" otherwise; nothing
// was computed. For imports, too.
MUST_CHECK enum err auth_password_hash_check(const char *hash, struct why *why);

struct auth_password_result {
    bool is_right;
    // It is right, and the caller should store a new hash of it: it was bcrypt, or argon2id with
    // less than we take now. Not where bcrypt has looked at a part of the password only (its first
    // 72 bytes): what is behind was not checked and must not be made a password.
    bool wants_upgrade;
};

// Is it the password of this hash? ERR_REJECT as auth_password_hash_check: an account with such a
// hash cannot log in, and nothing was computed. ERR_RETRY: no memory. A password over
// AUTH_PASSWORD_BYTES_MAX, or with a NUL, is never right.
MUST_CHECK enum err auth_password_verify(const char *hash, struct bytes password,
                                         struct auth_password_result *ret, struct why *why);

// The work of auth_password_verify where there is no such user (or no hash that we check), so that
// the time of an answer does not tell who has an account. It is that of our own hashes: an account
// with an imported hash that costs another time shows itself until its owner has logged in once,
// which upgrades it. ERR_RETRY: no memory.
MUST_CHECK enum err auth_password_verify_nobody(struct bytes password, struct why *why);
