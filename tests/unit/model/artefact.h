// SPDX-License-Identifier: MIT
#pragma once

// The shipped features and artefact for the tests of lib/model, and ways to change the artefact's
// text.

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/model.h"

#define FEATURES_PATH SOURCE_DIR "/models/features.json"
#define MODEL_PATH    SOURCE_DIR "/models/attrition.json"

static inline struct features *shipped_features(void)
{
    struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(FEATURES_PATH, &features, &why), &why);
    return features;
}

static inline struct model *shipped_model(const struct features *features)
{
    struct model *model = NULL;
    struct why why = {0};
    assert_ok(model_load(MODEL_PATH, features, &model, &why), &why);
    return model;
}

// The artefact's bytes with a NUL behind them; the caller frees.
static inline char *artefact_text(void)
{
    FILE *file = fopen(MODEL_PATH, "re");
    assert_non_null(file);
    char *text = mem_zalloc(1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 1000);
    return text;
}

// `text` with the first `from` behind `after` replaced by `to`; the caller frees. The test fails
// where there is none: it would test nothing.
static inline char *with(const char *text, const char *after, const char *from, const char *to)
{
    const char *start = strstr(text, after);
    const char *at = start == NULL ? NULL : strstr(start, from);
    if (at == NULL)
        fail_msg("no %s behind %s", from, after);
    return mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}
