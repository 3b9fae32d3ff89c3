// SPDX-License-Identifier: MIT
#include "forge.h"

#include <pthread.h>
#include <stdatomic.h>

#include "json/json.h"

// `count` new keys, and the secret of the last.
static struct crypto_ed25519_secret new_keys(struct auth_key *ret, size_t count)
{
    struct crypto_ed25519_secret secret = {.bytes = {0}};
    for (size_t i = 0; i < count; i++) {
        crypto_ed25519_new(&secret, ret[i].public_key);
        auth_key_kid(ret[i].public_key, ret[i].kid);
    }
    return secret;
}

static void a_kid_is_the_thumbprint_of_rfc_8037(void **state)
{
    (void)state;
    struct auth_key key;
    IGNORE(rfc_secret(&key)); // its public half
    assert_string_equal(key.kid, RFC_KID);
}

static void a_key_set_is_json_that_other_libraries_know(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    CLEANUP(text_done) struct text jwks = TEXT_INIT(256);
    assert_int_equal(auth_keys_write_jwks(keys, &jwks), ERR_OK);
    assert_string_equal(text_string(&jwks),
                        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\",\"alg\":"
                        "\"EdDSA\",\"kid\":\"" RFC_KID "\",\"x\":\"" RFC_X "\"}]}");
}

static void a_full_set_fits_and_an_empty_one_is_a_set(void **state)
{
    (void)state;
    struct auth_key all[AUTH_KEYS_MAX];
    struct crypto_ed25519_secret secret = new_keys(all, AUTH_KEYS_MAX);
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = auth_keys_new();
    CLEANUP(text_done) struct text jwks = TEXT_INIT((size_t)AUTH_KEYS_MAX * 256);
    CLEANUP(json_free_p) struct json *json = NULL;
    struct why why = {0};
    assert_int_equal(auth_keys_write_jwks(keys, &jwks), ERR_OK);
    assert_string_equal(text_string(&jwks), "{\"keys\":[]}");
    text_clear(&jwks);

    assert_ok(auth_keys_replace(keys, all, AUTH_KEYS_MAX, &secret, &why), &why);
    assert_int_equal(auth_keys_count(keys), AUTH_KEYS_MAX);
    assert_int_equal(auth_keys_write_jwks(keys, &jwks), ERR_OK);
    assert_ok(json_parse(text_bytes(&jwks), jwks.len, 4, &json, &why), &why);
    const struct json *list = json_member(json, "keys");
    assert_int_equal(json_count(list), AUTH_KEYS_MAX);
    for (size_t i = 0; i < AUTH_KEYS_MAX; i++)
        assert_string_equal(json_as_string(json_member(json_at(list, i), "kid")), all[i].kid);
    // A secret's letters appear nowhere.
    CLEANUP(mem_free_p) char *seed = encoded(crypto_ed25519_seed(&secret));
    assert_null(strstr(text_string(&jwks), seed));

    CLEANUP(text_done) struct text small = TEXT_INIT(100);
    assert_int_equal(auth_keys_write_jwks(keys, &small), ERR_REJECT);
}

static void keys_are_found_by_their_whole_kid_only(void **state)
{
    (void)state;
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    uint8_t public_key[32];
    assert_true(auth_keys_find(keys, bytes_from_string(RFC_KID), public_key));
    assert_false(auth_keys_find(keys, bytes_of(RFC_KID, AUTH_KID_LEN - 1), public_key));
    assert_false(auth_keys_find(keys, bytes_of(RFC_KID "\0", AUTH_KID_LEN + 1), public_key));
    assert_false(auth_keys_find(keys, bytes_of(NULL, 0), public_key));
}

