// SPDX-License-Identifier: MIT
// Artefacts that were damaged: every member and element left out, made another type, put out of
// range; files cut short; bytes lost, doubled and swapped. Each is refused with a sentence, and
// none crashes. The seal alone would refuse them all, so of damage to a part it is asked that the
// reader or the examination finds it, as it must in a file that somebody sealed again.
#include "support/check.h"

#include "model/model.h"
#include "unit/model/artefact.h"
#include "unit/model/spans.h"

// The shipped one, and small ones of the other kinds.
#define SMALL SOURCE_DIR "/tests/fuzz/corpus/model_artefact/"
static const char *const artefacts[] = {MODEL_PATH, SMALL "forest", SMALL "boosting",
                                        SMALL "isotonic"};

struct world {
    struct features *features;
    size_t refused; // of the test that runs
};

static struct model *parse(const struct world *world, const char *json, struct why *why)
{
    struct model *model = NULL;
    enum err err = model_parse(bytes_from_string(json), world->features, &model, why);
    assert_true((err == ERR_OK && model != NULL) ||
                (err == ERR_REJECT && model == NULL && why->text[0] != '\0'));
    return model;
}

// The artefact as it is, which is accepted: without that, a test of refusals proves nothing.
static char *undamaged(const struct world *world, const char *path)
{
    char *text = text_of(path);
    struct why why = {0};
    CLEANUP(model_free_p) struct model *model = parse(world, text, &why);
    assert_non_null(model);
    return text;
}

static int setup(void **state)
{
    static struct world world;
    world.features = shipped_features();
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    features_free(world->features);
    return 0;
}

static int begin(void **state)
{
    struct world *world = *state;
    world->refused = 0;
    return 0;
}

static void expect_refused(struct world *world, const char *bad, const char *what, const char *path)
{
    struct why why = {0};
    CLEANUP(model_free_p) struct model *model = parse(world, bad, &why);
    if (model != NULL)
        fail_msg("%s %s was accepted", path, what);
    world->refused++;
}

// Also where the seal is right.
static void expect_found(struct world *world, const char *bad, const char *what, const char *path)
{
    struct why why = {0};
    CLEANUP(model_free_p) struct model *model = parse(world, bad, &why);
    if (model != NULL || (strcmp(why.code, "bad-seal") == 0 && strcmp(path, "seal") != 0))
        fail_msg("%s %s was only found by the seal", path, what);
    world->refused++;
}

static bool is_one_of(const char *path, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(list[i]);
        const bool is_whole = list[i][len - 1] != '.';
        if (strncmp(path, list[i], len) == 0 && (!is_whole || path[len] == '\0'))
            return true;
    }
    return false;
}
#define IS_ONE_OF(path, list) is_one_of(path, list, ARRAY_LEN(list))

// What may be missing, be another value or type: rows of the examination (a value that is left out
// is a missing one), and what an estimator was told. A name with a point at its end is of all
// below.
static const char *const free_parts[] = {"golden.vectors[].features.", "golden.errors[].features.",
                                         "training.parameters.", "training.libraries."};
// Of these there may be fewer.
static const char *const shorter_lists[] = {"golden.vectors[]", "golden.errors[]",
                                            "fairness.groups[]"};
// What the metrics must have; others are free to be there.
static const char *const wanted_metrics[] = {
    "auc",           "average_precision",   "log_loss",     "brier", "ece",
    "ece_by_chance", "gap_above_threshold", "gap_by_chance"};
// What could not be computed is null.
static const char *const nulls[] = {
    "fairness.groups[].selection_rate", "fairness.groups[].ratio", "fairness.groups[].ratio_low",
    "fairness.groups[].ratio_high",     "fairness.groups[].tpr",   "fairness.groups[].ppv",
    "fairness.groups[].calibration_gap"};
// A number that no person of the examination comes near: what the seal is for.
static const char *const unexamined[] = {"trees.list[].t[]", "calibration.x[]"};

static bool is_optional_metric(const char *path)
{
    static const char before[] = "metrics.values.";
    return strncmp(path, before, strlen(before)) == 0 &&
           strchr(path + strlen(before), '.') == NULL &&
           !IS_ONE_OF(path + strlen(before), wanted_metrics);
}

