// SPDX-License-Identifier: MIT
#include "store/offsets.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/sql.h"

// Tokens are made by the server (gen_random_uuid), so two processes can never draw the same one.

enum { GENERATION, NEXT, LAST_APPLIED, LAST_CHECKSUM, LAST_APPLIED_AT, OWNER };

// `first`: the column where they begin.
static void read_row(const struct pg_rows *rows, size_t row, int first, struct offsets_row *ret)
{
    *ret = (struct offsets_row){
        .generation = pg_get_int4(rows, row, first + GENERATION),
        .next = pg_get_int8(rows, row, first + NEXT),
        .last_applied = pg_is_null(rows, row, first + LAST_APPLIED)
                            ? OFFSETS_NONE
                            : pg_get_int8(rows, row, first + LAST_APPLIED),
        .last_checksum = pg_get_int8(rows, row, first + LAST_CHECKSUM),
        .last_applied_at_ms = pg_get_time_ms(rows, row, first + LAST_APPLIED_AT),
    };
    // A token of another length is not one of ours: cut, it equals none.
    struct bytes owner = pg_get_text(rows, row, first + OWNER);
    size_t len = owner.len < sizeof ret->owner - 1 ? owner.len : sizeof ret->owner - 1;
    memcpy(ret->owner, owner.data, len);
    ret->owner[len] = '\0';
}

static enum err query_row(struct pg *pg, const char *sql, const char *topic, int32_t partition,
                          bool *ret_found, struct offsets_row *ret, struct why *why)
{
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err =
        pg_exec(pg, sql, (struct pg_param[]){PG_STRING(topic), PG_INT4(partition)}, 2, &rows, why);
    if (err != ERR_OK)
        return err;
    *ret_found = pg_count(rows) > 0;
    if (*ret_found)
        read_row(rows, 0, 0, ret);
    return ERR_OK;
}

enum err offsets_read(struct pg *pg, const char *topic, int32_t partition, bool *ret_found,
                      struct offsets_row *ret, struct why *why)
{
    return query_row(pg, sql_offset_read, topic, partition, ret_found, ret, why);
}

enum err offsets_take(struct pg *pg, const char *topic, int32_t partition, struct offsets_row *ret,
                      struct why *why)
{
    bool is_found = false;
    enum err err = query_row(pg, sql_offset_take, topic, partition, &is_found, ret, why);
    if (err != ERR_OK || is_found)
        return err;
    struct why local = {0};
    err = query_row(pg, sql_offset_create, topic, partition, &is_found, ret, &local);
    if (err == ERR_REJECT) // another process has created it in between: take it from there
        return why_say(why, ERR_RETRY, "the row of %s/%d was just created by another process",
                       topic, partition);
    if (err != ERR_OK && why != NULL)
        *why = local;
    return err;
}

// The steps turned into one array per column.
struct columns {
    struct bytes *topics;
    struct bytes *owners;
    int32_t *partitions;
    int64_t *expected;
    int64_t *next;
    int64_t *last_applied;
    int64_t *last_checksums;
    int64_t *last_applied_at;
};

static void columns_done(struct columns *columns)
{
    free(columns->topics);
    free(columns->owners);
    free(columns->partitions);
    free(columns->expected);
    free(columns->next);
    free(columns->last_applied);
    free(columns->last_checksums);
    free(columns->last_applied_at);
}

static void columns_init(struct columns *columns, const struct offsets_step *steps, size_t count)
{
    columns->topics = mem_array(count, sizeof *columns->topics);
    columns->owners = mem_array(count, sizeof *columns->owners);
    columns->partitions = mem_array(count, sizeof *columns->partitions);
    columns->expected = mem_array(count, sizeof *columns->expected);
    columns->next = mem_array(count, sizeof *columns->next);
    columns->last_applied = mem_array(count, sizeof *columns->last_applied);
    columns->last_checksums = mem_array(count, sizeof *columns->last_checksums);
    columns->last_applied_at = mem_array(count, sizeof *columns->last_applied_at);
    for (size_t i = 0; i < count; i++) {
        const struct offsets_step *step = &steps[i];
        bool has_record = step->last_applied != OFFSETS_NONE;
        columns->topics[i] = bytes_from_string(step->topic);
        columns->owners[i] = bytes_from_string(step->owner);
        columns->partitions[i] = step->partition;
        columns->expected[i] = step->expected;
        columns->next[i] = step->next;
        columns->last_applied[i] = has_record ? step->last_applied : PG_NULL_INT8;
        columns->last_checksums[i] = has_record ? step->last_checksum : PG_NULL_INT8;
        columns->last_applied_at[i] = has_record ? step->last_applied_at_ms : PG_NULL_INT8;
    }
}

