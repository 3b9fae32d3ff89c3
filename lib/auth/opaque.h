// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/text.h"

// Tokens that say nothing (refresh tokens, invites): 256 random bits that whoever has them shows
// once. Tables keep their SHA-256 only, so a copy of a table opens nothing; a slow hash is not
// needed, since nobody guesses 256 bits. Looked up by the hash, their text is never compared. Any
// thread, once crypto_init was called.

enum { AUTH_OPAQUE_LEN = 43, AUTH_OPAQUE_HASH_LEN = 64 };

void auth_opaque_new(char ret[AUTH_OPAQUE_LEN + 1], char ret_hash[AUTH_OPAQUE_HASH_LEN + 1]);
// What a table has of a token that came in, in lower-case hex; false: it can be none of ours.
MUST_CHECK bool auth_opaque_hash(struct bytes token, char ret[AUTH_OPAQUE_HASH_LEN + 1]);