static void a_set_that_is_wrong_changes_nothing(void **state)
{
    (void)state;
    struct auth_key all[AUTH_KEYS_MAX + 1];
    struct crypto_ed25519_secret secret = new_keys(all, AUTH_KEYS_MAX + 1), stranger;
    uint8_t strangers[32];
    struct why why = {0};
    crypto_ed25519_new(&stranger, strangers);
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();

    assert_err(auth_keys_replace(keys, all, AUTH_KEYS_MAX + 1, &secret, &why), ERR_REJECT, &why);
    assert_err(auth_keys_replace(keys, all, 2, &stranger, &why), ERR_REJECT, &why);
    assert_err(auth_keys_replace(keys, NULL, 0, &stranger, &why), ERR_REJECT, &why);
    struct auth_key twice[2] = {all[0], all[0]};
    assert_err(auth_keys_replace(keys, twice, 2, NULL, &why), ERR_REJECT, &why);
    struct auth_key swapped[2] = {all[0], all[1]};
    memcpy(swapped[0].kid, all[1].kid, sizeof swapped[0].kid);
    memcpy(swapped[1].kid, all[0].kid, sizeof swapped[1].kid);
    assert_err(auth_keys_replace(keys, swapped, 2, NULL, &why), ERR_REJECT, &why);
    swapped[0] = all[0];
    swapped[0].kid[AUTH_KID_LEN] = 'x';
    assert_err(auth_keys_replace(keys, swapped, 1, NULL, &why), ERR_REJECT, &why);

    char kid[AUTH_KID_LEN + 1];
    assert_int_equal(auth_keys_count(keys), 1);
    assert_true(auth_keys_signing(keys, kid, &secret));
    assert_string_equal(kid, RFC_KID);
}

static void a_ring_may_verify_without_signing(void **state)
{
    (void)state;
    struct auth_key all[2];
    char kid[AUTH_KID_LEN + 1];
    struct why why = {0};
    struct crypto_ed25519_secret secret = new_keys(all, 2);
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    assert_ok(auth_keys_replace(keys, all, 2, NULL, &why), &why);
    assert_false(auth_keys_signing(keys, kid, &secret));
    assert_true(auth_keys_find(keys, bytes_from_string(all[1].kid), (uint8_t[32]){0}));
    assert_ok(auth_keys_replace(keys, NULL, 0, NULL, &why), &why);
    assert_int_equal(auth_keys_count(keys), 0);
    assert_false(auth_keys_find(keys, bytes_from_string(all[1].kid), (uint8_t[32]){0}));
}

// Both keys verify all the time and take turns in signing, so no token is refused.
enum { THREADS = 3, ROUNDS = 300 };

struct race {
    struct auth_keys *keys;
    atomic_size_t refused, running;
};

static void *issue_and_verify(void *argument)
{
    struct race *race = argument;
    for (int i = 0; i < ROUNDS; i++) {
        CLEANUP(text_done) struct text token = TEXT_INIT(AUTH_TOKEN_MAX);
        CLEANUP(text_done) struct text jwks = TEXT_INIT(4096);
        struct auth_claims claims;
        struct why why;
        if (auth_token_issue(race->keys, &rules, "7", AUTH_ROLE_HR, NOW, 900, &token, NULL, &why) !=
                ERR_OK ||
            auth_token_verify(race->keys, &rules, text_bytes(&token), NOW, &claims, &why) !=
                ERR_OK ||
            auth_keys_write_jwks(race->keys, &jwks) != ERR_OK)
            atomic_fetch_add(&race->refused, 1);
    }
    atomic_fetch_sub(&race->running, 1);
    return NULL;
}

static void a_ring_is_used_while_its_keys_take_turns(void **state)
{
    (void)state;
    struct auth_key both[2];
    struct why why = {0};
    struct crypto_ed25519_secret secrets[2] = {rfc_secret(&both[0]), new_keys(&both[1], 1)};
    CLEANUP(auth_keys_free_p) struct auth_keys *keys = rfc_ring();
    assert_ok(auth_keys_replace(keys, both, 2, &secrets[0], &why), &why);
    struct race race = {.keys = keys, .running = THREADS};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, issue_and_verify, &race), 0);
    for (size_t i = 0; atomic_load(&race.running) > 0; i++)
        assert_ok(auth_keys_replace(keys, both, 2, &secrets[i % 2], &why), &why);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(race.refused, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kid_is_the_thumbprint_of_rfc_8037),
        cmocka_unit_test(a_key_set_is_json_that_other_libraries_know),
        cmocka_unit_test(a_full_set_fits_and_an_empty_one_is_a_set),
        cmocka_unit_test(keys_are_found_by_their_whole_kid_only),
        cmocka_unit_test(a_set_that_is_wrong_changes_nothing),
        cmocka_unit_test(a_ring_may_verify_without_signing),
        cmocka_unit_test(a_ring_is_used_while_its_keys_take_turns),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
