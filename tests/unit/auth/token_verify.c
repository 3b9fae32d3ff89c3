// SPDX-License-Identifier: MIT
#include "forge.h"

// The forger's hash (RFC 2104), for tokens of the algorithm HS256.
static void hmac(struct bytes key, struct bytes message, uint8_t ret[32])
{
    uint8_t inner[64] = {0}, outer[64];
    struct crypto_sha256 hash;
    if (key.len > sizeof inner)
        crypto_sha256(key, inner);
    else
        memcpy(inner, key.data, key.len);
    for (size_t i = 0; i < sizeof inner; i++) {
        outer[i] = inner[i] ^ 0x5c;
        inner[i] ^= 0x36;
    }
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes_of(inner, sizeof inner));
    crypto_sha256_update(&hash, message);
    crypto_sha256_final(&hash, ret);
    crypto_sha256_init(&hash);
    crypto_sha256_update(&hash, bytes_of(outer, sizeof outer));
    crypto_sha256_update(&hash, bytes_of(ret, 32));
    crypto_sha256_final(&hash, ret);
}

// A token of ours with both '-' and '_' in its signature, so that the other alphabet's can be
// tried.
static char *good_token(struct auth_keys *keys)
{
    for (int i = 0;; i++) {
        CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
        struct why why = {0};
        assert_ok(auth_token_issue(keys, &rules, "7", AUTH_ROLE_HR, NOW, AUTH_TOKEN_LIFE_S, &token,
                                   NULL, &why),
                  &why);
        const char *signature = strrchr(token.data, '.');
        if (strchr(signature, '-') != NULL && strchr(signature, '_') != NULL)
            return text_take(&token);
        assert_true(i < 1000);
    }
}

static void the_token_that_all_others_are_made_from_is_good(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *claims = claims_with("", "");
    CLEANUP(mem_free_p) char *token = forged(HEADER, claims);
    struct why why = {0};
    struct auth_claims got;
    assert_ok(auth_token_verify(keys, &rules, bytes_from_string(token), NOW, &got, &why), &why);
    assert_string_equal(got.subject, "7");
    assert_string_equal(got.id, "AAAAAAAAAAAAAAAAAAAAAA");
    assert_int_equal(got.role, AUTH_ROLE_HR);
    assert_int_equal(got.issued_at_s, NOW);
    assert_int_equal(got.expires_at_s, NOW + 900);
}

static void claims_that_we_do_not_know_are_no_reason_to_refuse(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p)
    char *claims =
        claims_with("sub", "\"sub\":\"7\",\"scope\":\"a b\",\"more\":{\"x\":[1.5,null]}");
    CLEANUP(mem_free_p) char *token = forged(HEADER, claims);
    struct why why;
    assert_ok(verify_at(keys, bytes_from_string(token), NOW, &why), &why);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *token = good_token(keys);
    struct bytes all = bytes_from_string(token);
    for (size_t bit = 0; bit < all.len * 8; bit++) {
        token[bit / 8] = (char)((unsigned char)token[bit / 8] ^ 1U << bit % 8);
        assert_refused(keys, all, NULL);
        token[bit / 8] = (char)((unsigned char)token[bit / 8] ^ 1U << bit % 8);
    }
    struct why why;
    assert_ok(verify_at(keys, all, NOW, &why), &why);
}

static void every_byte_less_or_more_is_refused(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *token = good_token(keys);
    size_t len = strlen(token);
    static const char more[] = "A.=- \n\t\r%/+\"\0"; // the NUL, too
    for (size_t at = 0; at <= len; at++) {
        assert_refused(keys, at < len ? bytes_of(token, at) : bytes_of(token + 1, len - 1), NULL);
        CLEANUP(mem_free_p) char *changed = mem_zalloc(len + 2);
        memcpy(changed, token, at);
        if (at < len) {
            memcpy(changed + at, token + at + 1, len - at - 1);
            assert_refused(keys, bytes_of(changed, len - 1), NULL);
        }
        memcpy(changed + at + 1, token + at, len - at);
        for (size_t i = 0; i < sizeof more; i++) {
            changed[at] = more[i];
            assert_refused(keys, bytes_of(changed, len + 1), NULL);
        }
    }
}

