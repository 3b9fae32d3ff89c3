// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "base/arena.h"
#include "base/backoff.h"
#include "base/text.h"

static void a_text_never_grows_over_its_ceiling(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text text = TEXT_INIT(8);
    assert_int_equal(text_append_string(&text, "12345678"), ERR_OK);
    assert_int_equal(text_append_string(&text, "9"), ERR_REJECT);
    assert_int_equal(text_printf(&text, "%d", 9), ERR_REJECT);
    assert_string_equal(text_string(&text), "12345678");
    assert_null(text_room(&text, SIZE_MAX));
}

static void a_list_tells_how_many_names_did_not_fit(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text list = TEXT_INIT(46), none = TEXT_INIT(10);
    size_t left_out = 0;
    for (int i = 0; i < 3; i++)
        text_list_add(&list, &left_out, bytes_from_string("salary"));
    text_list_add(&list, &left_out, bytes_from_string("x"));
    text_list_end(&list, left_out);
    assert_string_equal(text_string(&list), "salary, salary, and 2 more");
    left_out = 0;
    text_list_end(&none, left_out);
    assert_string_equal(text_string(&none), "");
}

static void only_well_formed_utf8_is_accepted(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "plain", "Zo\xc3\xab", "\xe2\x82\xac", "\xf0\x9f\x99\x82", "abcdefgh\xc3\xa9"};
    static const char *const bad[] = {"\x80",         "\xc0\xaf",         "\xe0\x80\xaf",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                                      "abcdefg\xc3",  "\xe2\x82"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(utf8_is_valid(bytes_from_string(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_is_valid(bytes_from_string(bad[i])));
}

static void an_arena_gives_the_same_memory_again_after_a_reset(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1024);
    char *first = arena_take(&arena, 100);
    char *large = arena_take(&arena, 5000);
    char *more = arena_take(&arena, 900);
    memset(first, 1, 100);
    memset(large, 2, 5000);
    memset(more, 3, 900);
    assert_int_equal(first[99], 1);
    assert_int_equal((uintptr_t)large % 16, 0);
    arena_reset(&arena);
    assert_ptr_equal(arena_take(&arena, 100), first);
    assert_ptr_equal(arena_take(&arena, 5000), large);
    arena_done(&arena);
}

static void a_backoff_doubles_up_to_its_ceiling_and_starts_anew(void **state)
{
    (void)state;
    struct backoff backoff;
    backoff_init(&backoff, 100, 1000);
    int64_t expected[] = {100, 200, 400, 800, 1000, 1000};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        int64_t wait = backoff_next_ms(&backoff);
        assert_true(wait <= expected[i] && wait >= expected[i] / 2);
    }
    backoff_reset(&backoff);
    assert_true(backoff_next_ms(&backoff) <= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_never_grows_over_its_ceiling),
        cmocka_unit_test(a_list_tells_how_many_names_did_not_fit),
        cmocka_unit_test(only_well_formed_utf8_is_accepted),
        cmocka_unit_test(an_arena_gives_the_same_memory_again_after_a_reset),
        cmocka_unit_test(a_backoff_doubles_up_to_its_ceiling_and_starts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
