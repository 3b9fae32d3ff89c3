// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// Counters, gauges and histograms of a program: declared once in its metrics.def, shown in the
// Prometheus text format 0.0.4. A cell (one family with one set of label values) is looked up once
// and then moved by atomics from any thread; cells live as long as the metrics.
//
// A metrics.def holds lines
//   METRIC(id, kind, "retentionai_name_unit", "label1", "label2", "help sentence")
// with NULL for labels that are not there. Kinds: counter, gauge, histogram (of seconds).

enum metric_kind { METRIC_counter, METRIC_gauge, METRIC_histogram };

struct metric {
    const char *name;
    enum metric_kind kind;
    const char *labels[2];
    const char *help;
};

#define METRIC_ID(id, kind, name, label1, label2, help) METRIC_##id,
#define METRIC_ROW(id, kind, name, label1, label2, help)                                           \
    {name, METRIC_##kind, {label1, label2}, help},

struct metrics;
struct metric_cell;

// A counter without labels is on the page from the start, with 0: what counts its moves must see
// the first one, too. Of one with labels, look the cells up early whose first move matters.
struct metrics *metrics_new(const struct metric *table, size_t count);
void metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics, metrics_free)

// The cell of family `id` (its place in the table) with these label values (NULL where the family
// has no such label). Values are copied. More than 256 cells in a family share one whose labels are
// "other", so that hostile values cannot fill memory.
struct metric_cell *metrics_cell(struct metrics *metrics, size_t id, const char *value1,
                                 const char *value2);
void metric_add(struct metric_cell *cell, uint64_t by);                // counter
void metric_set(struct metric_cell *cell, double value);               // gauge
void metric_observe_ns(struct metric_cell *cell, int64_t duration_ns); // histogram
uint64_t metric_count(const struct metric_cell *cell);                 // of a counter

MUST_CHECK enum err metrics_write(struct metrics *metrics, struct text *out);
