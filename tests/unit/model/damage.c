// SPDX-License-Identifier: MIT
// Artefacts that were damaged: every member left out, made another type, put out of range; files
// cut short; bytes lost, doubled and swapped. Each is refused with a sentence, and none
// crashes.
#include "support/check.h"

#include "model/model.h"
#include "unit/model/artefact.h"

static const char *const artefacts[] = {MODEL_PATH, SOURCE_DIR "/tests/unit/model/data/forest.json",
                                        SOURCE_DIR "/tests/unit/model/data/boosting.json",
                                        SOURCE_DIR "/tests/unit/model/data/isotonic.json"};

enum { SPANS_MAX = 8192 };

// A member of an object: its name and value as they stand in the text.
struct span {
    size_t name_at, value_at, end;
    char path[96]; // "linear.terms.w"
};

struct scan {
    const char *text;
    size_t at;
    struct span *spans;
    size_t count;
};

static void skip_blanks(struct scan *scan)
{
    scan->at += strspn(scan->text + scan->at, " \t\r\n");
}

static void skip_string(struct scan *scan)
{
    scan->at++;
    while (scan->text[scan->at] != '"')
        scan->at += scan->text[scan->at] == '\\' ? 2 : 1;
    scan->at++;
}

// Walks over a value and notes every member within; the text is well formed.
static void scan_value(struct scan *scan, const char *path)
{
    skip_blanks(scan);
    char opens = scan->text[scan->at];
    if (opens == '"') {
        skip_string(scan);
        return;
    }
    if (opens != '{' && opens != '[') {
        scan->at += strcspn(scan->text + scan->at, ",]} \n");
        return;
    }
    do {
        scan->at++;
        skip_blanks(scan);
        if (scan->text[scan->at] == '}' || scan->text[scan->at] == ']')
            break;
        if (opens == '[') {
            scan_value(scan, path);
        } else {
            struct span span = {.name_at = scan->at};
            skip_string(scan);
            int name_len = (int)(scan->at - span.name_at) - 2;
            snprintf(span.path, sizeof span.path, "%s%s%.*s", path, path[0] == '\0' ? "" : ".",
                     name_len, scan->text + span.name_at + 1);
            skip_blanks(scan);
            scan->at++; // the colon
            skip_blanks(scan);
            span.value_at = scan->at;
            size_t place = scan->count;
            assert_true(place < SPANS_MAX);
            scan->count++;
            scan_value(scan, span.path);
            span.end = scan->at;
            scan->spans[place] = span;
        }
        skip_blanks(scan);
    } while (scan->text[scan->at] == ',');
    scan->at++;
}

struct world {
    struct features *features;
};

static struct model *parse(const struct world *world, const char *json)
{
    struct model *model = NULL;
    struct why why = {0};
    enum err err = model_parse(bytes_from_string(json), world->features, &model, &why);
    assert_true((err == ERR_OK && model != NULL) ||
                (err == ERR_REJECT && model == NULL && why.text[0] != '\0'));
    return model;
}

// The artefact as it is, which is accepted: without that, a test of refusals proves nothing.
static char *undamaged(const struct world *world, const char *path)
{
    char *text = text_of(path);
    CLEANUP(model_free_p) struct model *model = parse(world, text);
    assert_non_null(model);
    return text;
}

static struct scan scan_of(const char *text)
{
    struct scan scan = {.text = text, .spans = mem_array(SPANS_MAX, sizeof *scan.spans)};
    scan_value(&scan, "");
    assert_true(scan.count > 100);
    return scan;
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

// Members whose loss or change of type nobody could call damage: rows of the examination (a value
// that is left out is a missing one), and what an estimator was told.
static bool is_free(const char *path)
{
    return strstr(path, "golden.vectors.features.") != NULL ||
           strstr(path, "golden.errors.features.") != NULL ||
           strstr(path, "training.parameters.") != NULL ||
           strstr(path, "training.libraries.") != NULL;
}

// Of a list of like things, the first few are enough.
static bool is_wanted(const struct span *spans, size_t at, size_t artefact)
{
    size_t before = 0, enough = artefact == 0 ? 3 : 1;
    for (size_t i = 0; i < at; i++)
        before += strcmp(spans[i].path, spans[at].path) == 0 ? 1 : 0;
    return before < enough;
}

// The text with [from, to) replaced.
static char *replaced(const char *text, size_t from, size_t to, const char *by)
{
    return mem_printf("%.*s%s%s", (int)from, text, by, text + to);
}

static void expect_refused(const struct world *world, const char *bad, const char *what,
                           const char *path)
{
    CLEANUP(model_free_p) struct model *model = parse(world, bad);
    if (model != NULL)
        fail_msg("%s %s was accepted", path, what);
}

// Without the member, and without one of the commas around it.
static void expect_needed(const struct world *world, const char *text, const struct span *span)
{
    size_t from = span->name_at, to = span->end;
    to += strspn(text + to, " \n");
    if (text[to] == ',') {
        to++;
    } else {
        while (from > 0 && text[from] != ',' && text[from] != '{')
            from--;
        from += text[from] == '{' ? 1 : 0;
        to = span->end;
    }
    CLEANUP(mem_free_p) char *bad = replaced(text, from, to, "");
    expect_refused(world, bad, "left out", span->path);
}

static void expect_type_kept(const struct world *world, const char *text, const struct span *span)
{
    static const char *const others[] = {"null", "true", "-7", "1.5", "\"x\"", "[]", "{}", "[[1]]"};
    char first = text[span->value_at];
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char other = others[i][0];
        bool is_number = strchr("-0123456789", first) != NULL;
        bool is_same = other == first || (is_number && strchr("-1", other) != NULL) ||
                       (first == 'f' && other == 't');
        bool is_null = (other == 'n' || other == '"') && strstr(span->path, "horizon") != NULL;
        bool is_gap = other == 'n' && strncmp(span->path, "fairness.groups.", 16) == 0;
        if (is_same || is_null || (is_gap && is_number) || (is_gap && first == 'n'))
            continue;
        if (first == 'n' && strncmp(span->path, "fairness.groups.", 16) == 0)
            continue; // a number that could not be computed may be one
        CLEANUP(mem_free_p) char *bad = replaced(text, span->value_at, span->end, others[i]);
        expect_refused(world, bad, others[i], span->path);
    }
}

