// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"

// The oracle is the tree: each member that is taken is the tree's next one.

enum { MAX = 4096, DEPTH = 8 };

struct walk {
    const struct json *root;
    void *iterator;
    size_t count;
};

static bool is_same(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == VALUE_NULL || (a->kind == VALUE_INTEGER && a->integer == b->integer) ||
           (a->kind == VALUE_REAL && memcmp(&a->real, &b->real, sizeof a->real) == 0) ||
           (a->kind == VALUE_TEXT && bytes_equal(a->text, b->text));
}

static bool compare(void *context, struct bytes name, const struct value *value)
{
    struct walk *walk = context;
    const char *its_name = NULL;
    struct value its_value;
    walk->count++;
    if (walk->root == NULL)
        return true;
    const struct json *node = json_next(walk->root, &walk->iterator, &its_name);
    assert_non_null(node);
    assert_true(bytes_equal_string(name, its_name));
    assert_true(json_as_value(node, &its_value) && is_same(value, &its_value));
    return true;
}

static bool no_repetition(void *context, struct bytes name, const struct value *value)
{
    (void)value;
    struct text *names = context;
    const char *seen = text_string(names);
    bool is_new = names->len == 0 || memmem(seen, names->len, name.data, name.len) == NULL;
    return text_append(names, name.data, name.len) == ERR_OK && is_new;
}

// True: it was read flat.
static bool expect_as_tree(struct bytes in)
{
    CLEANUP(json_free_p) struct json *root = NULL;
    CLEANUP(text_done) struct text names = TEXT_INIT(MAX);
    struct walk walk = {0};
    if (!json_each_flat(in, compare, &walk))
        return false;
    // A repeated name is the caller's to see; a name that is part of another is left out, too.
    if (!json_each_flat(in, no_repetition, &names))
        return true;
    struct why why = {0};
    assert_ok(json_parse(in, MAX, DEPTH, &root, &why), &why);
    walk.root = root;
    assert_true(json_each_flat(in, compare, &walk));
    assert_int_equal(json_count(root), walk.count / 2);
    return true;
}

static const char *const flat[] = {
    "{\"a\":1}",
    " {\r\n\t\"Age\" : 41 , \"OverTime\":\"Yes\",\"b\":null, \"c\" : -0.5e-3 }\n ",
    "{\"\":\"\",\"x\":\"Gr\xc3\xa2"
    "ce\",\"n\":-0,\"m\":123456789012345678,\"r\":1E5}",
    "{\"x\":-123456789012345678,\"y\":0,\"z\":-0.0,\"w\":0.1}",
};

static void members_are_those_of_the_tree(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(flat); i++)
        assert_true(expect_as_tree(bytes_from_string(flat[i])));
}

static void what_is_not_flat_or_no_json_is_left_to_the_tree(void **state)
{
    (void)state;
    static const char *const left[] = {"",
                                       "{}",
                                       "[]",
                                       "1",
                                       "{\"a\":1",
                                       "{\"a\":1,}",
                                       "{\"a\" 1}",
                                       "{\"a\":}",
                                       "{\"a\":01}",
                                       "{\"a\":1}}",
                                       "{\"a\":1} x",
                                       "{\"a\":true}",
                                       "{\"a\":{}}",
                                       "{\"a\":[]}",
                                       "{\"a\":1.}",
                                       "{\"a\":.5}",
                                       "{\"a\":1e}",
                                       "{\"a\":+1}",
                                       "{a:1}",
                                       "{\"a\":nul}",
                                       "{\"a\":nulL}",
                                       "{\"a\":\"b}",
                                       "{\"a\":-}",
                                       "{,\"a\":1}",
                                       "{\"a\":\"\\n\"}",
                                       "{\"\\u0061\":1}",
                                       "{\"a\":\"b\nc\"}",
                                       "{\"a\":1e999}",
                                       "{\"a\":\"\xff\"}",
                                       "{\"a\":1234567890123456789}",
                                       "{\"a\":1 \"b\":2}",
                                       "{\"a\":1;\"b\":2}",
                                       "{'a':1}"};
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        struct walk walk = {0};
        if (json_each_flat(bytes_from_string(left[i]), compare, &walk))
            fail_msg("read: %s", left[i]);
    }
    assert_false(json_each_flat(bytes_of("{\"a\0\":1}", 8), compare, &(struct walk){0}));
}

static bool refuse(void *context, struct bytes name, const struct value *value)
{
    (void)name, (void)value;
    ++*(int *)context;
    return false;
}

static void who_takes_may_end_it(void **state)
{
    (void)state;
    int count = 0;
    assert_false(json_each_flat(bytes_from_string("{\"a\":1,\"b\":2}"), refuse, &count));
    assert_int_equal(count, 1);
}

// xorshift64 (Marsaglia): the same changes in every run.
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void a_damaged_document_is_read_as_the_tree_or_not_at_all(void **state)
{
    (void)state;
    static const char bytes[] = "\"{}[]:,\\ \n0123456789.-+eEnul\x01\x7f\x80\xc3\xa9";
    uint64_t seed = 2463534242;
    size_t read = 0;
    for (int i = 0; i < 200000; i++) {
        const char *from = flat[draw(&seed) % ARRAY_LEN(flat)];
        size_t len = strlen(from), cut = draw(&seed) % 8 == 0 ? draw(&seed) % len : len;
        uint8_t *copy = mem_array(cut + 1, 1); // what is read behind the end is found
        memcpy(copy, from, cut);
        for (uint64_t changes = draw(&seed) % 3; changes > 0 && cut > 0; changes--)
            copy[draw(&seed) % cut] = (uint8_t)bytes[draw(&seed) % (sizeof bytes - 1)];
        uint8_t *exact = cut == 0 ? NULL : mem_array(cut, 1);
        if (exact != NULL)
            memcpy(exact, copy, cut);
        read += expect_as_tree(bytes_of(exact, cut));
        free(copy);
        free(exact);
    }
    assert_in_range(read, 20000, 190000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_those_of_the_tree),
        cmocka_unit_test(what_is_not_flat_or_no_json_is_left_to_the_tree),
        cmocka_unit_test(who_takes_may_end_it),
        cmocka_unit_test(a_damaged_document_is_read_as_the_tree_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