// Spellings of the same bytes that a lenient reader of base64 takes.
static void every_other_spelling_of_base64_is_refused(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *token = good_token(keys);
    size_t len = strlen(token);
    struct bytes all = bytes_of(token, len);

    // The last character of a signature has two bits that count and four that do not.
    const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t last = (size_t)(strchr(alphabet, token[len - 1]) - alphabet);
    assert_int_equal(last % 16, 0);
    for (size_t bits = 1; bits < 16; bits++) {
        token[len - 1] = alphabet[last + bits];
        assert_refused(keys, all, "token-signature");
    }
    token[len - 1] = alphabet[last];

    // The other alphabet.
    for (size_t at = 0; at < len; at++) {
        char was = token[at];
        if (was != '-' && was != '_')
            continue;
        token[at] = was == '-' ? '+' : '/';
        assert_refused(keys, all, NULL);
        token[at] = was;
    }

    // Padding of each segment, and what other readers skip.
    static const char *const tails[] = {"=", "==",  "===",    "\n",  "\r\n",
                                        " ", "%3D", "%3d%3d", "\xc3"};
    for (size_t i = 0; i < ARRAY_LEN(tails); i++)
        for (const char *dot = strchr(token, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
            int before = (int)(dot - token);
            CLEANUP(mem_free_p) char *inside = mem_printf("%.*s%s%s", before, token, tails[i], dot);
            CLEANUP(mem_free_p) char *behind = mem_printf("%s%s", token, tails[i]);
            CLEANUP(mem_free_p) char *in_front = mem_printf("%s%s", tails[i], token);
            assert_refused(keys, bytes_from_string(inside), NULL);
            assert_refused(keys, bytes_from_string(behind), NULL);
            assert_refused(keys, bytes_from_string(in_front), NULL);
        }
    struct why why;
    assert_ok(verify_at(keys, all, NOW, &why), &why);
}

static void a_token_has_three_segments(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *token = good_token(keys);
    CLEANUP(mem_free_p) char *two = mem_dup(token);
    *strrchr(two, '.') = '\0';
    CLEANUP(mem_free_p) char *no_signature = mem_printf("%s.", two);
    CLEANUP(mem_free_p) char *four = mem_printf("%s.AA", token);
    CLEANUP(mem_free_p) char *five = mem_printf("%s..", token); // as encrypted tokens have
    CLEANUP(mem_free_p) char *in_front = mem_printf(".%s", token);
    const char *const shapes[] = {"",
                                  ".",
                                  "..",
                                  "...",
                                  "....",
                                  "a",
                                  "a.b",
                                  two,
                                  four,
                                  five,
                                  in_front,
                                  strchr(token, '.'),
                                  strchr(token, '.') + 1};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        assert_refused(keys, bytes_from_string(shapes[i]), "token-shape");
    assert_refused(keys, bytes_from_string(no_signature), "token-signature");
    assert_refused(keys, bytes_of(NULL, 0), "token-shape");
    CLEANUP(mem_free_p) char *bearer = mem_printf("Bearer %s", token);
    assert_refused(keys, bytes_from_string(bearer), "token-shape");
}

// S1: no algorithm, with and without our signature.
static void an_algorithm_that_is_not_ours_is_refused_whoever_signed(void **state)
{
    (void)state;
    static const char *const algorithms[] = {
        "\"none\"",  "\"None\"",  "\"nOnE\"",  "\"NONE\"",    "\"\"",       "null",
        "\"HS256\"", "\"RS256\"", "\"ES256\"", "\"PS256\"",   "\"EdDSA \"", "\"eddsa\"",
        "\"EDDSA\"", "\"Ed448\"", "0",         "[\"EdDSA\"]", "true",       "\"Ed25519\"",
    };
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *claims = claims_with("", "");
    for (size_t i = 0; i <= ARRAY_LEN(algorithms); i++) {
        CLEANUP(mem_free_p)
        char *header = i == ARRAY_LEN(algorithms)
                           ? mem_dup("{\"typ\":\"at+jwt\",\"kid\":\"" RFC_KID "\"}")
                           : mem_printf("{\"typ\":\"at+jwt\",\"alg\":%s,\"kid\":\"" RFC_KID "\"}",
                                        algorithms[i]);
        CLEANUP(mem_free_p) char *with = forged(header, claims);
        CLEANUP(mem_free_p) char *without = unsigned_token(header, claims);
        CLEANUP(mem_free_p) char *empty = mem_printf("%s.", without);
        assert_refused(keys, bytes_from_string(with), "token-header");
        assert_refused(keys, bytes_from_string(empty), "token-header");
        assert_refused(keys, bytes_from_string(without), "token-shape");
    }
}

// S2: a secret that everybody has.
static void a_token_of_hs256_with_the_public_key_as_secret_is_refused(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    struct auth_key key;
    IGNORE(rfc_secret(&key)); // for its public half
    CLEANUP(text_done) struct text jwks = TEXT_INIT(4096);
    assert_int_equal(auth_keys_write_jwks(keys, &jwks), ERR_OK);
    const struct bytes secrets[] = {
        bytes_of(key.public_key, sizeof key.public_key),
        bytes_from_string(RFC_X),
        bytes_from_string(RFC_KID),
        text_bytes(&jwks),
        bytes_from_string("-----BEGIN PUBLIC KEY-----\n"
                          "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                          "-----END PUBLIC KEY-----\n"),
        bytes_from_string(""),
    };
    static const char *const headers[] = {
        "{\"typ\":\"at+jwt\",\"alg\":\"HS256\",\"kid\":\"" RFC_KID "\"}", HEADER};
    CLEANUP(mem_free_p) char *claims = claims_with("", "");
    for (size_t i = 0; i < ARRAY_LEN(secrets) * 2; i++) {
        uint8_t mac[64] = {0};
        CLEANUP(mem_free_p) char *token = unsigned_token(headers[i % 2], claims);
        hmac(secrets[i / 2], bytes_from_string(token), mac);
        for (size_t len = 32; len <= 64; len += 32) {
            CLEANUP(mem_free_p) char *third = encoded(bytes_of(mac, len));
            CLEANUP(mem_free_p) char *whole = mem_printf("%s.%s", token, third);
            assert_refused(keys, bytes_from_string(whole),
                           i % 2 == 0 ? "token-header" : "token-signature");
        }
    }
}

static void a_header_is_ours_to_the_member(void **state)
{
    (void)state;
    static const struct {
        const char *header, *code;
    } bad[] = {
        {"{\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}", "token-header"},
        {"{\"typ\":\"JWT\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}", "token-header"},
        {"{\"typ\":\"AT+JWT\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}", "token-header"},
        {"{\"typ\":\"application/at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}",
         "token-header"},
        {"{\"typ\":\"id+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}", "token-header"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\"}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"\"}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":0}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":null}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":[\"" RFC_KID "\"]}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"../../dev/null\"}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"' OR 1=1 --\"}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "x\"}", "token-key"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\\u0000\"}", "token-shape"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\"}",
         "token-shape"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"x\",\"kid\":\"" RFC_KID "\"}",
         "token-shape"},
        {"{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"\\u0061lg\":\"none\",\"kid\":\"" RFC_KID "\"}",
         "token-shape"},
        {"[\"at+jwt\",\"EdDSA\",\"" RFC_KID "\"]", "token-shape"},
        {"\"" RFC_KID "\"", "token-shape"},
        {"", "token-shape"},
        {"{}", "token-header"},
        {"null", "token-shape"},
        {HEADER "x", "token-shape"},
        {"\xef\xbb\xbf" HEADER, "token-shape"},
    };
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *claims = claims_with("", "");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(mem_free_p) char *token = forged(bad[i].header, claims);
        assert_refused(keys, bytes_from_string(token), bad[i].code);
    }
}

static void a_header_that_brings_a_key_or_wants_more_of_us_is_refused(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" RFC_X "\"}",
        "\"jku\":\"https://127.0.0.1/jwks.json\"",
        "\"x5u\":\"https://127.0.0.1/cert.pem\"",
        "\"x5c\":[\"MIIB\"]",
        "\"x5t\":\"AA\"",
        "\"x5t#S256\":\"AA\"",
        "\"crit\":[\"exp\"]",
        "\"crit\":[\"b64\"],\"b64\":false",
        "\"crit\":[]",
        "\"b64\":true",
        "\"enc\":\"A256GCM\"",
        "\"zip\":\"DEF\"",
        "\"cty\":\"JWT\"",
    };
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *claims = claims_with("", "");
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        CLEANUP(mem_free_p)
        char *header = mem_printf(
            "{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" RFC_KID "\",%s}", members[i]);
        CLEANUP(mem_free_p) char *token = forged(header, claims);
        assert_refused(keys, bytes_from_string(token), "token-header");
    }
}

