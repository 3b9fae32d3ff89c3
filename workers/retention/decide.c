// SPDX-License-Identifier: MIT
#include "decide.h"

// A score over the threshold and its high-risk record are of one transaction, so the row of a score
// is there once the recorder has passed the end that `predictions` had when the record was read. A
// row that is missing then will never come.

static enum decision refuse(const char *code, const char **ret_refusal)
{
    *ret_refusal = code;
    return DECIDE_REFUSE;
}

// An episode is opened in the transaction that records its score.
static enum decision decide_episode(const struct decide_input *input, const char **ret_refusal,
                                    enum decide_missing *ret_missing)
{
    *ret_missing = MISSING_PREDICTION;
    if (!input->seen->is_recorded)
        return input->is_passed ? refuse("prediction-not-recorded", ret_refusal) : DECIDE_WAIT;
    switch (input->seen->episode) {
    case PLANS_EPISODE_NONE:
        return DECIDE_PASS;
    case PLANS_EPISODE_LEFT:
        return refuse("left", ret_refusal);
    case PLANS_EPISODE_OPEN:
    case PLANS_EPISODE_FELL:
        break;
    }
    return DECIDE_MAKE;
}

static enum decision decide_request(const struct decide_input *input, const char **ret_refusal,
                                    enum decide_missing *ret_missing)
{
    const struct plans_seen *seen = input->seen;
    *ret_missing = MISSING_PREDICTION;
    if (!seen->is_recorded)
        return input->waited_ms >= DECIDE_REQUEST_WAIT_MS
                   ? refuse("prediction-not-recorded", ret_refusal)
                   : DECIDE_WAIT;
    if (seen->band != BAND_HIGH)
        return refuse("not-needed", ret_refusal);
    if (seen->has_left)
        return refuse("left", ret_refusal);
    *ret_missing = MISSING_FACTS;
    if (!seen->has_facts)
        return input->is_passed ? refuse("facts-gone", ret_refusal) : DECIDE_WAIT;
    return DECIDE_MAKE;
}

enum decision decide(const struct decide_input *input, const char **ret_refusal,
                     enum decide_missing *ret_missing)
{
    // A plan is told by its employee: nobody gets one that was made of another's facts.
    if (input->seen->is_recorded && !bytes_equal(input->seen->employee_id, input->employee_id))
        return refuse("not-this-employee", ret_refusal);
    if (input->seen->answer.plan_id.data != NULL)
        return DECIDE_ANSWER;
    return input->is_request ? decide_request(input, ret_refusal, ret_missing)
                             : decide_episode(input, ret_refusal, ret_missing);
}