// Of a list of like things, the first few are enough.
static bool is_wanted(const struct spans *spans, size_t at, size_t artefact)
{
    size_t before = 0, enough = artefact == 0 ? 2 : 1;
    for (size_t i = at; i-- > 0 && before < enough;)
        before += strcmp(spans->list[i].path, spans->list[at].path) == 0 ? 1 : 0;
    return before < enough;
}

// The text with [from, to) replaced.
static char *replaced(const char *text, size_t from, size_t to, const char *by)
{
    return mem_printf("%.*s%s%s", (int)from, text, by, text + to);
}

// Without the part, and without one of the commas around it.
static void expect_needed(struct world *world, const char *text, const struct span *span)
{
    if (IS_ONE_OF(span->path, shorter_lists) || is_optional_metric(span->path))
        return;
    size_t from = span->name_at, to = span->end;
    to += strspn(text + to, " \n");
    if (text[to] == ',') {
        to++;
    } else {
        while (from > 0 && strchr(",{[", text[from]) == NULL)
            from--;
        from += text[from] == ',' ? 0 : 1;
        to = span->end;
    }
    CLEANUP(mem_free_p) char *bad = replaced(text, from, to, "");
    expect_found(world, bad, "left out", span->path);
}

static bool is_number_at(const char *text, const struct span *span)
{
    return strchr("-0123456789", text[span->value_at]) != NULL;
}

static void expect_type_kept(struct world *world, const char *text, const struct span *span)
{
    static const char *const others[] = {"null", "true", "-7", "1.5", "\"x\"", "[]", "{}", "[[1]]"};
    const char first = text[span->value_at];
    const bool is_number = is_number_at(text, span), may_be_null = IS_ONE_OF(span->path, nulls);
    const bool is_horizon = strcmp(span->path, "training.horizon") == 0;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const char other = others[i][0];
        const bool is_other_number = strchr("-1", other) != NULL;
        const bool is_same =
            other == first || (is_number && is_other_number) || (first == 'f' && other == 't');
        const bool may_be = (is_horizon && strchr("n\"", other) != NULL) ||
                            (may_be_null && (other == 'n' || (first == 'n' && is_other_number)));
        if (is_same || may_be)
            continue;
        CLEANUP(mem_free_p) char *bad = replaced(text, span->value_at, span->end, others[i]);
        expect_found(world, bad, others[i], span->path);
    }
}

static void every_part_is_needed_and_keeps_its_type(void **state)
{
    struct world *world = *state;
    size_t tried = 0;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        struct spans spans = spans_of(text);
        for (size_t i = 0; i < spans.count; i++) {
            if (IS_ONE_OF(spans.list[i].path, free_parts) || !is_wanted(&spans, i, a))
                continue;
            expect_needed(world, text, &spans.list[i]);
            expect_type_kept(world, text, &spans.list[i]);
            tried++;
        }
        free(spans.list);
    }
    print_message("%zu parts, %zu damaged artefacts\n", tried, world->refused);
    assert_true(tried >= 500 && world->refused >= 3000);
}

// Numbers that are far too large or too small, or none.
static void numbers_out_of_range_are_refused(void **state)
{
    struct world *world = *state;
    // What may be any number that is finite.
    static const char *const any[] = {"fairness.groups[].ratio", "fairness.groups[].ratio_low",
                                      "fairness.groups[].ratio_high", "reference.score.edges[]",
                                      "reference.features[].edges[]"};
    static const char *const finite[] = {"1e300", "-1e300"};
    static const char *const none[] = {"1e999", "NaN"};
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        struct spans spans = spans_of(text);
        for (size_t i = 0; i < spans.count; i++) {
            const struct span *span = &spans.list[i];
            if (!is_number_at(text, span) || !is_wanted(&spans, i, a))
                continue;
            const bool is_metric = strncmp(span->path, "metrics.values.", 15) == 0;
            const bool is_any =
                is_metric || IS_ONE_OF(span->path, any) || IS_ONE_OF(span->path, free_parts);
            for (size_t k = 0; k < ARRAY_LEN(finite) && !is_any; k++) {
                CLEANUP(mem_free_p)
                char *bad = replaced(text, span->value_at, span->end, finite[k]);
                if (IS_ONE_OF(span->path, unexamined))
                    expect_refused(world, bad, finite[k], span->path);
                else
                    expect_found(world, bad, finite[k], span->path);
            }
            for (size_t k = 0; k < ARRAY_LEN(none); k++) {
                CLEANUP(mem_free_p) char *bad = replaced(text, span->value_at, span->end, none[k]);
                expect_found(world, bad, none[k], span->path);
            }
        }
        free(spans.list);
    }
    print_message("%zu damaged artefacts\n", world->refused);
    assert_true(world->refused >= 700);
}

