// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "domain/prediction.h"
#include "model/model.h"

// What an open transaction has done so far. It reaches the metrics only once the transaction is
// committed, so that they count what readers see. Plain data, one thread.

enum { TALLY_REASONS_MAX = 32 };

// What became of the wish for a reply.
enum tally_reply {
    TALLY_PREDICTION_REPLY,
    TALLY_ERROR_REPLY,
    TALLY_NO_ADDRESS,
    TALLY_BAD_ADDRESS,
    TALLY_REPLIES,
};

struct tally {
    uint64_t events, departures, foreign;
    uint64_t bands[BAND_UNKNOWN + 1];
    uint64_t with_missing, with_outside; // scores, not inputs
    uint64_t replies[TALLY_REPLIES];     // of a lane whose records may ask for one
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
// One more record of a lane with replies.
void tally_reply(struct tally *tally, enum tally_reply reply);
// Adds everything to the metrics of the lane. An empty one puts them on the page, with 0: who is
// alarmed by a move must see the first one, too.
void tally_commit(const struct tally *tally, struct metrics *metrics, const char *lane,
                  bool has_replies);
