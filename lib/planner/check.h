// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/text.h"
#include "domain/features.h"
#include "planner/actions.h"
#include "planner/basis.h"
#include "planner/faults.h"

// Whether a model's answer is a plan that people may be shown: three different, plain sentences in
// the right language that ban nobody's rights, watch nobody and name nobody. The checks are those
// of lists and shapes, in one fixed order, so an answer gets the same verdict always. They are no
// proof of good sense: a person reads a plan before anything is done with it.

// The word lists of both languages, and the features' own words. Immutable: any thread may ask.
struct check;

// ERR_FATAL where a list that is built in is broken. The features are read here and not kept.
MUST_CHECK enum err check_new(const struct features *features, struct check **ret, struct why *why);
void check_free(struct check *check);
DEFINE_CLEANUP(struct check, check_free)

struct verdict {
    enum fault fault; // the first that was found; FAULT_NONE: a plan
    int action;       // in which action, 0 to 2; -1: the answer as a whole
};

// The text of an answer, as the provider's codec took it out of the response: at most 256 KiB, one
// JSON object of exactly action_1, action_2, action_3. A byte order mark, blanks and one fence of
// three backticks around it are forgiven, nothing else. *ret is written only where nothing is
// wrong: the actions without the blanks around them.
struct verdict check_answer(const struct check *check, enum language language, struct bytes answer,
                            struct actions *ret);

// The checks of a single action, as it would be shown: its shape, its words, its language as far as
// one sentence tells.
enum fault check_action(const struct check *check, enum language language, struct bytes action);

// Two actions that say the same: equal but for case, accents and punctuation, or with four fifths
// of their words in common.
bool check_are_alike(struct bytes a, struct bytes b);

// How concrete a plan is, to be counted and not to be refused for: 0 to 6, one point for each
// action that begins with a verb of the language, and one for each reason of the basis (at most
// three) whose topic, a longer word of the attribute's words, is spoken of.
unsigned check_concreteness(const struct check *check, const struct features *features,
                            const struct basis *basis, const struct actions *actions);
