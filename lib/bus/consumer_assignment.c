// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bus/consumer_parts.h"

// Which partitions this member has, and where they begin. The assignment is eager: partitions come
// and go all together. Finding the start offsets may need a server that is down (the broker for
// committed offsets, PostgreSQL for the recorder's): then the assignment is answered empty at once,
// kept as pending, and tried again from the polls, so that the group is not held up.
//
// Committed offsets of a group with members only grow. A coordinator with only a part of
// its log may tell older ones, and a producer that is no member can set them back behind the
// group's back; starting from them would do everything since then twice. So the greatest that is
// known is kept, and an answer below it counts as none.

static void position_fill(struct bus_consumer *consumer, struct bus_position *ret,
                          const rd_kafka_topic_partition_t *entry)
{
    *ret = (struct bus_position){.topic = consumer_intern(consumer, NULL, entry->topic),
                                 .partition = entry->partition,
                                 .offset = entry->offset < 0 ? BUS_OFFSET_NONE : entry->offset};
    if (entry->metadata != NULL && entry->metadata_size < sizeof ret->metadata)
        memcpy(ret->metadata, entry->metadata, entry->metadata_size);
}

static struct bus_position *positions_of(struct bus_consumer *consumer,
                                         const rd_kafka_topic_partition_list_t *list)
{
    struct bus_position *positions = mem_array((size_t)list->cnt, sizeof *positions);
    for (int i = 0; i < list->cnt; i++)
        position_fill(consumer, &positions[i], &list->elems[i]);
    return positions;
}

bool consumer_is_fenced(const struct bus_consumer *consumer)
{
    return rd_kafka_fatal_error(consumer->rk, NULL, 0) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

enum err consumer_say_fenced(const struct bus_consumer *consumer, struct why *why)
{
    return why_code(why, ERR_FATAL, "fenced", "another process has this place in the group %s",
                    consumer->group);
}

void bus_consumer_committed(struct bus_consumer *consumer, const struct bus_position *positions,
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        bus_floor_raise(&consumer->floor, consumer_intern(consumer, NULL, positions[i].topic),
                        positions[i].partition, positions[i].offset);
}

static enum err check_floor(struct bus_consumer *consumer, const rd_kafka_topic_partition_t *entry,
                            struct why *why)
{
    const char *topic = consumer_intern(consumer, NULL, entry->topic);
    int64_t floor = bus_floor_of(&consumer->floor, topic, entry->partition);
    if (entry->offset < floor)
        return why_code(why, ERR_RETRY, "offset-went-back",
                        "the broker says that group %s is at offset %lld of %s/%d, but %lld was "
                        "committed: it has not read all of its offsets (another start of the "
                        "broker mends that), or somebody has set them back",
                        consumer->group, (long long)entry->offset, topic, entry->partition,
                        (long long)floor);
    bus_floor_raise(&consumer->floor, topic, entry->partition, entry->offset);
    return ERR_OK;
}

// The group's committed offsets (with metadata) into the list. A partition without one is fatal:
// where to start is an operator's decision, never ours.
static enum err look_up_committed(struct bus_consumer *consumer,
                                  rd_kafka_topic_partition_list_t *list, struct why *why)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->rk, list, BUS_STEP_MS);
    if (consumer_is_fenced(consumer))
        return consumer_say_fenced(consumer, why);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return bus_fail(code, "cannot read the committed offsets", why);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        if (entry->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return bus_fail(entry->err, "cannot read the committed offsets", why);
        if (entry->offset < 0)
            return why_code(
                why, ERR_FATAL, "no-offset",
                "group %s has no committed offset for %s/%d: run retentionctl topics apply for new "
                "topics, or retentionctl topics new-generation for a topic that was made again",
                consumer->group, entry->topic, entry->partition);
        enum err err = check_floor(consumer, entry, why);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err find_offsets(struct bus_consumer *consumer, rd_kafka_topic_partition_list_t *list,
                             struct why *why)
{
    if (consumer->options.assigned == NULL)
        return look_up_committed(consumer, list, why);
    struct bus_position *positions = positions_of(consumer, list);
    for (int i = 0; i < list->cnt; i++)
        positions[i].offset = BUS_OFFSET_NONE;
    enum err err =
        consumer->options.assigned(consumer->options.context, positions, (size_t)list->cnt, why);
    for (int i = 0; i < list->cnt && err == ERR_OK; i++)
        list->elems[i].offset =
            positions[i].offset == BUS_OFFSET_NONE ? RD_KAFKA_OFFSET_INVALID : positions[i].offset;
    free(positions);
    return err;
}

enum err consumer_unless_judged(struct bus_consumer *consumer, enum err err)
{
    if (err != ERR_FATAL || !consumer_is_fenced(consumer) || consumer->options.owns_place == NULL)
        return err;
    consumer_drain(consumer);
    return ERR_OK;
}

void consumer_forget(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL)
        rd_kafka_topic_partition_list_destroy(*list);
    *list = NULL;
}

