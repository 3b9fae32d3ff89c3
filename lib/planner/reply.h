// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "json/json.h"

// Reading replies that may hold anything: getters that take NULL and nodes of any kind for "not
// there", delays in the forms that servers write. For this module's files and their tests. Pure;
// any thread.

// Of one number of tokens in a reply: more than the largest context there is is not believed.
enum { REPLY_TOKENS_MAX = 1 << 21 };
#define REPLY_DELAY_MAX_MS (INT64_C(366) * 86400000) // of a delay; what is longer is cut to it

// Parses a body: a byte order mark is skipped, an array is its first item. Half a surrogate pair
// ("\ud83d" alone, which is no Unicode text) becomes U+0001 and its digits, for
// reply_join_halves. False: no JSON; else *ret_document is owned by the caller, *ret_root inside.
bool reply_parse(struct bytes body, struct json **ret_document, const struct json **ret_root);
// Halves that stand side by side, since a text was cut between them and put together again, become
// their character. False: one stands alone.
bool reply_join_halves(struct text *text);

const char *reply_string(const struct json *node);                 // "" where it is none
bool reply_is_there(const struct json *node);                      // neither absent nor null
int64_t reply_tokens(const struct json *object, const char *name); // 0 where there is no number

// "2.8s", "900ms": milliseconds, rounded up. What follows the unit is not looked at. 0: no delay.
int64_t reply_delay_ms(const char *text);
// Retry-After (RFC 9110 section 10.2.3): seconds, or an HTTP-date in one of its three forms, which
// is compared with `now_ms` (real). 0: none, or in the past.
int64_t reply_retry_after_ms(struct bytes header, int64_t now_ms);
