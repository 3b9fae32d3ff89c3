// SPDX-License-Identifier: MIT
// The artefact that is shipped, the features file and the data it was trained on belong together.
#include "support/check.h"

#include <stdio.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "model/model.h"

#define MODELS SOURCE_DIR "/models/"

enum { VECTORS_WANTED = 34 };

static void hash_of(const char *path, char ret[CRYPTO_SHA256_HEX])
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    char part[4096];
    size_t got = 0;
    while ((got = fread(part, 1, sizeof part, file)) > 0)
        crypto_sha256_update(&hash, bytes_of(part, got));
    assert_int_equal(fclose(file), 0);
    crypto_sha256_final_hex(&hash, ret);
}

// Loading scores the golden vectors: this is the examination itself.
static void it_loads_and_is_named_by_its_bytes(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why = {0};
    assert_ok(features_load(MODELS "features.json", &features, &why), &why);
    assert_ok(model_load(MODELS "attrition.json", features, &model, &why), &why);
    char hex[CRYPTO_SHA256_HEX];
    hash_of(MODELS "attrition.json", hex);
    hex[16] = '\0';
    assert_string_equal(model_id(model), hex);
}

static void its_examination_is_long_and_exact(void **state)
{
    (void)state;
    CLEANUP(json_free_p) struct json *root = NULL;
    struct why why = {0};
    assert_ok(json_load(MODELS "attrition.json", 1 << 24, 8, &root, NULL, &why), &why);
    const struct json *golden = json_member(root, "golden");
    assert_true(json_count(json_member(golden, "vectors")) >= VECTORS_WANTED);
    assert_true(json_count(json_member(golden, "errors")) > 0);
    double tolerance = 1;
    assert_ok(json_get_number(golden, "golden", "tolerance", &tolerance, &why), &why);
    assert_true(tolerance <= 1e-12);
}

static void it_was_trained_on_the_data_beside_it(void **state)
{
    (void)state;
    CLEANUP(json_free_p) struct json *root = NULL;
    struct why why = {0};
    assert_ok(json_load(MODELS "attrition.json", 1 << 24, 8, &root, NULL, &why), &why);
    const char *trained_on = NULL;
    assert_ok(json_get_string(json_member(root, "training"), "training", "data_sha256", 64,
                              &trained_on, &why),
              &why);
    char hex[CRYPTO_SHA256_HEX];
    hash_of(MODELS "data/employees.csv", hex);
    assert_string_equal(trained_on, hex);
    assert_string_equal(hex, "a5c31e38bd7fafc9bc333884eb181b06b41b8e5e488e8f7ccb27199fb3be7659");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_loads_and_is_named_by_its_bytes),
        cmocka_unit_test(its_examination_is_long_and_exact),
        cmocka_unit_test(it_was_trained_on_the_data_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
