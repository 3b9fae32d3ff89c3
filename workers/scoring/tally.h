// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "domain/prediction.h"
#include "model/model.h"

// What an open transaction has done so far. It reaches the metrics only once the transaction is
// committed, so that they count what readers see. Plain data, one thread.

enum { TALLY_REASONS_MAX = 32 };

struct tally {
    uint64_t events, departures, foreign;
    uint64_t bands[BAND_UNKNOWN + 1];
    uint64_t with_missing, with_outside; // scores, not inputs
    struct {
        char code[40];
        uint64_t count;
    } reasons[TALLY_REASONS_MAX];
    size_t reason_count;
    int64_t bytes;
};

// One more score.
void tally_score(struct tally *tally, const struct score *score);
// One more dead letter with this code; codes beyond the first TALLY_REASONS_MAX count for the last.
void tally_refusal(struct tally *tally, const char *code);
// Adds everything to the metrics of the lane. An empty one puts them on the page, with 0: who is
// alarmed by a move must see the first one, too.
void tally_commit(const struct tally *tally, struct metrics *metrics, const char *lane);
