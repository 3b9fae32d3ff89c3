// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/offsets.h"

// Where the recorder starts in a partition, and whether this is still the log that it knows. Pure
// functions, any thread.

// What the broker says about a partition, and what is known about its topic.
struct recorder_log {
    const char *topic;
    int32_t partition;
    int64_t first; // first offset that is kept
    int64_t end;   // behind the last committed record
    bool is_compacted;
    int64_t compaction_lag_ms; // how long a compacted topic keeps every value
};

struct recorder_start {
    int64_t offset;
    // The record at `offset` is the one that was applied last and must have its checksum; it is not
    // applied again.
    bool is_checked;
    bool has_gap; // records were lost before they could be read
    enum offsets_gap gap;
};

// ERR_FATAL with the remedy: the log ends before the place that was reached, so it is another one
// or has lost records.
MUST_CHECK enum err recorder_decide_start(const struct offsets_row *row,
                                          const struct recorder_log *log, int64_t now_ms,
                                          struct recorder_start *ret, struct why *why);

// ERR_FATAL with the remedy: the record at row->last_applied is gone although the log begins before
// it and is not compacted. `first` as it is now.
MUST_CHECK enum err recorder_decide_absent(const struct offsets_row *row,
                                           const struct recorder_log *log, int64_t first,
                                           struct why *why);

// The sentence of a checksum that differs; gives ERR_FATAL.
enum err recorder_decide_other_record(const struct offsets_row *row, const struct recorder_log *log,
                                      struct why *why);

// Of a record: its broker time, key and value (FNV-1a, 63 bits; null differs from empty).
int64_t recorder_checksum(int64_t timestamp_ms, struct bytes key, struct bytes value);
