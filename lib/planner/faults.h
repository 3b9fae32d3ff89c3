// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "domain/features.h"

// What can be wrong with a model's answer. Any thread; texts are static.

enum fault {
    FAULT_NONE,
#define FAULT(name, code, en, fr) FAULT_##name,
#include "planner/faults.def"
#undef FAULT
    FAULTS
};

// "wrong-language"; "none" for FAULT_NONE.
const char *fault_code(enum fault fault);
bool fault_from_code(struct bytes code, enum fault *ret);

// One sentence for the model's next attempt; "" for FAULT_NONE.
const char *fault_correction(enum fault fault, enum language language);
