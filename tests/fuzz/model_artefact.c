// SPDX-License-Identifier: MIT
// Any bytes as a model's artefact; one that is accepted scores an empty row.
#include <stdint.h>
#include <stdlib.h>

#include "domain/features.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct features *features;
    if (features == NULL &&
        features_load(SOURCE_DIR "/models/features.json", &features, NULL) != ERR_OK)
        abort();
    CLEANUP(model_free_p) struct model *model = NULL;
    struct why why;
    if (model_parse(bytes_of(data, size), features, &model, &why) != ERR_OK)
        return 0;
    struct value *values = calloc(features->count, sizeof *values);
    struct score score;
    model_score(model, values, &score);
    if (score.band != BAND_UNKNOWN && !(score.probability >= 0 && score.probability <= 1))
        abort();
    free(values);
    return 0;
}
