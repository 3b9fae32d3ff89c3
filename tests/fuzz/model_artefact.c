// SPDX-License-Identifier: MIT
// Any bytes as a model's artefact, and the same with a seal that is right for them: the seal stops
// nearly every change, so without it nothing behind it would be tried. One that is accepted scores
// and explains an empty row.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crypto/crypto.h"
#include "domain/features.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try(const struct features *features, struct bytes json)
{
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why = {0};
    enum err err = model_parse(json, features, &model, &why);
    if (err == ERR_REJECT && model == NULL && why.text[0] != '\0')
        return;
    if (err != ERR_OK || model == NULL)
        abort();
    CLEANUP(mem_free_p) struct value *values = mem_array(features->count, sizeof *values);
    CLEANUP(mem_free_p) double *contributions = mem_array(features->count, sizeof *contributions);
    struct score score;
    model_score(model, values, &score);
    bool is_explained = model_contributions(model, values, contributions);
    if (is_explained != (score.band != BAND_UNKNOWN) ||
        (is_explained && !(score.probability >= 0 && score.probability <= 1)))
        abort();
}

// The bytes up to the last "seal", and the seal that they want; NULL where there is none.
static char *seal(struct bytes json)
{
    static const char name[] = "\"seal\"";
    for (size_t at = json.len; at-- > 0;) {
        if (json.len - at < sizeof name || memcmp(json.data + at, name, sizeof name - 1) != 0)
            continue;
        char hex[CRYPTO_SHA256_HEX];
        crypto_sha256_hex(bytes_of(json.data, at), hex);
        return mem_printf("%.*s\"seal\": \"%s\"\n}\n", (int)at, (const char *)json.data, hex);
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct features *features;
    if (features == NULL &&
        features_load(SOURCE_DIR "/models/features.json", &features, NULL) != ERR_OK)
        abort();
    const struct bytes json = bytes_of(data, size);
    try(features, json);
    CLEANUP(mem_free_p) char *sealed = seal(json);
    if (sealed != NULL)
        try(features, bytes_from_string(sealed));
    return 0;
}
