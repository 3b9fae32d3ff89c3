// SPDX-License-Identifier: MIT
#include "store/episodes.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/sql.h"

// An episode that opens and closes in one batch is one row that is inserted closed; closes of older
// episodes go first, since an employee has at most one open episode (a unique index). Most batches
// move few episodes, so what moved is sent as arrays.

struct episodes_open {
    struct bytes employee_id;
    struct bytes opened_by;
    int64_t opened_at_ms;
    struct bytes closed_by;
    int64_t closed_at_ms; // PG_NULL_INT8: open
    enum risk_close reason;
};

struct episodes_close {
    int64_t id;
    struct bytes closed_by;
    int64_t closed_at_ms;
    enum risk_close reason;
};

enum { EVENT_TIME, SCORED_AT, OFFSET, DEPARTED, IS_STALE, EPISODE, OPENED_AT, CLOSED_AT };

void episodes_init(struct episodes *episodes)
{
    *episodes = (struct episodes){0};
}

void episodes_done(struct episodes *episodes)
{
    free(episodes->employees);
    free(episodes->ids);
    free(episodes->opens);
    free(episodes->closes);
}

static void group(struct episodes *episodes, const struct predictions_record *const *sorted,
                  size_t count)
{
    if (count > episodes->employee_capacity) {
        episodes->employees = mem_grow(episodes->employees, count, sizeof *episodes->employees);
        episodes->ids = mem_grow(episodes->ids, count, sizeof *episodes->ids);
        episodes->employee_capacity = count;
    }
    // A record moves at most one episode.
    if (count > episodes->move_capacity) {
        episodes->opens = mem_grow(episodes->opens, count, sizeof *episodes->opens);
        episodes->closes = mem_grow(episodes->closes, count, sizeof *episodes->closes);
        episodes->move_capacity = count;
    }
    episodes->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes id = sorted[i]->prediction.employee_id;
        if (i == 0 || !bytes_equal(id, episodes->ids[episodes->count - 1])) {
            episodes->ids[episodes->count] = id;
            episodes->employees[episodes->count++] =
                (struct episodes_employee){.first = i, .open_at = -1};
        }
        episodes->employees[episodes->count - 1].count++;
    }
}

static void read_state(const struct pg_rows *rows, size_t row, struct episodes_employee *employee)
{
    struct risk_state *state = &employee->state;
    state->is_known = !pg_is_null(rows, row, EVENT_TIME);
    state->latest =
        (struct risk_key){pg_get_time_ms(rows, row, EVENT_TIME),
                          pg_get_time_ms(rows, row, SCORED_AT), pg_get_int8(rows, row, OFFSET)};
    state->has_left = pg_get_bool(rows, row, DEPARTED);
    employee->was_noted = pg_get_bool(rows, row, IS_STALE);
    employee->is_noted = employee->was_noted;
    if (pg_is_null(rows, row, EPISODE))
        return;
    if (pg_is_null(rows, row, CLOSED_AT)) {
        state->is_open = true;
        state->opened_at_ms = pg_get_time_ms(rows, row, OPENED_AT);
        employee->open_id = pg_get_int8(rows, row, EPISODE);
    } else {
        state->was_closed = true;
        state->closed_at_ms = pg_get_time_ms(rows, row, CLOSED_AT);
    }
}

enum err episodes_read(struct episodes *episodes, struct pg *pg,
                       const struct predictions_record *const *sorted, size_t count,
                       struct why *why)
{
    group(episodes, sorted, count);
    episodes->open_count = episodes->close_count = 0;
    episodes->stale_records = episodes->opened = episodes->closed = 0;
    if (count == 0)
        return ERR_OK;
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err =
        pg_exec(pg, sql_risk_states, (struct pg_param[]){PG_TEXTS(episodes->ids, episodes->count)},
                1, &rows, why);
    if (err != ERR_OK)
        return err;
    assert(pg_count(rows) == episodes->count);
    for (size_t i = 0; i < episodes->count; i++)
        read_state(rows, i, &episodes->employees[i]);
    return ERR_OK;
}

static void open_episode(struct episodes *episodes, struct episodes_employee *employee,
                         const struct prediction *prediction)
{
    employee->open_at = (ptrdiff_t)episodes->open_count;
    employee->open_id = 0;
    episodes->opened++;
    episodes->opens[episodes->open_count++] =
        (struct episodes_open){.employee_id = prediction->employee_id,
                               .opened_by = prediction->prediction_id,
                               .opened_at_ms = prediction->scored_at_ms,
                               .closed_at_ms = PG_NULL_INT8};
}

static void close_episode(struct episodes *episodes, struct episodes_employee *employee,
                          const struct predictions_record *record, enum risk_close reason)
{
    struct bytes closed_by =
        record->is_departure ? bytes_of(NULL, 0) : record->prediction.prediction_id;
    episodes->closed++;
    if (employee->open_at >= 0) {
        struct episodes_open *open = &episodes->opens[employee->open_at];
        open->closed_by = closed_by;
        open->closed_at_ms = record->prediction.scored_at_ms;
        open->reason = reason;
        employee->open_at = -1;
        return;
    }
    episodes->closes[episodes->close_count++] = (struct episodes_close){
        employee->open_id, closed_by, record->prediction.scored_at_ms, reason};
    employee->open_id = 0;
}

