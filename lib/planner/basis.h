// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "domain/facts.h"
#include "domain/features.h"
#include "domain/prediction.h"

// What a plan is made from. A record's texts come in, places in the features file go out: whoever
// writes a prompt or a plan from a basis has no text in hand that came with the record, so none can
// slip through. There is no member for who the employee is. Pure functions, any thread.

// As a HighRisk record or a row of high_risk_facts has it: hostile, borrowed.
struct basis_record {
    const struct bytes (*facts)[2]; // name and band
    size_t fact_count;
    struct basis_reason {
        struct bytes attribute; // data NULL: no such reason
        double weight;          // log-odds: above zero it raises the risk
    } reasons[PREDICTION_REASONS];
    enum band band;
    double probability; // 0 to 1; anything else: not known
};

struct basis {
    enum language language;
    enum band band;
    int bands[FACTS_MAX]; // of each fact of the features: its band, -1: not told
    struct {
        size_t attribute;
        bool raises;
    } reasons[PREDICTION_REASONS]; // no attribute twice
    size_t reason_count;
    int probability_percent; // 0 to 100 in steps of 5; -1: not told
    size_t dropped; // facts and reasons of the record that the features do not know, or twice
};

// Keeps of a record what the features file and the operator's choice allow: facts that are chosen
// and whose band is one of the fact's, reasons that are inputs and whose weight is not zero.
void basis_of(const struct features *features, const struct facts_choice *choice,
              const struct basis_record *record, enum language language, struct basis *ret);
