// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/crypto.h"
#include "domain/employee.h"

// Where an import begins, when a transaction ends, what the exit status is: decisions without I/O.
// Any thread.

// How far a source has been read: the record on hris-progress.
struct progress {
    char content_hash[CRYPTO_SHA256_HEX];
    int64_t bytes_done; // the next row begins here
    int64_t rows_done;  // events_done + rejected
    int64_t events_done;
    int64_t rejected;
    int64_t event_time_ms;
    bool is_finished;
};

// What is imported: the bytes of a file and what they are said to mean. The same file imported as
// changes and then as departures is two contents.
void decide_content(const char *file_hash, enum change change, char ret[CRYPTO_SHA256_HEX]);

// What was asked for.
struct wish {
    const char *content_hash; // of decide_content
    int64_t size_bytes;
    bool has_event_time; // given by the user; otherwise it is the file's own time
    int64_t event_time_ms;
    bool is_restart;
};

enum start {
    START_FRESH,  // from the first row
    START_RESUME, // behind what was committed, under the event time of the record
    START_DONE,   // all of it is there already
};

// `found`: the source's latest record, NULL where it has none. *ret_progress is where to go on (for
// START_DONE the record itself). ERR_REJECT: another content of this source is half-way through, or
// the same one under another event time; the sentence says how to go on.
MUST_CHECK enum err decide_start(const struct progress *found, const struct wish *wish,
                                 enum start *ret, struct progress *ret_progress, struct why *why);

// What became of a transaction whose outcome is not known: `found` (NULL: none) is the source's
// latest record now, `is_newer` when it was not yet there at the start of this run; `begun` is
// where the run began, `done` what it knows to be committed, `now` what the transaction would have
// made of it. *ret_committed tells. ERR_FATAL with code "fenced": the record is neither, so another
// import of this source, of whatever content, has moved it, and this run must not go on.
MUST_CHECK enum err decide_after_failure(const struct progress *found, bool is_newer,
                                         const struct progress *begun, const struct progress *done,
                                         const struct progress *now, bool *ret_committed,
                                         struct why *why);

// Ends the transaction now?
struct chunk_limits {
    int64_t rows;
    int64_t ms;
};
bool decide_commit(const struct chunk_limits *limits, int64_t rows, int64_t open_ms);

// Seconds until the end at the pace since the start of this run; -1: cannot be said yet.
int64_t decide_seconds_left(int64_t bytes_at_start, int64_t bytes_now, int64_t size_bytes,
                            int64_t elapsed_ms);
