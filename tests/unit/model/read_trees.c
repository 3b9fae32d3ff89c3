// SPDX-License-Identifier: MIT
#include "support/check.h"

#include "model/model.h"
#define WANTS_FEATURES
#include "unit/model/artefact.h"

#define BOOSTING SOURCE_DIR "/tests/unit/model/data/boosting.json"
#define FOREST   SOURCE_DIR "/tests/unit/model/data/forest.json"

// The artefact with `trees` as its trees. They are a line of their own.
static char *with_trees(const char *path, const char *trees)
{
    CLEANUP(mem_free_p) char *text = text_of(path);
    const char *at = strstr(text, "  \"trees\": {"), *end = strstr(text, "  \"calibration\"");
    assert_true(at != NULL && end != NULL && at < end);
    return mem_printf("%.*s  \"trees\": %s,\n%s", (int)(at - text), text, trees, end);
}

static void expect_refusal(const char *path, const char *trees, const char *place)
{
    CLEANUP(mem_free_p) char *bad = with_trees(path, trees);
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why = {0};
    enum err err = model_parse(bytes_from_string(bad), features, &model, &why);
    if (err != ERR_REJECT || model != NULL || strstr(why.text, place) == NULL)
        fail_msg("%s: %s, %s", trees, err_name(err), why.text);
}

#define COLUMN      "{\"op\":\"id\",\"f\":\"Education\"}"
#define TREES(list) "{\"base\":0,\"columns\":[" COLUMN "],\"list\":[" list "]}"
#define GOOD                                                                                       \
    "{\"f\":[0,-1,-1],\"t\":[2.5,0,0],\"l\":[1,0,0],\"r\":[2,0,0],\"v\":[0,0.1,0.2],\"c\":[10,4,"  \
    "6]}"
#define LEAF "{\"f\":[-1],\"t\":[0],\"l\":[0],\"r\":[0],\"v\":[0.5],\"c\":[1]}"
#define TREE(f, t, l, r, v, c)                                                                     \
    "{\"f\":[" f "],\"t\":[" t "],\"l\":[" l "],\"r\":[" r "],\"v\":[" v "],\"c\":[" c "]}"

// They are well formed, and promise other scores than the examination.
static void small_trees_are_read(void **state)
{
    (void)state;
    expect_refusal(BOOSTING, TREES(GOOD), "golden.vectors[0]");
    expect_refusal(BOOSTING, TREES(GOOD "," LEAF), "golden.vectors[0]");
    expect_refusal(FOREST, TREES(LEAF "," GOOD), "golden.vectors[0]");
}

