// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "auth/memory.h"

enum { NOW = 1790000000 };

static struct bytes token_of(char buffer[32], size_t number)
{
    return bytes_of(buffer, (size_t)snprintf(buffer, 32, "token %zu", number));
}

static struct auth_claims claims_of(size_t number, int64_t expires_at_s)
{
    struct auth_claims claims = {.role = AUTH_ROLE_HR, .expires_at_s = expires_at_s};
    snprintf(claims.subject, sizeof claims.subject, "%zu", number);
    return claims;
}

// As a verifier does; true where it was remembered.
static bool see(struct auth_memory *memory, size_t number, int64_t now_s, int64_t expires_at_s)
{
    char buffer[32];
    struct auth_claims claims;
    struct auth_memory_place place;
    if (auth_memory_find(memory, token_of(buffer, number), now_s, &claims, &place)) {
        char subject[32];
        snprintf(subject, sizeof subject, "%zu", number);
        assert_string_equal(claims.subject, subject);
        return true;
    }
    claims = claims_of(number, expires_at_s);
    auth_memory_keep(memory, &place, &claims);
    return false;
}

static bool is_remembered(struct auth_memory *memory, size_t number, int64_t now_s)
{
    char buffer[32];
    struct auth_claims claims;
    struct auth_memory_place place;
    return auth_memory_find(memory, token_of(buffer, number), now_s, &claims, &place);
}

static void a_token_is_remembered_until_it_expires(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(100);
    assert_false(see(memory, 1, NOW, NOW + 900));
    assert_true(see(memory, 1, NOW, 0));
    assert_true(see(memory, 1, NOW + 899, 0));
    assert_false(is_remembered(memory, 1, NOW + 900));
    assert_false(is_remembered(memory, 2, NOW));
    assert_int_equal(auth_memory_count(memory, NOW + 899), 1);
    assert_int_equal(auth_memory_count(memory, NOW + 900), 0);
}

static void tokens_that_differ_in_one_byte_are_two(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(100);
    char token[64] = "eyJhbGciOiJFZERTQSJ9.e30.AAAA";
    size_t len = strlen(token);
    struct auth_claims claims = claims_of(1, NOW + 900), got;
    struct auth_memory_place place;
    assert_false(auth_memory_find(memory, bytes_of(token, len), NOW, &got, &place));
    auth_memory_keep(memory, &place, &claims);
    assert_true(auth_memory_find(memory, bytes_of(token, len), NOW, &got, &place));
    for (size_t bit = 0; bit < len * 8; bit++) {
        token[bit / 8] = (char)((unsigned char)token[bit / 8] ^ 1U << bit % 8);
        assert_false(auth_memory_find(memory, bytes_of(token, len), NOW, &got, &place));
        token[bit / 8] = (char)((unsigned char)token[bit / 8] ^ 1U << bit % 8);
    }
    assert_false(auth_memory_find(memory, bytes_of(token, len + 1), NOW, &got, &place));
    assert_false(auth_memory_find(memory, bytes_of(token, len - 1), NOW, &got, &place));
}

static void it_never_holds_more_than_it_was_made_for(void **state)
{
    (void)state;
    enum { CAPACITY = 256 };
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(CAPACITY);
    for (size_t i = 0; i < CAPACITY * 20; i++)
        see(memory, i, NOW, NOW + 900);
    size_t count = auth_memory_count(memory, NOW);
    assert_true(count <= CAPACITY);
    assert_true(count > CAPACITY * 9 / 10); // and is used
    // As many as fit half of it are nearly all found again.
    auth_memory_flush(memory);
    size_t found = 0;
    for (size_t i = 0; i < CAPACITY / 2; i++)
        see(memory, i, NOW, NOW + 900);
    for (size_t i = 0; i < CAPACITY / 2; i++)
        found += is_remembered(memory, i, NOW) ? 1 : 0;
    assert_true(found >= CAPACITY / 2 * 9 / 10);
}

static void what_ends_first_makes_room_and_what_has_ended_before_that(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(8); // a single set
    for (size_t i = 0; i < 8; i++)
        assert_false(see(memory, i, NOW, NOW + 100 + (int64_t)i));
    assert_false(see(memory, 8, NOW, NOW + 900));
    assert_false(is_remembered(memory, 0, NOW));
    for (size_t i = 1; i <= 8; i++)
        assert_true(is_remembered(memory, i, NOW));
    assert_false(see(memory, 9, NOW + 102, NOW + 900)); // 1 and 2 have ended
    assert_int_equal(auth_memory_count(memory, NOW), 8);
    assert_false(is_remembered(memory, 1, NOW));
    assert_true(is_remembered(memory, 3, NOW + 102));
}

