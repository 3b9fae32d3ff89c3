// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "base/value.h"
#include "domain/features.h"

// What may be told of an employee to the writer of a plan: for each fact of the features file the
// name of the band that the employee's value lies in, never the value. A fact is told where it is
// default or was asked for by its name. Pure functions, no allocation, any thread; names are
// borrowed from the features.

struct facts_choice {
    bool is_told[FACTS_MAX]; // of each fact of the features, in their order
    bool has_probability;    // also the rounded probability, which is no fact of the features
};

// The default facts and those of the list `added`: names between commas ("stock-options,career"),
// blanks around them do not count, and an empty list adds none. "probability" is a name too, unless
// the features have a fact of that name. ERR_REJECT with code "unknown-fact": the sentence says
// which name is none, and which ones there are.
MUST_CHECK enum err facts_choose(const struct features *features, struct bytes added,
                                 struct facts_choice *ret, struct why *why);

// Index of the band that a value of the fact's attribute lies in; -1 where it is null, of another
// type, no category that is known, or outside every band.
int facts_band(const struct features *features, const struct fact *fact, const struct value *value);

// The chosen facts of an employee whose attributes (features->count of them) passed the check:
// pairs of the fact's name and the band's, in the order of the features, as lib/avro encodes them.
// Gives their number.
size_t facts_of(const struct features *features, const struct facts_choice *choice,
                const struct value *attributes, struct bytes ret[FACTS_MAX][2]);
