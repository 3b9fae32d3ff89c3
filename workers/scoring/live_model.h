// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "base/metrics.h"
#include "domain/features.h"
#include "model/model.h"

// The model that a process scores with, replaced while it works when its file is: a lane takes the
// present one at the start of each transaction, so that a transaction, and each prediction in it,
// is of one model. A new file that is refused leaves the old model in use.

struct live_model;

// Loads the file; the verdicts of model_load. Path, features and metrics are borrowed.
MUST_CHECK enum err live_model_open(const char *path, const struct features *features,
                                    struct metrics *metrics, struct live_model **ret,
                                    struct why *why);
// Every model that was taken has been given back.
void live_model_close(struct live_model *live);
DEFINE_CLEANUP(struct live_model, live_model_close)

// Loads the file again where it is another than before and has stood still since the last look, so
// that one which is being written is not read. Logs what came of it. One thread, once a second or
// so.
void live_model_look(struct live_model *live);

// The present model, which stays as it is until it is given back with live_model_give. Any thread.
const struct model *live_model_take(struct live_model *live);
void live_model_give(struct live_model *live, const struct model *model);