static void every_member_is_needed_and_keeps_its_type(void **state)
{
    const struct world *world = *state;
    size_t tried = 0;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        struct scan scan = scan_of(text);
        for (size_t i = 0; i < scan.count; i++) {
            if (is_free(scan.spans[i].path) || !is_wanted(scan.spans, i, a))
                continue;
            bool is_extra = strncmp(scan.spans[i].path, "metrics.values.", 15) == 0 &&
                            strstr(scan.spans[i].path, "ece") == NULL;
            if (!is_extra || strchr(scan.spans[i].path + 15, '.') != NULL)
                expect_needed(world, text, &scan.spans[i]);
            expect_type_kept(world, text, &scan.spans[i]);
            tried++;
        }
        free(scan.spans);
    }
    assert_true(tried >= 300);
}

// Numbers that are far too large, or have the wrong sign. `any` may be any number.
static void numbers_out_of_range_are_refused(void **state)
{
    const struct world *world = *state;
    static const char *const any[] = {"metrics.values", "reference.", "fairness.groups.ratio",
                                      "training.seed",  "golden.",    "training.parameters"};
    size_t tried = 0;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        struct scan scan = scan_of(text);
        for (size_t i = 0; i < scan.count; i++) {
            const struct span *span = &scan.spans[i];
            bool is_number = strchr("-0123456789", text[span->value_at]) != NULL;
            for (size_t k = 0; k < ARRAY_LEN(any); k++)
                is_number = is_number && strncmp(span->path, any[k], strlen(any[k])) != 0;
            if (!is_number || !is_wanted(scan.spans, i, a))
                continue;
            CLEANUP(mem_free_p) char *large = replaced(text, span->value_at, span->end, "1e300");
            CLEANUP(mem_free_p) char *over = replaced(text, span->value_at, span->end, "1e999");
            CLEANUP(mem_free_p) char *nan = replaced(text, span->value_at, span->end, "NaN");
            expect_refused(world, large, "1e300", span->path);
            expect_refused(world, over, "1e999", span->path);
            expect_refused(world, nan, "NaN", span->path);
            tried++;
        }
        free(scan.spans);
    }
    assert_true(tried >= 60);
}

// The first is cut at every tenth byte, the others, which are alike, at every 1,900th.
static void a_file_cut_at_every_tenth_byte_is_refused(void **state)
{
    const struct world *world = *state;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        size_t len = strlen(text);
        while (len > 0 && text[len - 1] != '}')
            len--;
        size_t step = a == 0 ? 10 : 1900;
        for (size_t cut = (len - 1) / step * step; cut > 0; cut -= step) {
            text[cut] = '\0';
            expect_refused(world, text, "cut short", artefacts[a]);
        }
    }
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
    const struct world *world = *state;
    uint64_t random = 88172645463325252U;
    for (size_t a = 0; a < ARRAY_LEN(artefacts); a++) {
        CLEANUP(mem_free_p) char *text = undamaged(world, artefacts[a]);
        for (int i = 0; i < 250;) {
            CLEANUP(mem_free_p) char *bad = damaged(text, &random);
            if (strcmp(bad, text) == 0)
                continue; // a digit became itself
            expect_refused(world, bad, "damaged", bad);
            i++;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_needed_and_keeps_its_type),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(a_file_cut_at_every_tenth_byte_is_refused),
        cmocka_unit_test(random_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
