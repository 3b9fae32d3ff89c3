// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "bus/consumer.h"

// For replies_options.take of `plan-replies`; the context is the gateway.
MUST_CHECK enum err plans_take_reply(void *context, const struct bus_message *message,
                                     struct why *why);
