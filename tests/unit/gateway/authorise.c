// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "authorise.h"
#include "base/clock.h"
#include "crypto/crypto.h"
#include "metrics.h"

#define SECRET "vT3rGd8qLmXz1cYp5wNs7bKe9hJu2fAo"

static const struct metric table[] = {
#define METRIC METRIC_ROW
#include "metrics.def"
#undef METRIC
};

static struct auth_sealer sealer;
static struct metrics *metrics;

static int begin(void **state)
{
    (void)state;
    struct why why = {0};
    assert_ok(crypto_init(&why), &why);
    assert_ok(auth_sealer_init(&sealer, bytes_from_string(SECRET), &why), &why);
    metrics = metrics_new(table, ARRAY_LEN(table));
    return 0;
}

static int end(void **state)
{
    (void)state;
    metrics_free(metrics);
    return 0;
}

static struct authority *authority_of(void)
{
    return authority_new(&(struct authority_options){.issuer = "retentionai", .metrics = metrics});
}

static struct signing_key row_of(const struct auth_sealed_key *key)
{
    return (struct signing_key){.kid = bytes_from_string(key->key.kid),
                                .public_key =
                                    bytes_of(key->key.public_key, sizeof key->key.public_key),
                                .sealed_key = bytes_of(key->sealed, sizeof key->sealed),
                                .verifies_until_ms = SIGNING_KEYS_NO_END};
}

static void take_keys(struct authority *authority, const struct auth_sealed_key *keys, size_t count)
{
    struct signing_key rows[SIGNING_KEYS_MAX];
    struct why why = {0};
    for (size_t i = 0; i < count; i++)
        rows[i] = row_of(&keys[i]);
    assert_ok(authority_take_keys(authority, &sealer, rows, count, clock_real_ms(), &why), &why);
}

// "Bearer <token>" of user 7, a viewer; `later_s`: begins so much later.
static void bearer_of(struct authority *authority, int64_t later_s, char out[2048])
{
    CLEANUP(text_done) struct text token = TEXT_INIT(2000);
    struct why why = {0};
    assert_ok(authority_issue(authority, 7, bytes_from_string("viewer"), clock_real_ms(),
                              clock_real_ms() + later_s * 1000, &token, &why),
              &why);
    snprintf(out, 2048, "Bearer %s", text_string(&token));
}

static bool passes(struct authority *authority, const char *bearer)
{
    struct auth_claims claims;
    bool is_there = false, passes = authority_check(authority, bearer, &claims, &is_there);
    assert_true(is_there);
    return passes;
}

static uint64_t refused(const char *reason)
{
    return metric_count(metrics_cell(metrics, METRIC_REFUSED_TOKENS, reason, NULL));
}

static void a_token_is_refused_again_for_the_same_reason(void **state)
{
    (void)state;
    CLEANUP(authority_free_p) struct authority *authority = authority_of();
    struct auth_sealed_key key;
    char good[2048], bad[2048];
    auth_sealed_key_new(&sealer, &key);
    take_keys(authority, &key, 1);
    bearer_of(authority, 0, good);
    strcpy(bad, good);
    bad[strlen(bad) - 10] = bad[strlen(bad) - 10] == 'A' ? 'B' : 'A';
    uint64_t before = refused("token-signature");
    for (int i = 0; i < 3; i++) {
        assert_false(passes(authority, bad));
        assert_true(passes(authority, good));
    }
    assert_int_equal(refused("token-signature") - before, 3);
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Of looking at `count` tokens with another end each, or `count` times at one.
static int64_t cost_of(struct authority *authority, const char *good, int count, bool are_new)
{
    char bad[2048];
    size_t len = strlen(good);
    strcpy(bad, good);
    int64_t from_ns = cpu_ns();
    for (int i = 0; i < count; i++) {
        bad[len - 10] = (char)('A' + (are_new ? i % 26 : 0));
        bad[len - 11] = (char)('A' + (are_new ? i / 26 % 26 : 0));
        bad[len - 12] = '-';
        assert_false(passes(authority, bad));
    }
    return cpu_ns() - from_ns;
}

static void a_bad_token_that_comes_again_costs_no_signature(void **state)
{
    (void)state;
    CLEANUP(authority_free_p) struct authority *authority = authority_of();
    struct auth_sealed_key key;
    char good[2048];
    auth_sealed_key_new(&sealer, &key);
    take_keys(authority, &key, 1);
    bearer_of(authority, 0, good);
    int64_t of_new = cost_of(authority, good, 300, true);
    int64_t of_known = cost_of(authority, good, 300, false);
    print_message("%d us for each new one, %d us for one that is known\n", (int)(of_new / 300000),
                  (int)(of_known / 300000));
    assert_true(of_known < of_new / 3);
}

static void a_key_that_comes_lets_in_who_was_refused_for_it(void **state)
{
    (void)state;
    CLEANUP(authority_free_p) struct authority *authority = authority_of();
    CLEANUP(authority_free_p) struct authority *other = authority_of();
    struct auth_sealed_key keys[2];
    char bearer[2048];
    auth_sealed_key_new(&sealer, &keys[0]);
    auth_sealed_key_new(&sealer, &keys[1]);
    take_keys(authority, &keys[0], 1);
    take_keys(other, &keys[1], 1);
    bearer_of(other, 0, bearer);
    uint64_t before = refused("token-key");
    assert_false(passes(authority, bearer));
    assert_false(passes(authority, bearer));
    assert_int_equal(refused("token-key") - before, 2);
    take_keys(authority, keys, 2);
    assert_true(passes(authority, bearer));
}

static void who_was_let_in_is_refused_once_that_is_revoked(void **state)
{
    (void)state;
    CLEANUP(authority_free_p) struct authority *authority = authority_of();
    struct auth_sealed_key key;
    char bearer[2048];
    auth_sealed_key_new(&sealer, &key);
    take_keys(authority, &key, 1);
    bearer_of(authority, 0, bearer);
    assert_true(passes(authority, bearer) && passes(authority, bearer));
    const struct sessions_revocation revocation = {.is_user = true,
                                                   .id = bytes_from_string("7"),
                                                   .issued_before_ms = clock_real_ms() + 2000,
                                                   .expires_at_ms = clock_real_ms() + 900000};
    authority_take_revocations(authority, &revocation, 1);
    assert_false(passes(authority, bearer));
    assert_false(passes(authority, bearer));
}

static void a_token_that_is_early_is_looked_at_each_time(void **state)
{
    (void)state;
    CLEANUP(authority_free_p) struct authority *authority = authority_of();
    struct auth_sealed_key key;
    char bearer[2048];
    auth_sealed_key_new(&sealer, &key);
    take_keys(authority, &key, 1);
    bearer_of(authority, AUTH_TOKEN_SKEW_S + 2, bearer); // two seconds too early
    assert_false(passes(authority, bearer));
    const struct timespec moment = {.tv_nsec = 20000000};
    int64_t end_ms = clock_mono_ms() + 8000; // what is remembered would be for longer
    while (!passes(authority, bearer)) {
        assert_true(clock_mono_ms() < end_ms);
        nanosleep(&moment, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_refused_again_for_the_same_reason),
        cmocka_unit_test(a_bad_token_that_comes_again_costs_no_signature),
        cmocka_unit_test(a_key_that_comes_lets_in_who_was_refused_for_it),
        cmocka_unit_test(who_was_let_in_is_refused_once_that_is_revoked),
        cmocka_unit_test(a_token_that_is_early_is_looked_at_each_time),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