enum err offsets_advance(struct pg *pg, const struct offsets_step *steps, size_t count,
                         size_t *ret_moved, struct why *why)
{
    struct columns columns CLEANUP(columns_done);
    columns_init(&columns, steps, count);
    return pg_change(
        pg, sql_offset_advance,
        (struct pg_param[]){PG_TEXTS(columns.topics, count), PG_INT4S(columns.partitions, count),
                            PG_TEXTS(columns.owners, count), PG_INT8S(columns.expected, count),
                            PG_INT8S(columns.next, count), PG_INT8S(columns.last_applied, count),
                            PG_INT8S(columns.last_checksums, count),
                            PG_TIMES(columns.last_applied_at, count)},
        8, ret_moved, why);
}

static enum err write_gap(struct pg *pg, const char *topic, int32_t partition,
                          const struct offsets_row *row, enum offsets_gap gap, int64_t to,
                          size_t *ret_moved, size_t *ret_noted, struct why *why)
{
    bool is_expired = gap == OFFSETS_GAP_EXPIRED;
    struct offsets_step step = {topic,     partition,    row->owner, row->next,
                                row->next, OFFSETS_NONE, 0,          0};
    if (is_expired)
        step.next = to;
    enum err err = offsets_advance(pg, &step, 1, ret_moved, why);
    if (err != ERR_OK || *ret_moved != 1)
        return err;
    return pg_change(pg, sql_gap_note,
                     (struct pg_param[]){PG_STRING(topic), PG_INT4(partition),
                                         PG_INT4(row->generation), PG_INT8(row->next),
                                         is_expired ? PG_INT8(to) : PG_NULL,
                                         PG_STRING(is_expired ? "expired" : "compacted")},
                     6, ret_noted, why);
}

enum err offsets_note_gap(struct pg *pg, const char *topic, int32_t partition,
                          const struct offsets_row *row, enum offsets_gap gap, int64_t to,
                          bool *ret_moved, bool *ret_is_new, struct why *why)
{
    size_t moved = 0, noted = 0;
    enum err err = pg_begin(pg, why);
    if (err == ERR_OK)
        err = write_gap(pg, topic, partition, row, gap, to, &moved, &noted, why);
    if (err == ERR_OK && moved == 1)
        err = pg_commit(pg, why);
    if (err != ERR_OK || moved != 1)
        pg_rollback(pg);
    if (err != ERR_OK)
        return err;
    *ret_moved = moved == 1;
    *ret_is_new = noted == 1;
    return ERR_OK;
}

enum err offsets_list(struct pg *pg, const char *topic, struct offsets_place **ret,
                      size_t *ret_count, struct why *why)
{
    enum { TOPIC, PARTITION, ROW };
    struct pg_rows *rows CLEANUP(pg_rows_free_p) = NULL;
    enum err err = pg_exec(pg, sql_offset_list, NULL, 0, &rows, why);
    if (err != ERR_OK)
        return err;
    struct offsets_place *places = mem_array(pg_count(rows) + 1, sizeof *places);
    size_t count = 0;
    for (size_t i = 0; i < pg_count(rows); i++) {
        if (!bytes_equal_string(pg_get_text(rows, i, TOPIC), topic))
            continue;
        places[count].partition = pg_get_int4(rows, i, PARTITION);
        read_row(rows, i, ROW, &places[count++].row);
    }
    *ret = places;
    *ret_count = count;
    return ERR_OK;
}

enum err offsets_new_generation(struct pg *pg, const char *topic, size_t *ret_changed,
                                struct why *why)
{
    return pg_change(pg, sql_offset_new_generation, (struct pg_param[]){PG_STRING(topic)}, 1,
                     ret_changed, why);
}
