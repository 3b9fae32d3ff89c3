// SPDX-License-Identifier: MIT
#include "forge.h"

// One segment of a token, decoded; the caller frees.
static char *segment(const char *token, int number)
{
    for (int i = 0; i < number; i++)
        token = strchr(token, '.') + 1;
    size_t chars = strcspn(token, "."), len = 0;
    uint8_t *text = mem_zalloc(chars + 1);
    assert_true(crypto_base64url_decode(bytes_of(token, chars), text, chars, &len));
    text[len] = '\0';
    return (char *)text;
}

static void a_token_says_what_it_was_issued_for_and_verifies(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    for (int role = 0; role < AUTH_ROLES; role++) {
        CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
        struct auth_claims issued, got;
        struct why why = {0};
        assert_ok(auth_token_issue(keys, &rules, "4711", (enum auth_role)role, NOW, 300, &token,
                                   &issued, &why),
                  &why);
        assert_ok(auth_token_verify(keys, &rules, text_bytes(&token), NOW, &got, &why), &why);
        assert_string_equal(got.subject, "4711");
        assert_int_equal(got.role, role);
        assert_string_equal(got.id, issued.id);
        assert_int_equal(strlen(got.id), AUTH_TOKEN_ID_LEN);
        assert_int_equal(got.issued_at_s, NOW);
        assert_int_equal(got.expires_at_s, NOW + 300);
        assert_string_equal(issued.subject, "4711");
        assert_int_equal(issued.expires_at_s, NOW + 300);
    }
}

// What another library reads must stay what it is: RFC 9068 section 2 names the members.
static void header_and_claims_are_those_of_rfc_9068(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
    struct auth_claims issued;
    struct why why = {0};
    assert_ok(auth_token_issue(keys, &rules, "7", AUTH_ROLE_ADMIN, NOW, 900, &token, &issued, &why),
              &why);
    CLEANUP(mem_free_p) char *header = segment(token.data, 0);
    CLEANUP(mem_free_p) char *claims = segment(token.data, 1);
    CLEANUP(mem_free_p)
    char *wanted = mem_printf(
        "{\"iss\":\"retentionai\",\"aud\":\"retentionai\",\"sub\":\"7\",\"client_id\":"
        "\"retentionai\",\"role\":\"admin\",\"jti\":\"%s\",\"iat\":1790000000,\"nbf\":1790000000,"
        "\"exp\":1790000900}",
        issued.id);
    assert_string_equal(header, HEADER);
    assert_string_equal(claims, wanted);
    assert_in_range(token.len, 400, 600);
}

// RFC 8037 appendix A.4, as JWS in general: our encoder and key come to its bytes.
static void the_signature_of_rfc_8037_comes_out(void **state)
{
    (void)state;
    struct auth_key key;
    uint8_t signature[64];
    struct crypto_ed25519_secret secret = rfc_secret(&key);
    CLEANUP(mem_free_p)
    char *token = unsigned_token("{\"alg\":\"EdDSA\"}", "Example of Ed25519 signing");
    assert_string_equal(token, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc");
    crypto_ed25519_sign(&secret, bytes_from_string(token), signature);
    CLEANUP(mem_free_p) char *third = encoded(bytes_of(signature, sizeof signature));
    assert_string_equal(third, "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhV"
                               "sPt9g7sVvpAr_MuM0KAg");
}

static void issuers_with_quotes_in_their_names_are_written_as_json(void **state)
{
    (void)state;
    static const struct auth_token_rules odd = {"a \"b\" \\ \xc3\xa9", "http://x/?a=1&b=2", "c\n"};
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
    struct auth_claims got;
    struct why why = {0};
    assert_ok(auth_token_issue(keys, &odd, "7", AUTH_ROLE_HR, NOW, 900, &token, NULL, &why), &why);
    assert_ok(auth_token_verify(keys, &odd, text_bytes(&token), NOW, &got, &why), &why);
    assert_refused(keys, text_bytes(&token), "token-claims");
}

static void ids_are_never_the_same(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    struct auth_claims issued[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
        struct why why = {0};
        assert_ok(
            auth_token_issue(keys, &rules, "7", AUTH_ROLE_HR, NOW, 1, &token, &issued[i], &why),
            &why);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(issued[i].id, issued[j].id);
    }
}

static void no_token_is_issued_that_would_not_verify(void **state)
{
    (void)state;
    static const struct {
        const char *subject;
        int64_t life_s;
    } bad[] = {
        {"", 900},
        {" ", 900},
        {"a b", 900},
        {"a\n", 900},
        {"\xc3\xa9", 900},
        {"7", 0},
        {"7", -1},
        {"7", 901},
        {"7", INT64_MAX},
        {"12345678901234567890123456789012345678901234567890123456789012345", 900},
    };
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
        struct why why = {0};
        assert_err(auth_token_issue(keys, &rules, bad[i].subject, AUTH_ROLE_HR, NOW, bad[i].life_s,
                                    &token, NULL, &why),
                   ERR_REJECT, &why);
        assert_int_equal(token.len, 0);
    }
    CLEANUP(text_done) struct text small = TEXT_INIT(100);
    struct why why = {0};
    assert_err(auth_token_issue(keys, &rules, "7", AUTH_ROLE_HR, NOW, 900, &small, NULL, &why),
               ERR_REJECT, &why);
    assert_int_equal(small.len, 0);
    char longer[1800];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
    assert_err(auth_token_issue(keys, &(struct auth_token_rules){longer, "a", "b"}, "7",
                                AUTH_ROLE_HR, NOW, 900, &token, NULL, &why),
               ERR_REJECT, &why);
}

static void a_ring_without_a_key_that_signs_issues_later(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = auth_keys_new();
    CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
    struct why why = {0};
    assert_err(auth_token_issue(keys, &rules, "7", AUTH_ROLE_HR, NOW, 900, &token, NULL, &why),
               ERR_RETRY, &why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_says_what_it_was_issued_for_and_verifies),
        cmocka_unit_test(header_and_claims_are_those_of_rfc_9068),
        cmocka_unit_test(the_signature_of_rfc_8037_comes_out),
        cmocka_unit_test(issuers_with_quotes_in_their_names_are_written_as_json),
        cmocka_unit_test(ids_are_never_the_same),
        cmocka_unit_test(no_token_is_issued_that_would_not_verify),
        cmocka_unit_test(a_ring_without_a_key_that_signs_issues_later),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
