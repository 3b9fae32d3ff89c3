// SPDX-License-Identifier: MIT
#pragma once

#include "judge.h"

// Three retention actions that fit what a prompt speaks of, in its language: equal prompts get
// equal actions. Static text; any thread.
void plan_choose(const struct asked *asked, const char *ret[3]);
