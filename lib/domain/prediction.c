// SPDX-License-Identifier: MIT
// Names of bands and triggers, in the order of their enums: as the schema's symbols.

#include "domain/prediction.h"

#include "base/compiler.h"

static const char *const bands[] = {[BAND_LOW] = "low",
                                    [BAND_ELEVATED] = "elevated",
                                    [BAND_HIGH] = "high",
                                    [BAND_UNKNOWN] = "unknown"};
static const char *const triggers[] = {
    [TRIGGER_CHANGE] = "change", [TRIGGER_REQUEST] = "request", [TRIGGER_RESCORE] = "rescore"};

const char *band_name(enum band band)
{
    return bands[band];
}

const char *trigger_name(enum trigger trigger)
{
    return triggers[trigger];
}

bool band_from_text(struct bytes text, enum band *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(bands); i++)
        if (bytes_equal_string(text, bands[i])) {
            *ret = (enum band)i;
            return true;
        }
    return false;
}

bool trigger_from_text(struct bytes text, enum trigger *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(triggers); i++)
        if (bytes_equal_string(text, triggers[i])) {
            *ret = (enum trigger)i;
            return true;
        }
    return false;
}
