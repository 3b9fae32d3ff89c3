// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "faults.h"

// What the server has seen: calls by what they got and by second, how many at once, how many
// different bodies, why some were refused, and the last bodies themselves. One thread per object.

struct stats;

// `keep`: bodies of so many requests are kept.
struct stats *stats_new(size_t keep);
void stats_free(struct stats *stats);
void stats_clear(struct stats *stats); // all but what is in flight

// A call: begun when its body is here, ended when its answer is out or its connection gone.
void stats_begin(struct stats *stats, struct bytes path, struct bytes body);
void stats_end(struct stats *stats);
// Which of both the begun call is.
void stats_count(struct stats *stats, enum fault fault, int variant);
void stats_refuse(struct stats *stats, const char *code);
// How long its answer is held back.
void stats_delay(struct stats *stats, int64_t delay_ms);

// The pages, as JSON.
void stats_write(const struct stats *stats, struct text *out);
// The newest `count` first, with their numbers: calls since the last clearing, from 1.
void stats_write_requests(const struct stats *stats, size_t count, struct text *out);
