// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/plan.h"
#include "domain/prediction.h"
#include "store/pg.h"

// What the retention worker asks of the tables and writes into its ledger (llm_call). Every call is
// one statement for many items, in and out in the same order, outside of a transaction of the
// caller's: once it has given ERR_OK its effect is durable (the connection was opened with the
// session sql_retention_session). ERR_RETRY after a lost connection: it may have happened or not;
// all of them may be called again. Times are the caller's, milliseconds since 1970. One thread.
//
// Calls that give text lend it from *ret_rows, which the caller frees (pg_rows_free).

// A result that was accepted. plan_id NULL: there is none.
struct plans_answer {
    struct bytes plan_id; // whose it is
    struct bytes provider;
    struct bytes model_name;
    struct bytes prompt_sha256;
    struct bytes language;
    struct bytes copied_from; // plan whose answer to the same prompt this is; null: a call was made
    struct bytes actions[PLAN_ACTIONS];
    int64_t input_tokens; // PLAN_NO_TOKENS: not known
    int64_t output_tokens;
    int64_t finished_at_ms;
};

enum plans_episode {
    PLANS_EPISODE_NONE, // the prediction opened none
    PLANS_EPISODE_OPEN,
    PLANS_EPISODE_FELL, // closed again, since the risk fell
    PLANS_EPISODE_LEFT, // closed again, since the person left
};

struct plans_seen {
    bool is_recorded; // the prediction is in predictions_history; else the next eight are empty
    struct bytes employee_id;
    enum band band;
    double probability; // 0 for band unknown
    int64_t scored_at_ms;
    struct {
        struct bytes attribute; // data NULL: no such reason
        double weight;          // log-odds
    } reasons[PREDICTION_REASONS];
    bool has_left;              // the employee, by the latest value
    enum plans_episode episode; // that the prediction opened
    int32_t attempts;           // number of the last claim of this plan; 0: none
    int64_t unfinished;         // claims of this plan without a result
    bool has_facts;             // the row of high_risk_facts is there
    size_t fact_count;          // names and values
    struct bytes facts[PLAN_FACTS_MAX][2];
    struct plans_answer answer; // of this plan
};

// Fills `ret`, one for each plan and its prediction.
MUST_CHECK enum err plans_look(struct pg *pg, const struct bytes *plan_ids,
                               const struct bytes *prediction_ids, size_t count,
                               struct plans_seen *ret, struct pg_rows **ret_rows, struct why *why);

// For each employee and language the latest plan with actions of its own (not reused ones) that was
// created at `since_ms` or later; plan_id NULL: none.
MUST_CHECK enum err plans_fresh(struct pg *pg, const struct bytes *employee_ids,
                                const struct bytes *languages, size_t count, int64_t since_ms,
                                struct plan *ret, struct pg_rows **ret_rows, struct why *why);

// For each prompt the latest answer of a model (neither copies nor those of the rules) that was
// finished at `since_ms` or later.
MUST_CHECK enum err plans_cached(struct pg *pg, const struct bytes *prompt_hashes, size_t count,
                                 int64_t since_ms, struct plans_answer *ret,
                                 struct pg_rows **ret_rows, struct why *why);

struct plans_claim {
    struct bytes plan_id;
    int32_t attempt; // from 1
    struct bytes provider;
    struct bytes model_name; // may be null
    struct bytes prompt_sha256;
    struct bytes language;
    struct bytes copied_from; // no call will be made: the answer of this plan is used; else null
    int64_t claimed_at_ms;
};

// One row for each, before its call; a plan stands in a batch once. ret_claimed[i] false: this
// attempt is another process's, or the plan has an answer; look again. `owner` is a token of this
// process alone.
MUST_CHECK enum err plans_claim(struct pg *pg, const char *owner, const struct plans_claim *claims,
                                size_t count, bool *ret_claimed, struct why *why);

#define PLANS_ACCEPTED   "accepted"
#define PLANS_SUPERSEDED "superseded" // given by plans_store alone

struct plans_result {
    struct bytes plan_id;
    int32_t attempt;
    int64_t finished_at_ms;
    struct bytes outcome;    // PLANS_ACCEPTED, or a code of what failed
    struct bytes model_name; // as the provider says; null: that of the claim
    struct bytes actions[PLAN_ACTIONS];
    int64_t input_tokens; // PLAN_NO_TOKENS: not known
    int64_t output_tokens;
    int64_t cost_microusd;
};

struct plans_stored {
    bool is_stored; // as it is: false where the claim was finished before, is not ours, or
                    // the result was stored as superseded
    struct plans_answer answer; // that stood there before; then this is the plan's
};

// Finishes claims of `owner`; a plan stands in a batch once.
MUST_CHECK enum err plans_store(struct pg *pg, const char *owner,
                                const struct plans_result *results, size_t count,
                                struct plans_stored *ret, struct pg_rows **ret_rows,
                                struct why *why);

// Both in one round trip and one transaction; either may be of none. ERR_RETRY: each of them may
// have happened or not.
struct plans_claims {
    const struct plans_claim *list;
    size_t count;
    bool *ret_claimed;
};
struct plans_results {
    const struct plans_result *list;
    size_t count;
    struct plans_stored *ret;
};
MUST_CHECK enum err plans_write(struct pg *pg, const char *owner, const struct plans_claims *claims,
                                const struct plans_results *results, struct pg_rows **ret_rows,
                                struct why *why);