// Those of the metrics that are always there have bounds, at both ends.
static void metrics_out_of_range_are_refused(void **state)
{
    struct world *world = *state;
    static const char *const bad_means[] = {"1e300", "-1e300", "-0.0001"};
    CLEANUP(mem_free_p) char *text = undamaged(world, MODEL_PATH);
    struct spans spans = spans_of(text);
    for (size_t m = 0; m < ARRAY_LEN(wanted_metrics); m++)
        for (size_t i = 0; i < spans.count; i++) {
            const struct span *span = &spans.list[i];
            char mean[96], sd[96];
            snprintf(mean, sizeof mean, "metrics.values.%s.mean", wanted_metrics[m]);
            snprintf(sd, sizeof sd, "metrics.values.%s.sd", wanted_metrics[m]);
            const bool is_mean = strcmp(span->path, mean) == 0;
            for (size_t k = 0; k < ARRAY_LEN(bad_means); k++) {
                const bool is_bad = is_mean ? strcmp(wanted_metrics[m], "log_loss") != 0 || k > 0
                                            : strcmp(span->path, sd) == 0 && k > 0;
                CLEANUP(mem_free_p)
                char *bad = replaced(text, span->value_at, span->end, bad_means[k]);
                if (is_bad)
                    expect_found(world, bad, bad_means[k], span->path);
            }
        }
    free(spans.list);
    assert_int_equal(world->refused, 3 * 8 - 1 + 2 * 8);
}

// The first is cut at every tenth byte, the others, which are alike, at every 600th.
static void a_file_cut_at_every_tenth_byte_is_refused(void **state)
{
    struct world *world = *state;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        size_t len = strlen(text);
        while (len > 0 && text[len - 1] != '}')
            len--;
        size_t step = a == 0 ? 10 : 600;
        for (size_t cut = (len - 1) / step * step; cut > 0; cut -= step) {
            text[cut] = '\0';
            expect_found(world, text, "cut short", artefacts[a]);
        }
    }
    assert_true(world->refused >= 3000);
}

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

// One thing that happens to files: a byte, a bit, a digit, a part that is lost or doubled.
static char *damaged(const char *text, uint64_t *random)
{
    size_t len = strlen(text), at = next(random) % len, size = 1 + next(random) % 60;
    size = at + size > len ? len - at : size;
    char byte[2] = {(char)(1 + next(random) % 255), '\0'};
    CLEANUP(mem_free_p) char *part = mem_dup_bytes(text + at, size);
    size_t digit = at + strcspn(text + at, "0123456789");
    switch (next(random) % 5) {
    case 0:
        return replaced(text, at, at + 1, byte);
    case 1:
        byte[0] = (char)(text[at] ^ (char)(1 << next(random) % 7));
        return replaced(text, at, at + 1, byte[0] == '\0' ? " " : byte);
    case 2:
        byte[0] = (char)('0' + next(random) % 10);
        return digit < len ? replaced(text, digit, digit + 1, byte) : mem_dup("");
    case 3:
        return replaced(text, at, at + size, "");
    default:
        return replaced(text, at, at, part);
    }
}

static void random_damage_is_refused(void **state)
{
    struct world *world = *state;
    uint64_t random = 88172645463325252U;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        for (int i = 0; i < 250;) {
            CLEANUP(mem_free_p) char *bad = damaged(text, &random);
            if (strcmp(bad, text) == 0)
                continue; // a digit became itself
            expect_refused(world, bad, "damaged", artefacts[a]);
            i++;
        }
    }
    assert_int_equal(world->refused, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_part_is_needed_and_keeps_its_type, begin),
        cmocka_unit_test_setup(numbers_out_of_range_are_refused, begin),
        cmocka_unit_test_setup(metrics_out_of_range_are_refused, begin),
        cmocka_unit_test_setup(a_file_cut_at_every_tenth_byte_is_refused, begin),
        cmocka_unit_test_setup(random_damage_is_refused, begin),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
