// SPDX-License-Identifier: MIT
#pragma once

// The shipped features and artefact for the tests of lib/model, and ways to change the artefact's
// text.

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "crypto/crypto.h"
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

// The bytes of an artefact with a NUL behind them; the caller frees.
static inline char *text_of(const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = mem_zalloc(1 << 20);
    size_t len = fread(text, 1, (1 << 20) - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len > 1000);
    return text;
}

static inline char *artefact_text(void)
{
    return text_of(MODEL_PATH);
}

// `text` with a seal that is right for what it says now; the caller frees.
static inline char *sealed(const char *text)
{
    const char *seal = strstr(text, "\"seal\"");
    assert_non_null(seal);
    char hex[CRYPTO_SHA256_HEX];
    crypto_sha256_hex(bytes_of(text, (size_t)(seal - text)), hex);
    return mem_printf("%.*s\"seal\": \"%s\"\n}\n", (int)(seal - text), text, hex);
}

// The artefact with the first of its golden vectors alone, so that a change of policy, which the
// others would find, can be tried; the seal is broken. The examination is the last member but the
// seal, a vector a line.
static inline char *with_short_examination(const char *text)
{
    const char *at = strstr(text, "\"vectors\": [");
    assert_non_null(at);
    at = strstr(at, "]}");
    assert_non_null(at);
    return mem_printf("%.*s]}], \"errors\": []}, \"seal\": 0}", (int)(at - text), text);
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

// A group of tests that share the shipped features: cmocka_run_group_tests(tests, open_features,
// close_features), for programs that define WANTS_FEATURES.
#ifdef WANTS_FEATURES
static struct features *features;

static int open_features(void **state)
{
    (void)state;
    features = shipped_features();
    return 0;
}

static int close_features(void **state)
{
    (void)state;
    features_free(features);
    return 0;
}
#endif