// S3, S4: signed by our key, and still not what we issue.
static void a_claim_of_another_type_or_value_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *member, *code;
    } bad[] = {
        {"iss", "", "token-claims"},
        {"iss", "\"iss\":\"retentionai2\"", "token-claims"},
        {"iss", "\"iss\":\"RetentionAI\"", "token-claims"},
        {"iss", "\"iss\":[\"retentionai\"]", "token-claims"},
        {"iss", "\"iss\":null", "token-claims"},
        {"iss", "\"iss\":\"retentionai\",\"iss\":\"retentionai\"", "token-shape"},
        {"aud", "", "token-claims"},
        {"aud", "\"aud\":\"other\"", "token-claims"},
        {"aud", "\"aud\":[\"retentionai\"]", "token-claims"},
        {"aud", "\"aud\":[\"retentionai\",\"other\"]", "token-claims"},
        {"aud", "\"aud\":\"retentionai \"", "token-claims"},
        {"client_id", "", "token-claims"},
        {"client_id", "\"client_id\":\"other\"", "token-claims"},
        {"sub", "", "token-claims"},
        {"sub", "\"sub\":\"\"", "token-claims"},
        {"sub", "\"sub\":7", "token-claims"},
        {"sub", "\"sub\":\"7 \"", "token-claims"},
        {"sub", "\"sub\":\"7\\n\"", "token-claims"},
        {"sub", "\"sub\":\"\xc3\xa9\"", "token-claims"},
        {"sub", "\"sub\":\"7\\u0000\"", "token-shape"},
        {"sub", "\"sub\":\"7\",\"sub\":\"1\"", "token-shape"},
        {"sub", "\"sub\":\"12345678901234567890123456789012345678901234567890123456789012345\"",
         "token-claims"},
        {"role", "", "token-claims"},
        {"role", "\"role\":\"root\"", "token-claims"},
        {"role", "\"role\":\"Admin\"", "token-claims"},
        {"role", "\"role\":\"\"", "token-claims"},
        {"role", "\"role\":[\"admin\"]", "token-claims"},
        {"role", "\"role\":\"hr\",\"role\":\"admin\"", "token-shape"},
        {"role", "\"role\":\"hr\",\"rol\\u0065\":\"admin\"", "token-shape"},
        {"jti", "", "token-claims"},
        {"jti", "\"jti\":\"\"", "token-claims"},
        {"jti", "\"jti\":\"AAAAAAAAAAAAAAAAAAAAA\"", "token-claims"},
        {"jti", "\"jti\":\"AAAAAAAAAAAAAAAAAAAAAB\"", "token-claims"},
        {"jti", "\"jti\":\"AAAAAAAAAAAAAAAAAAAAAAA\"", "token-claims"},
        {"jti", "\"jti\":1", "token-claims"},
        {"exp", "", "token-claims"},
        {"exp", "\"exp\":\"1790000900\"", "token-claims"},
        {"exp", "\"exp\":1790000900.0", "token-claims"},
        {"exp", "\"exp\":1.7900009e9", "token-claims"},
        {"exp", "\"exp\":1e308", "token-claims"},
        {"exp", "\"exp\":1e309", "token-shape"},
        {"exp", "\"exp\":-1", "token-claims"},
        {"exp", "\"exp\":0", "token-claims"},
        {"exp", "\"exp\":null", "token-claims"},
        {"exp", "\"exp\":true", "token-claims"},
        {"exp", "\"exp\":[1790000900]", "token-claims"},
        {"exp", "\"exp\":9223372036854775807", "token-claims"},
        {"exp", "\"exp\":9223372036854775808", "token-shape"},
        {"exp", "\"exp\":01790000900", "token-shape"},
        {"exp", "\"exp\":+1790000900", "token-shape"},
        {"exp", "\"exp\":0x6ab13c04", "token-shape"},
        {"exp", "\"exp\":NaN", "token-shape"},
        {"exp", "\"exp\":1790000900,\"exp\":1790000900", "token-shape"},
        {"exp", "\"exp\":1790000901", "token-claims"}, // lives longer than 15 minutes
        {"exp", "\"exp\":1790000000", "token-claims"}, // no life
        {"iat", "", "token-claims"},
        {"iat", "\"iat\":\"1790000000\"", "token-claims"},
        {"iat", "\"iat\":1790000000.5", "token-claims"},
        {"iat", "\"iat\":-1", "token-claims"},
        {"iat", "\"iat\":1790000061", "token-early"},
        {"iat", "\"iat\":1789999999", "token-claims"}, // lives longer than 15 minutes
        {"nbf", "", "token-claims"},
        {"nbf", "\"nbf\":1790000061", "token-early"},
        {"nbf", "\"nbf\":1790000900", "token-claims"},
        {"nbf", "\"nbf\":\"1790000000\"", "token-claims"},
    };
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(mem_free_p) char *claims = claims_with(bad[i].name, bad[i].member);
        CLEANUP(mem_free_p) char *token = forged(HEADER, claims);
        assert_refused(keys, bytes_from_string(token), bad[i].code);
    }
    static const char *const shapes[] = {
        "", "[]", "\"x\"", "null", "7", "{", "{}}", "{'a':1}", "{\"a\":[[[[1]]]]}"};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        CLEANUP(mem_free_p) char *token = forged(HEADER, shapes[i]);
        assert_refused(keys, bytes_from_string(token), "token-shape");
    }
}

