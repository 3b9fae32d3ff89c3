// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/keys.h"
#include "auth/role.h"
#include "auth/secret_key.h"
#include "auth/token.h"
#include "base/err.h"
#include "base/metrics.h"
#include "base/text.h"
#include "store/sessions.h"
#include "store/signing_keys.h"

// Whose token this is: keys, revocations, and the memory of tokens that were verified. Any thread.

struct authority_options {
    const char *issuer;
    struct metrics *metrics;
};

struct authority;

struct authority *authority_new(const struct authority_options *options);
void authority_free(struct authority *authority);
DEFINE_CLEANUP(struct authority, authority_free)

// The claims of "Bearer <token>". False: *ret_is_there tells whether there was one at all.
MUST_CHECK bool authority_check(struct authority *authority, const char *authorization,
                                struct auth_claims *ret, bool *ret_is_there);

// A new access token, appended to *out: its iat is `now_ms`, or `iat_from_ms` where that is later.
MUST_CHECK enum err authority_issue(struct authority *authority, int64_t user_id, struct bytes role,
                                    int64_t now_ms, int64_t iat_from_ms, struct text *out,
                                    struct why *why);

// ---- what the tables say

// The keys that sign and verify from now on. ERR_FATAL: one of them cannot be opened.
MUST_CHECK enum err authority_take_keys(struct authority *authority,
                                        const struct auth_sealer *sealer,
                                        const struct signing_key *keys, size_t count,
                                        int64_t now_ms, struct why *why);
// In force from now on, beside those that are.
void authority_take_revocations(struct authority *authority,
                                const struct sessions_revocation *revocations, size_t count);
// Those that are over by now are forgotten.
void authority_forget(struct authority *authority, int64_t now_ms);

bool authority_has_keys(struct authority *authority);
MUST_CHECK enum err authority_write_jwks(struct authority *authority, struct text *out);
size_t authority_remembered(struct authority *authority);