const struct predictions_record *episodes_fold(struct episodes *episodes, size_t at,
                                               const struct risk_policy *policy,
                                               const struct predictions_record *const *sorted)
{
    struct episodes_employee *employee = &episodes->employees[at];
    const struct predictions_record *latest = NULL;
    for (size_t i = employee->first; i < employee->first + employee->count; i++) {
        const struct predictions_record *record = sorted[i];
        const struct prediction *p = &record->prediction;
        struct risk_event event = {
            .key = {p->event_time_ms, p->scored_at_ms, record->offset},
            .change = record->change,
            .is_departure = record->is_departure,
            .band = p->band,
            .probability = p->churn_probability,
            .threshold = p->threshold,
        };
        struct risk_step step = risk_apply(policy, &employee->state, &event);
        employee->state = step.next;
        if (step.is_latest) {
            latest = record;
            employee->is_noted = false;
        }
        if (step.is_stale) {
            episodes->stale_records++;
            employee->is_noted = true;
            employee->note_partition = record->partition;
            employee->note_offset = record->offset;
        }
        if (step.opens)
            open_episode(episodes, employee, p);
        if (step.closes != RISK_CLOSE_NONE)
            close_episode(episodes, employee, record, step.closes);
    }
    return latest;
}

static struct bytes reason_text(enum risk_close reason)
{
    return reason == RISK_CLOSE_NONE ? bytes_of(NULL, 0)
                                     : bytes_from_string(risk_close_name(reason));
}

static enum err write_closes(const struct episodes *episodes, struct pg *pg, struct why *why)
{
    size_t count = episodes->close_count;
    if (count == 0)
        return ERR_OK;
    int64_t *ids CLEANUP(mem_free_p) = mem_array(count, sizeof *ids);
    struct bytes *by CLEANUP(mem_free_p) = mem_array(count, sizeof *by);
    int64_t *at CLEANUP(mem_free_p) = mem_array(count, sizeof *at);
    struct bytes *reasons CLEANUP(mem_free_p) = mem_array(count, sizeof *reasons);
    for (size_t i = 0; i < count; i++) {
        const struct episodes_close *close = &episodes->closes[i];
        ids[i] = close->id;
        by[i] = close->closed_by;
        at[i] = close->closed_at_ms;
        reasons[i] = reason_text(close->reason);
    }
    return pg_exec(pg, sql_episode_close,
                   (struct pg_param[]){PG_INT8S(ids, count), PG_TEXTS(by, count),
                                       PG_TIMES(at, count), PG_TEXTS(reasons, count)},
                   4, NULL, why);
}

static enum err write_opens(const struct episodes *episodes, struct pg *pg, struct why *why)
{
    size_t count = episodes->open_count;
    if (count == 0)
        return ERR_OK;
    struct bytes *employees CLEANUP(mem_free_p) = mem_array(count, sizeof *employees);
    struct bytes *by CLEANUP(mem_free_p) = mem_array(count, sizeof *by);
    int64_t *at CLEANUP(mem_free_p) = mem_array(count, sizeof *at);
    struct bytes *closed_by CLEANUP(mem_free_p) = mem_array(count, sizeof *closed_by);
    int64_t *closed_at CLEANUP(mem_free_p) = mem_array(count, sizeof *closed_at);
    struct bytes *reasons CLEANUP(mem_free_p) = mem_array(count, sizeof *reasons);
    for (size_t i = 0; i < count; i++) {
        const struct episodes_open *open = &episodes->opens[i];
        employees[i] = open->employee_id;
        by[i] = open->opened_by;
        at[i] = open->opened_at_ms;
        closed_by[i] = open->closed_by;
        closed_at[i] = open->closed_at_ms;
        reasons[i] = reason_text(open->reason);
    }
    return pg_exec(pg, sql_episode_open,
                   (struct pg_param[]){PG_TEXTS(employees, count), PG_TEXTS(by, count),
                                       PG_TIMES(at, count), PG_TEXTS(closed_by, count),
                                       PG_TIMES(closed_at, count), PG_TEXTS(reasons, count)},
                   6, NULL, why);
}

// Notes that are new and those that are settled; one that stays keeps its row.
static enum err write_notes(const struct episodes *episodes, struct pg *pg, struct why *why)
{
    struct bytes *added CLEANUP(mem_free_p) = mem_array(episodes->count, sizeof *added);
    int32_t *partitions CLEANUP(mem_free_p) = mem_array(episodes->count, sizeof *partitions);
    int64_t *offsets CLEANUP(mem_free_p) = mem_array(episodes->count, sizeof *offsets);
    struct bytes *cleared CLEANUP(mem_free_p) = mem_array(episodes->count, sizeof *cleared);
    size_t add_count = 0, clear_count = 0;
    for (size_t i = 0; i < episodes->count; i++) {
        const struct episodes_employee *employee = &episodes->employees[i];
        if (employee->was_noted && !employee->is_noted)
            cleared[clear_count++] = episodes->ids[i];
        if (!employee->was_noted && employee->is_noted) {
            partitions[add_count] = employee->note_partition;
            offsets[add_count] = employee->note_offset;
            added[add_count++] = episodes->ids[i];
        }
    }
    enum err err = ERR_OK;
    if (clear_count > 0)
        err = pg_exec(pg, sql_stale_clear, (struct pg_param[]){PG_TEXTS(cleared, clear_count)}, 1,
                      NULL, why);
    if (err == ERR_OK && add_count > 0)
        err =
            pg_exec(pg, sql_stale_note,
                    (struct pg_param[]){PG_TEXTS(added, add_count), PG_INT4S(partitions, add_count),
                                        PG_INT8S(offsets, add_count)},
                    3, NULL, why);
    return err;
}

enum err episodes_write(struct episodes *episodes, struct pg *pg, struct why *why)
{
    enum err err = write_closes(episodes, pg, why);
    if (err == ERR_OK)
        err = write_opens(episodes, pg, why);
    return err != ERR_OK ? err : write_notes(episodes, pg, why);
}
