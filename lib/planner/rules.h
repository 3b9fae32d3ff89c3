// SPDX-License-Identifier: MIT
#pragma once

#include "base/compiler.h"
#include "base/err.h"
#include "domain/features.h"
#include "planner/actions.h"
#include "planner/basis.h"
#include "planner/check.h"

// The provider of last resort: three actions out of a list, chosen by the reasons and facts. Made
// without a network, a key or a wait, and good enough to be shown: what it writes passes the check.
// The same basis gives the same plan.

// Immutable: any thread may ask.
struct rules;

// Attributes of other companies, of which the list says nothing, are spoken of by the words of the
// features, unless these would not pass the check. Nothing of the arguments is kept. ERR_FATAL
// where the list that is built in is broken.
MUST_CHECK enum err rules_new(const struct features *features, const struct check *check,
                              struct rules **ret, struct why *why);
void rules_free(struct rules *rules);
DEFINE_CLEANUP(struct rules, rules_free)

// In this order, as far as they are needed: the reasons that raise the risk, the facts that speak
// for an action, the reasons that lower it, and what helps anybody. No two actions are alike.
void rules_write(const struct rules *rules, const struct basis *basis, struct actions *ret);