static void arrays_that_are_no_tree_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *place;
    } wrong[] = {
        {"7", "not an object"},
        {"{}", "list[0].f"},
        {"{\"f\":[],\"t\":[],\"l\":[],\"r\":[],\"v\":[],\"c\":[]}", "no nodes"},
        {"{\"f\":[-1],\"t\":[0],\"l\":[0],\"r\":[0],\"v\":[0.5],\"c\":[1],\"m\":[0]}", "\"m\""},
        {"{\"f\":[-1],\"t\":[0],\"l\":[0],\"r\":[0],\"v\":[0.5]}", "list[0].c"},
        {TREE("0,-1,-1", "2.5,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "one length"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "one length"},
        {TREE("0,-1,-1", "\"2\",0,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "no number"},
        {TREE("0,-1,-1", "2.5,0,0", "1.0,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "no index"},
        {TREE("0,-2,-1", "2.5,0,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "no index"},
        {TREE("0,-1,-1", "2.5,0,0", "99999999999,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "no index"},
        {TREE("1,-1,-1", "2.5,0,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "no column"},
        {TREE("0,-1,-1", "2.5,0,0", "0,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "behind its parent"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0,0", "3,0,0", "0,0.1,0.2", "10,4,6"), "behind its parent"},
        {TREE("0,-1,-1", "2.5,0,0", "-1,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "behind its parent"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0,0", "1,0,0", "0,0.1,0.2", "10,5,5"), "child of two"},
        {TREE("0,-1,-1,-1", "2.5,0,0,0", "1,0,0,0", "2,0,0,0", "0,0.1,0.2,0.3", "10,4,6,1"),
         "no child of another"},
        {TREE("0,0,-1", "2.5,2.5,0", "1,0,0", "2,2,0", "0,0,0.2", "10,4,6"), "behind its parent"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0,0", "2,0,0", "0.3,0.1,0.2", "10,4,6"), "has a value"},
        {TREE("0,-1,-1", "2.5,1,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,4,6"), "a leaf has"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0,0", "2,0,1", "0,0.1,0.2", "10,4,6"), "a leaf has"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,0,10"), "not above 0"},
        {TREE("0,-1,-1", "2.5,0,0", "1,0,0", "2,0,0", "0,0.1,0.2", "10,4,7"), "weight"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(mem_free_p)
        char *trees =
            mem_printf("{\"base\":0,\"columns\":[" COLUMN "],\"list\":[%s]}", wrong[i].tree);
        expect_refusal(BOOSTING, trees, wrong[i].place);
    }
}

static void the_frame_of_trees_is_strict(void **state)
{
    (void)state;
    expect_refusal(BOOSTING, "[]", "trees");
    expect_refusal(BOOSTING, "{\"base\":0,\"columns\":[],\"list\":[" GOOD "]}", "trees");
    expect_refusal(BOOSTING, TREES(""), "trees");
    expect_refusal(BOOSTING, "{\"columns\":[" COLUMN "],\"list\":[" GOOD "]}", "base");
    expect_refusal(BOOSTING, "{\"base\":0,\"columns\":[" COLUMN "],\"list\":[" GOOD "],\"x\":0}",
                   "\"x\"");
    expect_refusal(BOOSTING,
                   "{\"base\":0,\"columns\":[{\"op\":\"id\",\"f\":\"Department\"}],\"list\":[" GOOD
                   "]}",
                   "eq");
    expect_refusal(BOOSTING,
                   "{\"base\":0,\"columns\":[{\"op\":\"id\",\"f\":\"Education\",\"w\":1}],\"list\":"
                   "[" GOOD "]}",
                   "\"w\"");
    expect_refusal(FOREST, "{\"base\":0.1,\"columns\":[" COLUMN "],\"list\":[" GOOD "]}", "base");
    expect_refusal(FOREST,
                   TREES(TREE("0,-1,-1", "2.5,0,0", "1,0,0", "2,0,0", "0,0.1,1.2", "10,4,6")),
                   "no probability");
    expect_refusal(BOOSTING,
                   TREES(TREE("0,-1,-1", "2.5,0,0", "1,0,0", "2,0,0", "0,1e308,1e308",
                              "10,4,6") "," TREE("-1", "0", "0", "0", "1e308", "1")),
                   "not finite");
}

// A chain of 65 edges.
static void a_way_that_is_too_long_is_refused(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text json = TEXT_INIT(1 << 20);
    static const char *const names[] = {"f", "t", "l", "r", "v", "c"};
    enum { EDGES = 65 };
    assert_int_equal(text_append_string(&json, "{\"base\":0,\"columns\":[" COLUMN "],\"list\":[{"),
                     ERR_OK);
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        assert_int_equal(text_printf(&json, "%s\"%s\":[", k > 0 ? "," : "", names[k]), ERR_OK);
        for (int i = 0; i <= 2 * EDGES; i++) {
            bool is_inner = i % 2 == 0 && i < 2 * EDGES;
            int value = k == 0               ? (is_inner ? 0 : -1)
                        : k == 2 && is_inner ? i + 1
                        : k == 3 && is_inner ? i + 2
                                             : 0;
            // The share that goes deeper is a half each time.
            double weight = pow(0.5, (i + 1) / 2);
            assert_int_equal(k == 5 ? text_printf(&json, "%s%.17g", i > 0 ? "," : "", weight)
                                    : text_printf(&json, "%s%d", i > 0 ? "," : "", value),
                             ERR_OK);
        }
        assert_int_equal(text_append_string(&json, "]"), ERR_OK);
    }
    assert_int_equal(text_append_string(&json, "}]}"), ERR_OK);
    expect_refusal(BOOSTING, text_string(&json), "64 edges");
}

static void too_much_is_refused_before_it_is_read(void **state)
{
    (void)state;
    CLEANUP(text_done) struct text many = TEXT_INIT(1 << 20);
    for (int i = 0; i < 65536; i++)
        assert_int_equal(text_append_string(&many, i > 0 ? ",0" : "0"), ERR_OK);
    CLEANUP(mem_free_p)
    char *nodes = mem_printf(TREES("{\"f\":[%s]}"), text_string(&many));
    expect_refusal(BOOSTING, nodes, "65535");
    CLEANUP(mem_free_p)
    char *trees =
        mem_printf("{\"base\":0,\"columns\":[" COLUMN "],\"list\":[%s]}", text_string(&many));
    expect_refusal(BOOSTING, trees, "4096");
    CLEANUP(mem_free_p)
    char *columns = mem_printf("{\"base\":0,\"columns\":[%s],\"list\":[]}", text_string(&many));
    expect_refusal(BOOSTING, columns, "4096");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_trees_are_read),
        cmocka_unit_test(arrays_that_are_no_tree_are_refused),
        cmocka_unit_test(the_frame_of_trees_is_strict),
        cmocka_unit_test(a_way_that_is_too_long_is_refused),
        cmocka_unit_test(too_much_is_refused_before_it_is_read),
    };
    return cmocka_run_group_tests(tests, open_features, close_features);
}
