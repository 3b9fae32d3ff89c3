// SPDX-License-Identifier: MIT
// model check: an artefact is read and examined as a worker would do it.

#include <stdio.h>

#include "base/mem.h"
#include "command.h"
#include "model/model.h"

#define SETTINGS_DEF "model.def"
#include "command_settings.def"

static const struct settings_spec spec = {
    .program = "retentionctl model check",
    .purpose = "Reads an artefact as a worker does, scores its golden vectors and compares.",
    .usage = "[settings] FILE",
    .table = table,
    .count = ARRAY_LEN(table),
    .struct_bytes = sizeof(struct settings),
};

static enum err check(const struct settings *settings, const char *path, struct why *why)
{
    CLEANUP(features_free_p) struct features *features = NULL;
    CLEANUP(model_free_p) struct model *model = NULL;
    enum err err = features_load(settings->features, &features, why);
    if (err == ERR_OK)
        err = model_load(path, features, &model, why);
    if (err == ERR_OK)
        printf("%s: model %s, %s, %zu inputs, high above %.15g; its golden vectors score as "
               "promised\n",
               path, model_id(model), model_kind(model), model_inputs(model),
               model_threshold(model));
    return err;
}

int command_model_check(int argc, char **argv)
{
    struct settings settings;
    struct why why = {0};
    int status = 0;
    if (!command_begin(&spec, &settings, argc, argv, 1, 1, &status))
        return status;
    return command_end(&spec, &settings, check(&settings, argv[1], &why), &why);
}
