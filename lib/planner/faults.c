// SPDX-License-Identifier: MIT
#include "planner/faults.h"

#include "base/compiler.h"

static const struct {
    const char *code;
    const char *correction[LANGUAGES];
} faults[FAULTS] = {
    [FAULT_NONE] = {"none", {[LANGUAGE_EN] = "", [LANGUAGE_FR] = ""}},
#define FAULT(name, code, en, fr)                                                                  \
    [FAULT_##name] = {code, {[LANGUAGE_EN] = (en), [LANGUAGE_FR] = (fr)}},
#include "planner/faults.def"
#undef FAULT
};

const char *fault_code(enum fault fault)
{
    return faults[fault].code;
}

bool fault_from_code(struct bytes code, enum fault *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (bytes_equal_string(code, faults[i].code)) {
            *ret = (enum fault)i;
            return true;
        }
    return false;
}

const char *fault_correction(enum fault fault, enum language language)
{
    return faults[fault].correction[language];
}
