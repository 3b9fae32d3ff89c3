// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "store/pg.h"

// The table kafka_offset: where a reader of topics stands, moved in the transaction that stores the
// rows. Who holds a partition writes a fresh token into its row; every move compares (next, owner),
// so that a process which lost the partition, or sends twice what was committed once, moves nothing
// and knows it. One thread.

enum { OFFSETS_OWNER_MAX = 40, OFFSETS_NONE = -1 };

struct offsets_row {
    int32_t generation;
    int64_t next;          // first offset whose effect is not in the tables
    int64_t last_applied;  // OFFSETS_NONE: no record yet
    int64_t last_checksum; // never negative
    int64_t last_applied_at_ms;
    char owner[OFFSETS_OWNER_MAX];
};

// Makes this process the owner, creating the row (at offset 0) where there is none. Outside of a
// transaction.
MUST_CHECK enum err offsets_take(struct pg *pg, const char *topic, int32_t partition,
                                 struct offsets_row *ret, struct why *why);
// *ret_found is false where there is no row.
MUST_CHECK enum err offsets_read(struct pg *pg, const char *topic, int32_t partition,
                                 bool *ret_found, struct offsets_row *ret, struct why *why);

struct offsets_step {
    const char *topic;
    int32_t partition;
    const char *owner;
    int64_t expected;
    int64_t next;
    int64_t last_applied;  // OFFSETS_NONE: only control records were passed
    int64_t last_checksum; // never negative
    int64_t last_applied_at_ms;
};

// Moves all of them, in the caller's transaction: first thing in it, since the rows that it locks
// keep other writers of these partitions out. *ret_moved less than `count`: another process owns
// one, or an earlier attempt was committed after all; roll back and read.
MUST_CHECK enum err offsets_advance(struct pg *pg, const struct offsets_step *steps, size_t count,
                                    size_t *ret_moved, struct why *why);

enum offsets_gap { OFFSETS_GAP_EXPIRED, OFFSETS_GAP_COMPACTED };

// Notes that records from `from` on were gone before they could be read, and moves `next` to `to`
// (OFFSETS_GAP_EXPIRED) or leaves it (OFFSETS_GAP_COMPACTED: `to` is not known). One transaction of
// its own. *ret_moved false: the row is not ours (any more). *ret_is_new false: this gap stood
// there already.
MUST_CHECK enum err offsets_note_gap(struct pg *pg, const char *topic, int32_t partition,
                                     const struct offsets_row *row, enum offsets_gap gap,
                                     int64_t to, bool *ret_moved, bool *ret_is_new,
                                     struct why *why);

struct offsets_place {
    int32_t partition;
    struct offsets_row row;
};
// The rows of a topic, by partition; *ret is freed by the caller (mem_free_p).
MUST_CHECK enum err offsets_list(struct pg *pg, const char *topic, struct offsets_place **ret,
                                 size_t *ret_count, struct why *why);
// For a topic that was deleted and made again: every row it has is one generation further, at
// offset 0, with nothing applied and no owner. *ret_changed: how many rows.
MUST_CHECK enum err offsets_new_generation(struct pg *pg, const char *topic, size_t *ret_changed,
                                           struct why *why);
