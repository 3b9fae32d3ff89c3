// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "faults.h"

// What happens to which call, in the order in which calls arrive: a list of steps as JSON, after
// whose end everything is answered well.
//   [{"fault": "rpm:millis", "times": 3, "delay_ms": 200}, {"random": ["good", "wire:*"], "seed":
//   7}]
// One thread per object.

struct script;

// What one call gets.
struct drawn {
    enum fault fault;
    int variant;
    int64_t delay_ms;     // before the answer; -1: the server's latency
    int64_t hold_ms;      // how long wire faults last; -1: their own
    char retry_delay[32]; // in place of the fault's own; "": that
};

struct script *script_new(void); // all is well
void script_free(struct script *script);
DEFINE_CLEANUP(struct script, script_free)

// ERR_REJECT: not of that form, with a sentence that says where; `is_tls`: faults that need plain
// HTTP are refused, too.
MUST_CHECK enum err script_parse(struct bytes json, bool is_tls, struct script **ret,
                                 struct why *why);
void script_draw(struct script *script, struct drawn *ret);
