// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "domain/features.h"

// Values of categories that the features file does not know: most often another spelling, which no
// model can judge. Some of each attribute are kept for the person who imports, as they stand in the
// file, so they are for that person's eyes and never for a log. One thread.

struct unknowns;

// `features` is borrowed as long as it lives.
struct unknowns *unknowns_new(const struct features *features);
void unknowns_free(struct unknowns *unknowns);
// `number` is the row's place in the file; a row that is read again is not counted again.
void unknowns_note(struct unknowns *unknowns, int64_t number, size_t attribute, struct bytes value);
// How many rows had one.
int64_t unknowns_rows(const struct unknowns *unknowns);
// A list for people: OverTime ("yes", "maybe"), Department ("Marketing").
void unknowns_write(const struct unknowns *unknowns, struct text *out);
