// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "decide.h"

// How an import is going, for people: on a terminal one line that is written anew, elsewhere a log
// line every few seconds. Plain data, one thread.

struct show {
    bool is_terminal;
    int64_t size_bytes;
    struct progress at_start;
    int64_t started_ms;
    int64_t last_ms;
};

// Now and then while the schema registry or Kafka is away.
void show_registry_wait(const struct why *why);
void show_kafka_wait(void *unused, const struct why *why);
void show_start(struct show *show, int64_t size_bytes, const struct progress *at_start);
// May be called as often as one likes.
void show_update(struct show *show, const struct progress *now);
// Takes the terminal's line away, before something else is written.
void show_clear(const struct show *show);
// The last words, on standard output: what `now` holds of `file`, and since when it is true.
// `is_file_time`: nobody gave that time.
void show_summary(const struct show *show, const struct progress *now, const char *file,
                  const char *reject_file, bool is_file_time);
// The same of a file that was imported before.
void show_done(const struct progress *done, const char *file, const char *reject_file);
// Rows of this run with values that the features file does not know, and which these are. Standard
// output, since they are values of people.
void show_unknowns(int64_t rows, const char *list);