static void assign(struct bus_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = bus_assign(consumer->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        consumer->failure = bus_fail(code, "cannot take partitions", &consumer->failure_why);
}

void consumer_start_pending(struct bus_consumer *consumer)
{
    struct why why = {0};
    enum err err = find_offsets(consumer, consumer->pending, &why);
    if (err == ERR_RETRY) {
        consumer->pending_at_ms = clock_mono_ms() + backoff_next_ms(&consumer->pending_backoff);
        bool says_itself = consumer->options.assigned != NULL; // and knows what is away
        if (!says_itself && consumer->opaque.log != NULL)
            consumer->opaque.log(4, "ASSIGN", why.text);
        return;
    }
    backoff_reset(&consumer->pending_backoff);
    consumer_forget(&consumer->held);
    consumer->held = TAKE(consumer->pending);
    if (err == ERR_OK) {
        assign(consumer, consumer->held);
        return;
    }
    consumer->failure = err;
    consumer->failure_why = why;
}

static void tell_revoked(struct bus_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    if (consumer->options.revoked == NULL || list == NULL || list->cnt == 0)
        return;
    struct bus_position *positions = positions_of(consumer, list);
    consumer->options.revoked(consumer->options.context, positions, (size_t)list->cnt);
    free(positions);
}

void consumer_forget_reaches(struct bus_consumer *consumer)
{
    consumer->reach_count = 0;
}

size_t consumer_covered_ends(struct bus_consumer *consumer, struct bus_position *ret, size_t max)
{
    enum { ENDS_MS = 5000 };
    const int64_t until_ms = clock_mono_ms() - ENDS_MS;
    size_t count = 0;
    for (size_t i = 0; i < consumer->reach_count && count < max; i++) {
        const struct consumer_reach *reach = &consumer->reaches[i];
        const int64_t committed = bus_floor_of(&consumer->floor, reach->topic, reach->partition);
        if (reach->end <= committed || committed < reach->next || committed < 0 ||
            reach->end_ms > until_ms)
            continue;
        rd_kafka_topic_partition_t *held =
            consumer->held == NULL ? NULL
                                   : rd_kafka_topic_partition_list_find(
                                         consumer->held, reach->topic, reach->partition);
        if (held == NULL)
            continue;
        position_fill(consumer, &ret[count], held);
        ret[count++].offset = reach->end;
    }
    return count;
}

void consumer_revoke(struct bus_consumer *consumer)
{
    consumer_forget_reaches(consumer);
    consumer->was_rebalanced = true;
    tell_revoked(consumer, consumer->held);
    tell_revoked(consumer, consumer->pending); // taken back before it could start
    consumer_forget(&consumer->held);
    consumer_forget(&consumer->pending);
}

void consumer_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct bus_consumer *consumer = opaque;
    consumer_revoke(consumer);
    if (consumer->is_closing) {
        IGNORE(rd_kafka_assign(rk, NULL)); // the last one: nobody will answer a question behind it
        return;
    }
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        IGNORE(bus_assign(rk, NULL)); // nothing of it can fail but a closed client
        return;
    }
    // Only a list, be it empty, answers the group; NULL would leave the client waiting for the
    // answer and deaf to the next rebalance. Real partitions follow in start_pending.
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    IGNORE(bus_assign(rk, none));
    rd_kafka_topic_partition_list_destroy(none);
    if (list->cnt == 0)
        return;
    consumer->pending = rd_kafka_topic_partition_list_copy(list);
    consumer_start_pending(consumer);
}

size_t bus_consumer_assignment(struct bus_consumer *consumer, struct bus_position **ret)
{
    if (consumer->held == NULL) {
        *ret = NULL;
        return 0;
    }
    *ret = positions_of(consumer, consumer->held);
    return (size_t)consumer->held->cnt;
}

enum err bus_consumer_rewind(struct bus_consumer *consumer, struct why *why)
{
    if (consumer->held == NULL || consumer->held->cnt == 0)
        return ERR_OK;
    consumer_release_taken(consumer);
    // A new assignment drops everything that was fetched ahead, whatever state a fetcher is in.
    enum err err = look_up_committed(consumer, consumer->held, why);
    if (err != ERR_OK)
        return consumer_unless_judged(consumer, err);
    consumer_forget_reaches(consumer);
    rd_kafka_resp_err_t code = bus_assign(consumer->rk, consumer->held);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return consumer_unless_judged(consumer, bus_fail(code, "cannot rewind", why));
    return ERR_OK;
}

enum err bus_consumer_restart(struct bus_consumer *consumer, struct why *why)
{
    consumer_release_taken(consumer);
    if (consumer->held == NULL || consumer->held->cnt == 0)
        return ERR_OK;
    consumer_forget_reaches(consumer);
    // Finding the offsets may take long, and nothing may be fetched from the old ones meanwhile.
    rd_kafka_resp_err_t code = bus_assign(consumer->rk, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return consumer_unless_judged(consumer,
                                      bus_fail(code, "cannot start partitions again", why));
    consumer->pending = TAKE(consumer->held);
    consumer_start_pending(consumer);
    return consumer_unless_judged(consumer, consumer_take_failure(consumer, why));
}
