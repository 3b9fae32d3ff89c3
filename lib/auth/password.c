// SPDX-License-Identifier: MIT
// Which passwords may be chosen. zxcvbn-c is given a copy that ends with a NUL, of the first 100
// bytes at most: its own limit for a close look (ZXCVBN_DETAIL_LEN), which a build may have
// changed. Measured with 2.5: 0.2 ms for ordinary passwords, at worst 7 ms ("1" or "a" 100 times),
// a quarter of what hashing takes; nothing searched for over minutes came near these.

#include "auth/password.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include <zxcvbn.h>

#include "crypto/crypto.h"

enum {
    JUDGED_MAX = 100, // bytes of a password
    NAME_MAX_BYTES = 128,
    WORDS_MAX = 12,
    WORD_MIN = 3, // characters: a shorter one is in everything
};

// Code points of well-formed UTF-8: bytes that do not go on with one.
static size_t characters_of(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    return count;
}

// What an attacker of this account tries first: our name, the username, and its parts. They stay in
// `name`, a copy that is cut into pieces.
struct words {
    char name[NAME_MAX_BYTES], parts[NAME_MAX_BYTES];
    const char *list[WORDS_MAX + 1];
};

static void words_of(const char *username, struct words *ret)
{
    size_t count = 0, len = strnlen(username, NAME_MAX_BYTES - 1);
    memcpy(ret->name, username, len);
    memcpy(ret->parts, username, len);
    ret->name[len] = ret->parts[len] = '\0';
    if (len >= WORD_MIN)
        ret->list[count++] = ret->name;
    ret->list[count++] = "retentionai";
    for (size_t from = 0, at = 0; at <= len && count < WORDS_MAX; at++)
        if (isalnum((unsigned char)ret->parts[at]) == 0) {
            ret->parts[at] = '\0';
            if (at - from >= WORD_MIN)
                ret->list[count++] = ret->parts + from;
            from = at + 1;
        }
    ret->list[count] = NULL;
}

// The scores of zxcvbn (Wheeler, USENIX Security 2016): guesses over 10^3, 10^6, 10^8, 10^10.
static int score_of(double bits)
{
    static const double digits[AUTH_PASSWORD_SCORE_MAX] = {3, 6, 8, 10};
    int score = 0;
    while (score < AUTH_PASSWORD_SCORE_MAX && bits * log10(2) > digits[score])
        score++;
    return score;
}

static int judge(struct bytes password, const char *username)
{
    char judged[JUDGED_MAX + 1] = {0};
    struct words words;
    memcpy(judged, password.data, password.len < JUDGED_MAX ? password.len : JUDGED_MAX);
    words_of(username, &words);
    double bits = ZxcvbnMatch(judged, words.list, NULL);
    crypto_wipe(judged, sizeof judged);
    return score_of(bits);
}

enum err auth_password_check(struct bytes password, const char *username, int score_min,
                             struct why *why)
{
    if (password.len > AUTH_PASSWORD_BYTES_MAX)
        return why_code(why, ERR_REJECT, "password-too-long", "a password has at most %d bytes",
                        AUTH_PASSWORD_BYTES_MAX);
    if (password.len > 0 &&
        (!utf8_is_valid(password) || memchr(password.data, '\0', password.len) != NULL))
        return why_code(why, ERR_REJECT, "password-not-text",
                        "a password is text in UTF-8, without a NUL");
    if (characters_of(password) < AUTH_PASSWORD_CHARACTERS_MIN)
        return why_code(why, ERR_REJECT, "password-too-short",
                        "a password has at least %d characters", AUTH_PASSWORD_CHARACTERS_MIN);
    if (score_min > 0 && judge(password, username) < score_min)
        return why_code(why, ERR_REJECT, "password-too-weak",
                        "this password is among those that are guessed first: take a longer one, "
                        "or several words that do not belong together");
    return ERR_OK;
}