static void a_token_is_good_from_its_start_to_its_end_give_or_take_a_minute(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *token = good_token(keys);
    static const struct {
        int64_t at_s;
        const char *code;
    } times[] = {
        {0, "token-early"},
        {NOW - 61, "token-early"},
        {NOW - 60, NULL},
        {NOW, NULL},
        {NOW + 900, NULL},
        {NOW + 900 + 59, NULL},
        {NOW + 900 + 60, "token-expired"},
        {NOW * INT64_C(1000), "token-expired"},
    };
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct why why;
        enum err err = verify_at(keys, bytes_from_string(token), times[i].at_s, &why);
        assert_int_equal(err, times[i].code == NULL ? ERR_OK : ERR_REJECT);
        assert_string_equal(why.code, times[i].code == NULL ? "" : times[i].code);
    }
}

static void a_token_larger_than_ours_is_refused_before_it_is_read(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *blanks = mem_printf("\"sub\":\"7\"%*s", 1100, "");
    CLEANUP(mem_free_p) char *fits = claims_with("sub", blanks);
    CLEANUP(mem_free_p) char *token = forged(HEADER, fits);
    assert_in_range(strlen(token), 1800, AUTH_TOKEN_MAX);
    struct why why;
    assert_ok(verify_at(keys, bytes_from_string(token), NOW, &why), &why);

    CLEANUP(mem_free_p) char *more_blanks = mem_printf("\"sub\":\"7\"%*s", 1400, "");
    CLEANUP(mem_free_p) char *too_large = claims_with("sub", more_blanks);
    CLEANUP(mem_free_p) char *large = forged(HEADER, too_large);
    assert_refused(keys, bytes_from_string(large), "token-too-large");
}