static void keeping_a_token_again_takes_no_second_place(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(8);
    char buffer[32];
    struct auth_claims claims = claims_of(1, NOW + 900), got;
    struct auth_memory_place place;
    assert_false(see(memory, 0, NOW, NOW + 100));
    assert_false(auth_memory_find(memory, token_of(buffer, 1), NOW, &got, &place));
    for (int i = 0; i < 20; i++) // as threads that saw the same token at once
        auth_memory_keep(memory, &place, &claims);
    assert_int_equal(auth_memory_count(memory, NOW), 2);
}

static void a_flush_forgets_all_and_what_is_being_verified(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(100);
    char buffer[32];
    struct auth_claims claims = claims_of(2, NOW + 900), got;
    struct auth_memory_place before, after;
    assert_false(see(memory, 1, NOW, NOW + 900));
    assert_false(auth_memory_find(memory, token_of(buffer, 2), NOW, &got, &before));
    auth_memory_flush(memory);
    assert_false(is_remembered(memory, 1, NOW));
    assert_int_equal(auth_memory_count(memory, NOW), 0);
    auth_memory_keep(memory, &before, &claims); // it was looked up before the flush
    assert_false(auth_memory_find(memory, token_of(buffer, 2), NOW, &got, &after));
    auth_memory_keep(memory, &after, &claims);
    assert_true(is_remembered(memory, 2, NOW));
}

// Threads verify and remember tokens while another one revokes them, one after the other: first a
// token is noted as revoked, then all are forgotten, then it counts as gone.
enum { THREADS = 4, TOKENS = 200, ROUNDS = 20000 };

struct race {
    struct auth_memory *memory;
    atomic_size_t revoked; // tokens below this are refused when they are verified
    atomic_size_t gone;    // and tokens below this must not be found any more
    atomic_size_t found, wrong;
};

static void *use_tokens(void *argument)
{
    struct race *race = argument;
    for (size_t i = 0; i < ROUNDS; i++) {
        char buffer[32];
        size_t number = i * 7919 % TOKENS;
        size_t gone = atomic_load(&race->gone);
        struct auth_claims claims;
        struct auth_memory_place place;
        if (auth_memory_find(race->memory, token_of(buffer, number), NOW, &claims, &place)) {
            char subject[32];
            snprintf(subject, sizeof subject, "%zu", number);
            atomic_fetch_add(&race->found, 1);
            if (number < gone || strcmp(claims.subject, subject) != 0)
                atomic_fetch_add(&race->wrong, 1);
        } else if (number >= atomic_load(&race->revoked)) {
            claims = claims_of(number, NOW + 900);
            auth_memory_keep(race->memory, &place, &claims);
        }
    }
    return NULL;
}

static void no_thread_finds_a_token_after_it_was_revoked(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *memory = auth_memory_new(64);
    struct race race = {.memory = memory};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_tokens, &race), 0);
    for (size_t i = 1; i <= TOKENS / 2; i++) {
        atomic_store(&race.revoked, i);
        auth_memory_flush(memory);
        atomic_store(&race.gone, i);
        assert_true(auth_memory_count(memory, NOW) <= 64);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(race.wrong, 0);
    assert_true(race.found > 0);
    for (size_t i = 0; i < TOKENS / 2; i++)
        assert_false(is_remembered(memory, i, NOW));
}

static void a_place_in_one_memory_leads_to_that_in_another(void **state)
{
    (void)state;
    CLEANUP(auth_memory_free_p) struct auth_memory *first = auth_memory_new(100);
    CLEANUP(auth_memory_free_p) struct auth_memory *second = auth_memory_new(8);
    char buffer[32];
    struct auth_claims claims = claims_of(7, NOW + 900), got;
    struct auth_memory_place place, too;
    auth_memory_flush(first);
    auth_memory_flush(first);
    assert_false(auth_memory_find(first, token_of(buffer, 7), NOW, &got, &place));
    assert_false(auth_memory_find_too(second, &place, NOW, &got, &too));
    auth_memory_keep(second, &too, &claims);
    assert_true(is_remembered(second, 7, NOW));
    assert_false(is_remembered(first, 7, NOW));
    assert_true(auth_memory_find_too(second, &place, NOW, &got, &too));
    assert_string_equal(got.subject, "7");
    assert_false(auth_memory_find_too(second, &place, NOW + 900, &got, &too));
    auth_memory_flush(second);
    assert_false(auth_memory_find_too(second, &place, NOW, &got, &too));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_remembered_until_it_expires),
        cmocka_unit_test(tokens_that_differ_in_one_byte_are_two),
        cmocka_unit_test(it_never_holds_more_than_it_was_made_for),
        cmocka_unit_test(what_ends_first_makes_room_and_what_has_ended_before_that),
        cmocka_unit_test(keeping_a_token_again_takes_no_second_place),
        cmocka_unit_test(a_flush_forgets_all_and_what_is_being_verified),
        cmocka_unit_test(a_place_in_one_memory_leads_to_that_in_another),
        cmocka_unit_test(no_thread_finds_a_token_after_it_was_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
