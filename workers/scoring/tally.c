// SPDX-License-Identifier: MIT
#include "tally.h"

#include <stdio.h>
#include <string.h>

#include "metrics.h"

void tally_score(struct tally *tally, const struct score *score)
{
    tally->bands[score->band]++;
    tally->with_missing += score->missing_count > 0;
    tally->with_outside += score->outside_count > 0;
}

void tally_refusal(struct tally *tally, const char *code)
{
    size_t i = 0;
    while (i < tally->reason_count && strcmp(tally->reasons[i].code, code) != 0)
        i++;
    if (i == TALLY_REASONS_MAX)
        i = TALLY_REASONS_MAX - 1;
    if (i == tally->reason_count) {
        tally->reason_count++;
        snprintf(tally->reasons[i].code, sizeof tally->reasons[i].code, "%.39s", code);
    }
    tally->reasons[i].count++;
}

void tally_reply(struct tally *tally, enum tally_reply reply)
{
    tally->replies[reply]++;
}

static void add(struct metrics *metrics, enum metric_id id, const char *lane, const char *label,
                uint64_t by)
{
    metric_add(metrics_cell(metrics, id, lane, label), by); // also by 0: it is there then
}

void tally_commit(const struct tally *tally, struct metrics *metrics, const char *lane,
                  bool has_replies)
{
    add(metrics, METRIC_EVENTS, lane, NULL, tally->events);
    add(metrics, METRIC_DEPARTURES, lane, NULL, tally->departures);
    add(metrics, METRIC_FOREIGN, lane, NULL, tally->foreign);
    for (size_t i = 0; i < ARRAY_LEN(tally->bands); i++)
        add(metrics, METRIC_SCORES, lane, band_name((enum band)i), tally->bands[i]);
    add(metrics, METRIC_ODD_INPUTS, lane, "missing", tally->with_missing);
    add(metrics, METRIC_ODD_INPUTS, lane, "outside", tally->with_outside);
    static const char *const replies[TALLY_REPLIES] = {"prediction", "error", "no-address",
                                                       "bad-address"};
    for (size_t i = 0; has_replies && i < TALLY_REPLIES; i++)
        add(metrics, METRIC_REPLIES, lane, replies[i], tally->replies[i]);
    uint64_t refused = 0;
    for (size_t i = 0; i < tally->reason_count; i++) {
        add(metrics, METRIC_DEAD_LETTERS, lane, tally->reasons[i].code, tally->reasons[i].count);
        refused += tally->reasons[i].count;
    }
    add(metrics, METRIC_REFUSED, lane, NULL, refused);
}