static void a_key_verifies_until_it_is_taken_out(void **state)
{
    (void)state;
    struct auth_key both[2];
    struct why why;
    struct crypto_ed25519_secret next;
    IGNORE(rfc_secret(&both[0])); // its public half
    crypto_ed25519_new(&next, both[1].public_key);
    auth_key_kid(both[1].public_key, both[1].kid);
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *old = good_token(keys);

    assert_ok(auth_keys_replace(keys, both, 2, &next, &why), &why);
    CLEANUP(mem_free_p) char *new = good_token(keys);
    assert_ok(verify_at(keys, bytes_from_string(old), NOW, &why), &why);
    assert_ok(verify_at(keys, bytes_from_string(new), NOW, &why), &why);

    assert_ok(auth_keys_replace(keys, &both[1], 1, &next, &why), &why);
    assert_refused(keys, bytes_from_string(old), "token-key");
    assert_ok(verify_at(keys, bytes_from_string(new), NOW, &why), &why);

    // The old token under the new key's name.
    CLEANUP(mem_free_p)
    char *header = mem_printf("{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"%s\"}", both[1].kid);
    CLEANUP(mem_free_p) char *claims = claims_with("", "");
    CLEANUP(mem_free_p) char *renamed = forged(header, claims);
    assert_refused(keys, bytes_from_string(renamed), "token-signature");
}

