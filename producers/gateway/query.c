// SPDX-License-Identifier: MIT
// A cursor is base64url of: 8 bytes of the SHA-256 of its list's scope, 8 bytes of the place, the
// id. It holds nothing that its reader may not see, and one that was made up finds nothing else
// than an honest one.

#include "query.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "crypto/base64url.h"
#include "crypto/crypto.h"
#include "domain/storable.h"
#include "problem.h"

enum { SCOPE_BYTES = 8, HEAD_BYTES = SCOPE_BYTES + 8, LIMIT_MAX = 200, LIMIT = 50 };

bool query_is_known(struct http_exchange *exchange, const char *const *names, size_t count)
{
    for (size_t i = 0; i < http_query_count(exchange); i++) {
        struct http_pair pair = http_query_at(exchange, i);
        size_t at = 0;
        struct bytes first = {0};
        while (at < count && !bytes_equal_string(pair.name, names[at]))
            at++;
        if (at == count) {
            problem_answer_field(exchange, pair.name.len == 0 ? "?" : (const char *)pair.name.data,
                                 "unknown-parameter", "there is no parameter of this name");
            return false;
        }
        if (http_query(exchange, names[at], &first) > 1) {
            problem_answer_field(exchange, names[at], "conflicting-fields", "%s is given twice",
                                 names[at]);
            return false;
        }
    }
    return true;
}

bool query_limit(struct http_exchange *exchange, size_t *ret)
{
    struct bytes text = {0};
    int64_t limit = LIMIT;
    if (http_query(exchange, "limit", &text) > 0 &&
        parse_i64(text, 1, LIMIT_MAX, &limit, NULL) != ERR_OK) {
        problem_answer_field(exchange, "limit", "out-of-range", "limit is not between 1 and %d",
                             LIMIT_MAX);
        return false;
    }
    *ret = (size_t)limit;
    return true;
}

static void mark_of(struct bytes scope, uint8_t ret[SCOPE_BYTES])
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    crypto_sha256(scope, hash);
    memcpy(ret, hash, SCOPE_BYTES);
}

bool query_cursor(struct http_exchange *exchange, struct bytes scope, struct query_place *ret)
{
    struct bytes text = {0};
    uint8_t place[QUERY_PLACE_MAX], mark[SCOPE_BYTES];
    size_t len = 0;
    ret->is_there = http_query(exchange, "cursor", &text) > 0;
    if (!ret->is_there)
        return true;
    mark_of(scope, mark);
    bool is_good = text.len < QUERY_CURSOR_MAX &&
                   crypto_base64url_decode(text, place, sizeof place, &len) && len > HEAD_BYTES &&
                   len - HEAD_BYTES <= QUERY_ID_MAX && memcmp(place, mark, SCOPE_BYTES) == 0 &&
                   storable_id(bytes_of(place + HEAD_BYTES, len - HEAD_BYTES), QUERY_ID_MAX);
    if (!is_good) {
        problem_answer_field(exchange, "cursor", "bad-cursor",
                             "cursor is none of this list with these parameters");
        return false;
    }
    memcpy(&ret->bits, place + SCOPE_BYTES, sizeof ret->bits);
    memcpy(ret->id, place + HEAD_BYTES, len - HEAD_BYTES);
    ret->id[len - HEAD_BYTES] = '\0';
    return true;
}

void query_write_cursor(struct bytes scope, const struct query_place *place,
                        char ret[QUERY_CURSOR_MAX])
{
    uint8_t bytes[QUERY_PLACE_MAX];
    size_t len = strlen(place->id);
    mark_of(scope, bytes);
    memcpy(bytes + SCOPE_BYTES, &place->bits, sizeof place->bits);
    memcpy(bytes + HEAD_BYTES, place->id, len);
    crypto_base64url(bytes_of(bytes, HEAD_BYTES + len), ret);
}
