// SPDX-License-Identifier: MIT
#include "recorder_decide.h"

#include <inttypes.h>

// Offsets say nothing about which log they belong to: a topic that was deleted and made again, or a
// broker that lost its disk, would silently be read from the wrong place. Two signs give it away: a
// log that ends before our place, and another record where the last one was applied. The checksum
// is no defence against an attacker, who could write the tables' input anyway.

#define REMEDY                                                                                     \
    "the topic was made again or the broker lost records: compare them, then run retentionctl "    \
    "topics new-generation %s"

enum err recorder_decide_start(const struct offsets_row *row, const struct recorder_log *log,
                               int64_t now_ms, struct recorder_start *ret, struct why *why)
{
    if (log->end < row->next)
        return why_code(why, ERR_FATAL, "log-too-short",
                        "%s/%d ends at %" PRId64 " but was recorded up to %" PRId64 ": " REMEDY,
                        log->topic, log->partition, log->end, row->next, log->topic);
    *ret = (struct recorder_start){.offset = row->next};
    if (log->first > row->next) {
        *ret = (struct recorder_start){
            .offset = log->first, .has_gap = true, .gap = OFFSETS_GAP_EXPIRED};
        return ERR_OK;
    }
    if (row->last_applied == OFFSETS_NONE)
        return ERR_OK;
    if (row->last_applied >= log->first) {
        ret->offset = row->last_applied;
        ret->is_checked = true;
    }
    // What was written while we were away for longer than the lag may have been compacted; where
    // nothing was written, nothing was lost.
    ret->has_gap = log->is_compacted && log->end > row->next &&
                   now_ms - row->last_applied_at_ms > log->compaction_lag_ms;
    ret->gap = OFFSETS_GAP_COMPACTED;
    return ERR_OK;
}

enum err recorder_decide_absent(const struct offsets_row *row, const struct recorder_log *log,
                                int64_t first, struct why *why)
{
    if (log->is_compacted || first > row->last_applied)
        return ERR_OK;
    return why_code(why, ERR_FATAL, "record-gone",
                    "%s/%d has no record at %" PRId64 ", which was recorded: " REMEDY, log->topic,
                    log->partition, row->last_applied, log->topic);
}

enum err recorder_decide_other_record(const struct offsets_row *row, const struct recorder_log *log,
                                      struct why *why)
{
    return why_code(why, ERR_FATAL, "other-record",
                    "%s/%d has another record at %" PRId64 " than the one recorded: " REMEDY,
                    log->topic, log->partition, row->last_applied, log->topic);
}

static uint64_t hash(uint64_t state, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        state = (state ^ bytes[i]) * UINT64_C(1099511628211);
    return state;
}

static uint64_t hash_field(uint64_t state, struct bytes field)
{
    uint64_t len = field.data == NULL ? UINT64_MAX : field.len;
    return hash(hash(state, &len, sizeof len), field.data, field.len);
}

int64_t recorder_checksum(int64_t timestamp_ms, struct bytes key, struct bytes value)
{
    uint64_t state = hash(UINT64_C(14695981039346656037), &timestamp_ms, sizeof timestamp_ms);
    state = hash_field(hash_field(state, key), value);
    return (int64_t)(state & INT64_MAX);
}