static void a_refusal_says_nothing_that_the_token_said(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(mem_free_p) char *claims = claims_with("sub", "\"CANARY\":{\"CANARY\":1},\"sub\":7");
    CLEANUP(mem_free_p) char *one = forged(HEADER, claims);
    CLEANUP(mem_free_p) char *two = forged("{\"CANARY\":\"CANARY\"}", claims);
    CLEANUP(mem_free_p) char *three = forged("{\"CANARY\"", claims);
    const char *const tokens[] = {one, two, three, "CANARY.CANARY.CANARY", "CANARY"};
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct why why;
        assert_int_equal(verify_at(keys, bytes_from_string(tokens[i]), NOW, &why), ERR_REJECT);
        assert_null(strstr(why.text, "CANARY"));
        assert_true(why.text[0] != '\0' && why.code[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_that_all_others_are_made_from_is_good),
        cmocka_unit_test(claims_that_we_do_not_know_are_no_reason_to_refuse),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_byte_less_or_more_is_refused),
        cmocka_unit_test(every_other_spelling_of_base64_is_refused),
        cmocka_unit_test(a_token_has_three_segments),
        cmocka_unit_test(an_algorithm_that_is_not_ours_is_refused_whoever_signed),
        cmocka_unit_test(a_token_of_hs256_with_the_public_key_as_secret_is_refused),
        cmocka_unit_test(a_header_is_ours_to_the_member),
        cmocka_unit_test(a_header_that_brings_a_key_or_wants_more_of_us_is_refused),
        cmocka_unit_test(a_claim_of_another_type_or_value_is_refused),
        cmocka_unit_test(a_token_is_good_from_its_start_to_its_end_give_or_take_a_minute),
        cmocka_unit_test(a_token_larger_than_ours_is_refused_before_it_is_read),
        cmocka_unit_test(a_key_verifies_until_it_is_taken_out),
        cmocka_unit_test(a_refusal_says_nothing_that_the_token_said),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
