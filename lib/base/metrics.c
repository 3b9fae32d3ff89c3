// SPDX-License-Identifier: MIT
#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

// Cells hang in one list per family under a lock that only look-up and page take; moving a cell is
// one relaxed atomic. Format: Prometheus text exposition 0.0.4.

enum { CELLS_MAX = 256, BUCKETS = 14 };

static const double bucket_seconds[BUCKETS] = {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                               0.05,   0.1,    0.25,  0.5,    1.0,   2.5,  10.0};

struct metric_cell {
    struct metric_cell *next;
    char *values[2];
    _Atomic uint64_t count;  // counter; observations of a histogram
    _Atomic uint64_t sum_ns; // of a histogram
    _Atomic double gauge;
    _Atomic uint64_t buckets[BUCKETS];
};

struct family {
    const struct metric *metric;
    struct metric_cell *cells;
    size_t count;
};

struct metrics {
    pthread_mutex_t lock;
    size_t count;
    struct family families[];
};

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->count; i++) {
        for (struct metric_cell *cell = metrics->families[i].cells, *next = NULL; cell != NULL;
             cell = next) {
            next = cell->next;
            free(cell->values[0]);
            free(cell->values[1]);
            free(cell);
        }
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct metric_cell *cell_in(struct family *family, const char *value1, const char *value2)
{
    struct metric_cell **link = &family->cells;
    for (; *link != NULL; link = &(*link)->next)
        if (is_same((*link)->values[0], value1) && is_same((*link)->values[1], value2))
            return *link;
    struct metric_cell *cell = mem_zalloc(sizeof *cell);
    cell->values[0] = value1 == NULL ? NULL : mem_dup(value1);
    cell->values[1] = value2 == NULL ? NULL : mem_dup(value2);
    family->count++;
    return *link = cell;
}

struct metric_cell *metrics_cell(struct metrics *metrics, size_t id, const char *value1,
                                 const char *value2)
{
    struct family *family = &metrics->families[id];
    value1 = family->metric->labels[0] == NULL ? NULL : value1;
    value2 = family->metric->labels[1] == NULL ? NULL : value2;
    pthread_mutex_lock(&metrics->lock);
    bool is_full = family->count >= CELLS_MAX;
    if (is_full)
        for (const struct metric_cell *cell = family->cells; cell != NULL && is_full;
             cell = cell->next)
            is_full = !(is_same(cell->values[0], value1) && is_same(cell->values[1], value2));
    if (is_full) {
        value1 = family->metric->labels[0] == NULL ? NULL : "other";
        value2 = family->metric->labels[1] == NULL ? NULL : "other";
    }
    struct metric_cell *cell = cell_in(family, value1, value2);
    pthread_mutex_unlock(&metrics->lock);
    return cell;
}

struct metrics *metrics_new(const struct metric *table, size_t count)
{
    struct metrics *metrics = mem_zalloc(sizeof *metrics + count * sizeof metrics->families[0]);
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->count = count;
    for (size_t i = 0; i < count; i++) {
        metrics->families[i].metric = &table[i];
        bool is_counter = table[i].kind == METRIC_counter;
        if (is_counter && table[i].labels[0] == NULL)
            IGNORE(metrics_cell(metrics, i, NULL, NULL)); // there from the start
    }
    return metrics;
}

void metric_add(struct metric_cell *cell, uint64_t by)
{
    atomic_fetch_add_explicit(&cell->count, by, memory_order_relaxed);
}

void metric_set(struct metric_cell *cell, double value)
{
    atomic_store_explicit(&cell->gauge, value, memory_order_relaxed);
}

void metric_observe_ns(struct metric_cell *cell, int64_t duration_ns)
{
    double seconds = (double)duration_ns / 1e9;
    for (size_t i = 0; i < BUCKETS; i++) {
        if (seconds <= bucket_seconds[i]) {
            atomic_fetch_add_explicit(&cell->buckets[i], 1, memory_order_relaxed);
            break;
        }
    }
    atomic_fetch_add_explicit(&cell->sum_ns, (uint64_t)duration_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&cell->count, 1, memory_order_relaxed);
}

uint64_t metric_count(const struct metric_cell *cell)
{
    return atomic_load_explicit(&cell->count, memory_order_relaxed);
}

static enum err write_label(struct text *out, const char *name, const char *value,
                            const char *before)
{
    enum err err = text_printf(out, "%s%s=\"", before, name);
    for (; err == ERR_OK && *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            err = text_printf(out, "\\%c", *value);
        else if (*value == '\n')
            err = text_append_string(out, "\\n");
        else
            err = text_append(out, value, 1);
    }
    return err == ERR_OK ? text_append_string(out, "\"") : err;
}

// name + suffix, labels (with `le` behind them where given), value.
static enum err write_sample(struct text *out, const struct metric *metric,
                             const struct metric_cell *cell, const char *suffix, const char *le,
                             double value)
{
    enum err err = text_printf(out, "%s%s", metric->name, suffix);
    const char *before = "{";
    for (size_t i = 0; err == ERR_OK && i < 2; i++) {
        if (metric->labels[i] == NULL)
            continue;
        err = write_label(out, metric->labels[i], cell->values[i] == NULL ? "" : cell->values[i],
                          before);
        before = ",";
    }
    if (err == ERR_OK && le != NULL) {
        err = write_label(out, "le", le, before);
        before = ",";
    }
    if (err != ERR_OK)
        return err;
    return text_printf(out, "%s %.17g\n", before[0] == ',' ? "}" : "", value);
}

static enum err write_histogram(struct text *out, const struct metric *metric,
                                const struct metric_cell *cell)
{
    uint64_t total = 0;
    enum err err = ERR_OK;
    for (size_t i = 0; i < BUCKETS && err == ERR_OK; i++) {
        char le[FORMAT_DOUBLE_MAX];
        format_double(bucket_seconds[i], le);
        total += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
        err = write_sample(out, metric, cell, "_bucket", le, (double)total);
    }
    uint64_t count = metric_count(cell);
    if (err == ERR_OK)
        err = write_sample(out, metric, cell, "_bucket", "+Inf",
                           (double)(count < total ? total : count));
    if (err == ERR_OK)
        err =
            write_sample(out, metric, cell, "_sum", NULL, (double)atomic_load(&cell->sum_ns) / 1e9);
    return err == ERR_OK ? write_sample(out, metric, cell, "_count", NULL, (double)count) : err;
}

static enum err write_family(struct text *out, const struct family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const struct metric *metric = family->metric;
    enum err err = text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                               metric->name, kinds[metric->kind]);
    for (const struct metric_cell *cell = family->cells; err == ERR_OK && cell != NULL;
         cell = cell->next) {
        if (metric->kind == METRIC_histogram)
            err = write_histogram(out, metric, cell);
        else if (metric->kind == METRIC_gauge)
            err = write_sample(out, metric, cell, "", NULL, atomic_load(&cell->gauge));
        else
            err = write_sample(out, metric, cell, "", NULL, (double)metric_count(cell));
    }
    return err;
}

enum err metrics_write(struct metrics *metrics, struct text *out)
{
    enum err err = ERR_OK;
    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < metrics->count && err == ERR_OK; i++)
        err = write_family(out, &metrics->families[i]);
    pthread_mutex_unlock(&metrics->lock);
    return err;
}
