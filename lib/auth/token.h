// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/keys.h"
#include "auth/role.h"
#include "base/err.h"
#include "base/text.h"

// Access tokens: JWTs (RFC 7519) of the type at+jwt (RFC 9068), signed as JWS (RFC 7515) with
// Ed25519 (RFC 8037), which any JWT library verifies from our JWKS. Reading them is as strict as
// RFC 8725 asks: one algorithm, exactly what we issue and nothing that is only like it. Any thread.

enum {
    AUTH_TOKEN_MAX = 2048,   // bytes of a token; ours have some 500
    AUTH_TOKEN_LIFE_S = 900, // 15 minutes, the most that one may live
    AUTH_TOKEN_SKEW_S = 60,  // by how much clocks may differ
    AUTH_TOKEN_ID_LEN = 22,  // 128 random bits
    AUTH_TOKEN_SUBJECT_MAX = 64
};

// Who issues, for whom: what every token must say, to the letter. Borrowed strings.
struct auth_token_rules {
    const char *issuer;
    const char *audience;
    const char *client_id;
};

struct auth_claims {
    char subject[AUTH_TOKEN_SUBJECT_MAX + 1]; // the user's id
    enum auth_role role;
    char id[AUTH_TOKEN_ID_LEN + 1];    // jti
    int64_t issued_at_s, expires_at_s; // seconds since 1970
};

// 1 to AUTH_TOKEN_SUBJECT_MAX characters of ASCII that are seen.
bool auth_token_is_subject(struct bytes subject);

// A token for `subject` (as above) that lives for life_s seconds (1 to
// AUTH_TOKEN_LIFE_S) from now_s, with a new random id. Appended to *out. ERR_RETRY: no key signs.
// ERR_REJECT: over the text's ceiling. `ret` may be NULL.
MUST_CHECK enum err auth_token_issue(struct auth_keys *keys, const struct auth_token_rules *rules,
                                     const char *subject, enum auth_role role, int64_t now_s,
                                     int64_t life_s, struct text *out, struct auth_claims *ret,
                                     struct why *why);

// Is it one of ours, and good now? ERR_REJECT otherwise, with a code for metrics and logs (the
// answer to the client is the same for all): "token-too-large", "token-shape" (not three segments
// of base64url, or no JSON in them), "token-header" (another alg or typ, or any member but alg,
// typ, kid: crit, jku, x5u, jwk, x5c ...), "token-key" (unknown kid), "token-signature",
// "token-claims" (one is missing, of another type or value), "token-early" (nbf or iat), or
// "token-expired". Nothing that the token says of itself is in the sentence. Whether it was revoked
// is the caller's to ask (claims->id, subject and issued_at_s).
MUST_CHECK enum err auth_token_verify(struct auth_keys *keys, const struct auth_token_rules *rules,
                                      struct bytes token, int64_t now_s, struct auth_claims *ret,
                                      struct why *why);
