// SPDX-License-Identifier: MIT
#include "recorder_places.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

// A place that has applied something before starts one record early, at the last one applied: if
// that is still the same record, the log is the one we know. Only then does anything count.
//
// The checksum is taken once per partition and batch, of the last record only.

void recorder_places_done(struct recorder_places *places)
{
    free(places->items);
    free(places->steps);
    *places = (struct recorder_places){0};
}

void recorder_places_clear(struct recorder_places *places)
{
    places->count = 0;
    places->recent = NULL;
}

struct recorder_place *recorder_places_add(struct recorder_places *places,
                                           const struct recorder_topic *topic, const char *name,
                                           int32_t partition)
{
    if (places->count == places->capacity) {
        places->capacity = places->capacity == 0 ? 16 : places->capacity * 2;
        places->items = mem_grow(places->items, places->capacity, sizeof *places->items);
        places->steps = mem_grow(places->steps, places->capacity, sizeof *places->steps);
        places->recent = NULL;
    }
    struct recorder_place *place = &places->items[places->count++];
    *place = (struct recorder_place){
        .topic = topic,
        .log = {.topic = name,
                .partition = partition,
                .is_compacted = topic->is_compacted,
                .compaction_lag_ms = topic->compaction_lag_ms},
    };
    return place;
}

const char *const recorder_gaps[RECORDER_GAPS] = {
    [OFFSETS_GAP_EXPIRED] = "expired", [OFFSETS_GAP_COMPACTED] = "compacted"};

static enum err note_gap(struct recorder_place *place, struct pg *pg,
                         const struct recorder_start *start, const char **ret_gap, struct why *why)
{
    bool was_moved = false, is_new = false;
    enum err err = offsets_note_gap(pg, place->log.topic, place->log.partition, &place->row,
                                    start->gap, start->offset, &was_moved, &is_new, why);
    if (err != ERR_OK)
        return err;
    if (!was_moved)
        return why_say(why, ERR_RETRY, "%s/%d was taken by another process meanwhile",
                       place->log.topic, place->log.partition);
    if (is_new)
        *ret_gap = recorder_gaps[start->gap];
    if (start->gap == OFFSETS_GAP_EXPIRED)
        place->row.next = start->offset;
    return ERR_OK;
}

enum err recorder_place_start(struct recorder_place *place, struct pg *pg,
                              struct bus_consumer *consumer, int64_t *ret_offset,
                              const char **ret_gap, struct why *why)
{
    struct recorder_log *log = &place->log;
    enum err err = offsets_take(pg, log->topic, log->partition, &place->row, why);
    if (err == ERR_OK)
        err =
            bus_consumer_bounds(consumer, log->topic, log->partition, &log->first, &log->end, why);
    struct recorder_start start = {0};
    if (err == ERR_OK)
        err = recorder_decide_start(&place->row, log, clock_real_ms(), &start, why);
    *ret_gap = NULL;
    if (err == ERR_OK && start.has_gap)
        err = note_gap(place, pg, &start, ret_gap, why);
    if (err != ERR_OK)
        return err;
    place->is_checked = !start.is_checked;
    *ret_offset = start.offset;
    return ERR_OK;
}

struct recorder_place *recorder_places_find(struct recorder_places *places, const char *topic,
                                            int32_t partition)
{
    struct recorder_place *recent = places->recent;
    if (recent != NULL && recent->log.partition == partition &&
        strcmp(recent->log.topic, topic) == 0)
        return recent;
    for (size_t i = 0; i < places->count; i++) {
        struct recorder_place *place = &places->items[i];
        if (place->log.partition == partition && strcmp(place->log.topic, topic) == 0)
            return places->recent = place;
    }
    return NULL;
}

void recorder_places_begin(struct recorder_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        struct recorder_place *place = &places->items[i];
        place->is_moved = false;
        place->next = place->row.next;
        place->last_applied = OFFSETS_NONE;
        place->records = 0;
    }
}

// The record at last_applied did not come: fine only where it could have been deleted.
static enum err absent(struct recorder_place *place, struct bus_consumer *consumer, struct why *why)
{
    int64_t first = 0, end = 0;
    enum err err =
        bus_consumer_bounds(consumer, place->log.topic, place->log.partition, &first, &end, why);
    if (err == ERR_OK)
        err = recorder_decide_absent(&place->row, &place->log, first, why);
    if (err == ERR_OK)
        place->is_checked = true;
    return err;
}

enum err recorder_place_look(struct recorder_place *place, struct bus_consumer *consumer,
                             const struct bus_message *message, bool *ret_applies, struct why *why)
{
    *ret_applies = false;
    if (!place->is_checked && message->offset == place->row.last_applied) {
        if (recorder_checksum(message->timestamp_ms, message->key, message->value) !=
            place->row.last_checksum)
            return recorder_decide_other_record(&place->row, &place->log, why);
        place->is_checked = true;
        return ERR_OK;
    }
    if (!place->is_checked && message->offset > place->row.last_applied) {
        enum err err = absent(place, consumer, why);
        if (err != ERR_OK)
            return err;
    }
    *ret_applies = message->offset >= place->next && !place->is_held_up;
    return ERR_OK;
}

void recorder_place_pass(struct recorder_place *place, const struct bus_message *message)
{
    place->is_moved = true;
    place->next = message->offset + 1;
    place->last_applied = message->offset;
    place->last_timestamp_ms = message->timestamp_ms;
    place->last_key = message->key;
    place->last_value = message->value;
    place->records++;
}

enum err recorder_place_end(struct recorder_place *place, struct bus_consumer *consumer,
                            int64_t offset, struct why *why)
{
    if (!place->is_checked) {
        enum err err = absent(place, consumer, why);
        if (err != ERR_OK)
            return err;
    }
    if (!place->is_held_up && offset > place->next) {
        place->is_moved = true;
        place->next = offset;
    }
    return ERR_OK;
}

static int64_t checksum_of(const struct recorder_place *place)
{
    return place->last_applied == OFFSETS_NONE
               ? 0
               : recorder_checksum(place->last_timestamp_ms, place->last_key, place->last_value);
}

size_t recorder_places_steps(struct recorder_places *places, const struct offsets_step **ret)
{
    size_t count = 0;
    for (size_t i = 0; i < places->count; i++) {
        const struct recorder_place *place = &places->items[i];
        if (!place->is_moved)
            continue;
        places->steps[count++] = (struct offsets_step){
            .topic = place->log.topic,
            .partition = place->log.partition,
            .owner = place->row.owner,
            .expected = place->row.next,
            .next = place->next,
            .last_applied = place->last_applied,
            .last_checksum = checksum_of(place),
            .last_applied_at_ms = place->last_timestamp_ms,
        };
    }
    *ret = places->steps;
    return count;
}

void recorder_places_commit(struct recorder_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        struct recorder_place *place = &places->items[i];
        if (!place->is_moved)
            continue;
        place->row.next = place->next;
        if (place->last_applied == OFFSETS_NONE)
            continue;
        place->row.last_applied = place->last_applied;
        place->row.last_checksum = checksum_of(place);
        place->row.last_applied_at_ms = place->last_timestamp_ms;
    }
}
