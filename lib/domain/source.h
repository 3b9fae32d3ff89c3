// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

// A place in an input topic as the id of what was made of the record there: a prediction, a plan.
// The same after any replay. Pure functions, any thread.

// "employee-changes/3/17", with "@2" behind the topic in its second generation and later. At most
// SOURCE_ID_MAX bytes with the NUL; gives the length.
enum { SOURCE_ID_MAX = 300 };
size_t source_id(const char *topic, int generation, int32_t partition, int64_t offset,
                 char out[SOURCE_ID_MAX]);

// Number in the metadata "gen=3" of a committed offset; 1 where it says none.
int source_generation(const char *metadata);
