// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

// What would bring somebody's score down: the smallest change of one or two attributes that an
// employer can act on (the features file says which, and how far). It is a statement about the
// model, not a promise about the person. Any thread.

enum { CHANGE_ATTRIBUTES = 2 };

struct model_change {
    size_t attribute; // index in the features
    struct value to;  // text is borrowed from the features
};

struct model_counterfactual {
    struct model_change changes[CHANGE_ATTRIBUTES];
    size_t count;       // 0: there is none, or nothing is needed
    bool is_needed;     // the score is above the threshold
    struct score score; // of the person with these changes; without any, as they are
};

// One change beats two. The size of a change is the part of what is allowed that it uses (a number:
// how far it moves of `by`; another category: 1), of two changes the sum. Of equal sizes the lower
// probability wins, then the earlier attribute. A change keeps the number within the hard bounds
// and within what the training saw, breaks no plausibility rule that holds, and was scored as it
// stands: its probability is at most the threshold. An attribute whose value is missing is left.
void model_find_change(const struct model *model, const struct value *attributes,
                       struct model_counterfactual *ret);
