// SPDX-License-Identifier: MIT
#include "planner/basis.h"

#include <math.h>

static int fact_at(const struct features *features, struct bytes name)
{
    for (size_t i = 0; i < features->fact_count; i++)
        if (bytes_equal_string(name, features->facts[i].name))
            return (int)i;
    return -1;
}

static int band_at(const struct fact *fact, struct bytes name)
{
    for (size_t i = 0; i < fact->band_count; i++)
        if (bytes_equal_string(name, fact->bands[i].name))
            return (int)i;
    return -1;
}

// A fact that the operator did not choose is known all the same, and not counted.
static void take_fact(const struct features *features, const struct facts_choice *choice,
                      const struct bytes fact[2], struct basis *basis)
{
    int at = fact_at(features, fact[0]);
    int band = at < 0 ? -1 : band_at(&features->facts[at], fact[1]);
    if (band < 0 || basis->bands[at] >= 0)
        basis->dropped++;
    else if (choice->is_told[at])
        basis->bands[at] = band;
}

static bool has_reason(const struct basis *basis, size_t attribute)
{
    for (size_t i = 0; i < basis->reason_count; i++)
        if (basis->reasons[i].attribute == attribute)
            return true;
    return false;
}

static void take_reason(const struct features *features, const struct basis_reason *reason,
                        struct basis *basis)
{
    int at = features_find(features, reason->attribute);
    bool is_known = at >= 0 && features->attributes[at].is_input && isfinite(reason->weight) &&
                    fpclassify(reason->weight) != FP_ZERO;
    if (!is_known || has_reason(basis, (size_t)at)) {
        basis->dropped++;
        return;
    }
    basis->reasons[basis->reason_count].attribute = (size_t)at;
    basis->reasons[basis->reason_count++].raises = reason->weight > 0;
}

void basis_of(const struct features *features, const struct facts_choice *choice,
              const struct basis_record *record, enum language language, struct basis *ret)
{
    struct basis basis = {.language = language, .band = record->band, .probability_percent = -1};
    for (size_t i = 0; i < FACTS_MAX; i++)
        basis.bands[i] = -1;
    for (size_t i = 0; i < record->fact_count; i++)
        take_fact(features, choice, record->facts[i], &basis);
    for (size_t i = 0; i < PREDICTION_REASONS; i++)
        if (record->reasons[i].attribute.data != NULL)
            take_reason(features, &record->reasons[i], &basis);
    if (choice->has_probability && record->probability >= 0 && record->probability <= 1)
        basis.probability_percent = 5 * (int)lround(20 * record->probability);
    *ret = basis;
}
