// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "store/signing_keys.h"
#include "support/gateway_pg.h"

#define NOW INT64_C(1790000000000)

static const char public_bytes[SIGNING_KEYS_PUBLIC_BYTES] = "\0public key with \0 bytes in it.";
static const char sealed_bytes[] = "sealed\0\xff\x80 bytes";

static struct signing_key key(const char *kid, int64_t signs_from_ms)
{
    return (struct signing_key){.kid = b(kid),
                                .public_key = bytes_of(public_bytes, sizeof public_bytes),
                                .sealed_key = bytes_of(sealed_bytes, sizeof sealed_bytes),
                                .signs_from_ms = signs_from_ms,
                                .verifies_until_ms = SIGNING_KEYS_NO_END};
}

static size_t list(int64_t now_ms, struct signing_key ret[SIGNING_KEYS_MAX], struct pg_rows **rows)
{
    struct why why = {0};
    size_t count = 0;
    pg_rows_free(TAKE(*rows));
    assert_ok(signing_keys_list(pg, now_ms, ret, &count, rows, &why), &why);
    return count;
}

static bool add_first(const char *kid)
{
    struct why why = {0};
    bool is_added = false;
    const struct signing_key one = key(kid, NOW);
    assert_ok(signing_keys_add_first(pg, &one, NOW, &is_added, &why), &why);
    return is_added;
}

static void a_key_comes_back_byte_for_byte(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct signing_key keys[SIGNING_KEYS_MAX];
    struct why why = {0};
    assert_int_equal(list(NOW, keys, &rows), 0);
    assert_true(add_first("one"));
    assert_false(add_first("two"));
    assert_false(add_first("one"));
    assert_int_equal(list(NOW, keys, &rows), 1);
    assert_true(is(keys[0].kid, "one"));
    assert_true(bytes_equal(keys[0].public_key, bytes_of(public_bytes, sizeof public_bytes)));
    assert_true(bytes_equal(keys[0].sealed_key, bytes_of(sealed_bytes, sizeof sealed_bytes)));
    assert_true(keys[0].signs_from_ms == NOW && keys[0].verifies_until_ms == SIGNING_KEYS_NO_END);
    assert_true(keys[0].created_at_ms > 0);
    bool is_added = false;
    struct signing_key broken = key("broken", NOW);
    broken.public_key.len = 31;
    assert_err(signing_keys_rotate(pg, &broken, NOW, &is_added, &why), ERR_REJECT, &why);
}

static void a_rotation_leaves_the_old_key_its_time(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct signing_key keys[SIGNING_KEYS_MAX];
    struct why why = {0};
    bool is_added = false;
    assert_true(add_first("one"));
    const struct signing_key two = key("two", NOW + 10000);
    assert_ok(signing_keys_rotate(pg, &two, NOW + 910000, &is_added, &why), &why);
    assert_true(is_added);
    assert_int_equal(list(NOW + 1, keys, &rows), 2);
    assert_true(is(keys[0].kid, "two") && is(keys[1].kid, "one"));
    assert_true(keys[0].signs_from_ms == NOW + 10000 &&
                keys[0].verifies_until_ms == SIGNING_KEYS_NO_END);
    assert_int_equal(keys[1].verifies_until_ms, NOW + 910000);
    // The same key again changes nothing, also not the end of the others.
    assert_ok(signing_keys_rotate(pg, &two, NOW, &is_added, &why), &why);
    assert_false(is_added);
    const struct signing_key three = key("three", NOW + 20000);
    assert_ok(signing_keys_rotate(pg, &three, NOW + 920000, &is_added, &why), &why);
    assert_int_equal(list(NOW + 1, keys, &rows), 3);
    assert_true(is(keys[0].kid, "three"));
    assert_int_equal(keys[1].verifies_until_ms, NOW + 920000);
    assert_int_equal(keys[2].verifies_until_ms, NOW + 910000); // an end that was set stays
    assert_int_equal(list(NOW + 910000, keys, &rows), 2);
    assert_int_equal(list(NOW + 920000, keys, &rows), 1);
}

static void a_retired_key_verifies_nothing_and_another_may_be_first(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct signing_key keys[SIGNING_KEYS_MAX];
    struct why why = {0};
    bool is_found = true;
    assert_true(add_first("one"));
    assert_ok(signing_keys_retire(pg, b("none"), NOW, &is_found, &why), &why);
    assert_false(is_found);
    assert_ok(signing_keys_retire(pg, b("one"), NOW, &is_found, &why), &why);
    assert_true(is_found);
    assert_int_equal(list(NOW, keys, &rows), 0);
    // Retired again, later: it stays as it was.
    assert_ok(signing_keys_retire(pg, b("one"), NOW + 1000, &is_found, &why), &why);
    assert_int_equal(list(NOW, keys, &rows), 0);
    assert_true(add_first("two"));
    assert_int_equal(list(NOW, keys, &rows), 1);
    assert_true(is(keys[0].kid, "two"));
}

static void start_up(struct rival *rival)
{
    char kid[16];
    bool is_added = false;
    snprintf(kid, sizeof kid, "key-%zu", rival->number);
    const struct signing_key one = key(kid, NOW + (int64_t)rival->number);
    rival->err = signing_keys_add_first(rival->pg, &one, NOW, &is_added, &rival->why);
}

static void gateways_that_start_at_once_end_with_the_same_key(void **state)
{
    (void)state;
    CLEANUP(pg_rows_free_p) struct pg_rows *rows = NULL;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    for (int i = 0; i < 30; i++) {
        struct signing_key keys[SIGNING_KEYS_MAX];
        rivals_meet(rivals, RIVALS, start_up, NULL);
        assert_int_equal(list(NOW, keys, &rows), 1);
        pg_must(pg, "TRUNCATE signing_key");
    }
    rivals_close(rivals);
}

static void rotate(struct rival *rival)
{
    char kid[16];
    bool is_added = false;
    snprintf(kid, sizeof kid, "key-%zu", rival->number);
    const struct signing_key one = key(kid, NOW + 10000);
    rival->err = signing_keys_rotate(rival->pg, &one, NOW + 20000, &is_added, &rival->why);
}

static void of_rotations_at_once_one_key_has_no_end(void **state)
{
    (void)state;
    struct rival rivals[RIVALS];
    rivals_open(rivals);
    for (int i = 0; i < 30; i++) {
        rivals_meet(rivals, RIVALS, rotate, NULL);
        assert_int_equal(pg_value(pg, "SELECT count(*) FROM signing_key"), RIVALS);
        assert_int_equal(
            pg_value(pg, "SELECT count(*) FROM signing_key WHERE verifies_until IS NULL"), 1);
        pg_must(pg, "TRUNCATE signing_key");
    }
    rivals_close(rivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DATABASE(a_key_comes_back_byte_for_byte),
        IN_DATABASE(a_rotation_leaves_the_old_key_its_time),
        IN_DATABASE(a_retired_key_verifies_nothing_and_another_may_be_first),
        IN_DATABASE(gateways_that_start_at_once_end_with_the_same_key),
        IN_DATABASE(of_rotations_at_once_one_key_has_no_end),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
