// SPDX-License-Identifier: MIT
#include "bus/admin.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/client.h"

// Every call is one request, its answer taken from a queue of its own; a broker that does not know
// yet what another part of the cluster has decided (a topic just made, a commit just ended) is
// asked again until the time is over. The client underneath is a consumer that joins nothing: when
// a coordinator is still loading, librdkafka 2.0.2 looks for its own group's state while it handles
// the answer to ListConsumerGroupOffsets, and a producer, which has none, crashes there.

// Librdkafka asks a few times where a group's coordinator is and then waits in silence for the
// request's time-out; a new cluster, which makes __consumer_offsets first, is slower than that.
enum { PAUSE_MS = 50, GROUP_TRY_MS = 3000 };

struct bus_admin {
    struct bus_opaque opaque; // first: the log callback looks for it here
    rd_kafka_t *rk;
    int wait_ms;
};

enum err bus_admin_open(const struct bus_config *config, int64_t wait_ms, struct bus_admin **ret,
                        struct why *why)
{
    CLEANUP(bus_admin_close_p) struct bus_admin *admin = mem_zalloc(sizeof *admin);
    admin->opaque.log = config->log;
    admin->wait_ms = (int)wait_ms;
    rd_kafka_conf_t *conf = NULL;
    static const struct bus_pair pairs[] = {{"group.id", "retentionai-admin"}};
    enum err err = bus_conf_new(config, pairs, ARRAY_LEN(pairs), admin, &conf, why);
    if (err == ERR_OK)
        err = bus_client_new(RD_KAFKA_CONSUMER, &conf, &admin->rk, why);
    if (err != ERR_OK)
        return err;
    *ret = TAKE(admin);
    return ERR_OK;
}

void bus_admin_close(struct bus_admin *admin)
{
    if (admin == NULL)
        return;
    if (admin->rk != NULL)
        rd_kafka_destroy(admin->rk);
    free(admin);
}

enum err bus_admin_partitions(struct bus_admin *admin, const char *topic, int32_t *ret,
                              struct why *why)
{
    return bus_count_partitions(admin->rk, topic, admin->wait_ms, ret, why);
}

enum err bus_admin_replicas(struct bus_admin *admin, const char *topic, int32_t *ret,
                            struct why *why)
{
    int32_t partitions = 0;
    return bus_count_replicas(admin->rk, topic, admin->wait_ms, &partitions, ret, why);
}

// The options of one request and the queue of its answer.
struct request {
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
};

static struct request request_new(struct bus_admin *admin, rd_kafka_admin_op_t op, int timeout_ms)
{
    char text[256];
    struct request request = {rd_kafka_AdminOptions_new(admin->rk, op),
                              rd_kafka_queue_new(admin->rk)};
    // A time-out of the request as a whole; only an impossible value is refused.
    IGNORE(
        rd_kafka_AdminOptions_set_request_timeout(request.options, timeout_ms, text, sizeof text));
    return request;
}

static int group_try_ms(const struct bus_admin *admin)
{
    return admin->wait_ms < GROUP_TRY_MS ? admin->wait_ms : GROUP_TRY_MS;
}

static enum err request_answer(struct request *request, const char *what, rd_kafka_event_t **ret,
                               struct why *why)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(request->queue, -1);
    rd_kafka_AdminOptions_destroy(request->options);
    rd_kafka_queue_destroy(request->queue);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        enum err err =
            why_say(why, bus_verdict(code), "%s: %s", what, rd_kafka_event_error_string(event));
        rd_kafka_event_destroy(event);
        return err;
    }
    *ret = event;
    return ERR_OK;
}

static enum err create_topic(struct bus_admin *admin, const char *topic, int32_t partitions,
                             int32_t replicas, const char *const *settings, bool *ret_created,
                             struct why *why)
{
    char text[256];
    rd_kafka_NewTopic_t *new_topic =
        rd_kafka_NewTopic_new(topic, partitions, replicas, text, sizeof text);
    if (new_topic == NULL)
        return why_say(why, ERR_FATAL, "topic %s: %s", topic, text);
    for (const char *const *setting = settings; *setting != NULL; setting += 2)
        IGNORE(rd_kafka_NewTopic_set_config(new_topic, setting[0],
                                            setting[1])); // the broker checks them
    struct request request = request_new(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, admin->wait_ms);
    rd_kafka_CreateTopics(admin->rk, &new_topic, 1, request.options, request.queue);
    rd_kafka_NewTopic_destroy(new_topic);
    rd_kafka_event_t *event = NULL;
    enum err err = request_answer(&request, topic, &event, why);
    if (err != ERR_OK)
        return err;
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    *ret_created = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        const char *words = count == 1 ? rd_kafka_topic_result_error_string(results[0]) : NULL;
        err = why_say(why, bus_verdict(code) == ERR_RETRY ? ERR_RETRY : ERR_FATAL, "topic %s: %s",
                      topic, words == NULL ? rd_kafka_err2str(code) : words);
    }
    rd_kafka_event_destroy(event);
    return err;
}

static bool is_same(const rd_kafka_ConfigEntry_t **entries, size_t count,
                    const char *const *settings)
{
    for (const char *const *setting = settings; *setting != NULL; setting += 2) {
        const char *value = NULL;
        for (size_t i = 0; i < count; i++)
            if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), setting[0]) == 0)
                value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value == NULL || strcmp(value, setting[1]) != 0)
            return false;
    }
    return true;
}

// What was set on the topic itself, by others, goes into `alter` as it is.
static void keep_others(const rd_kafka_ConfigEntry_t **entries, size_t count,
                        const char *const *settings, rd_kafka_ConfigResource_t *alter)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        bool is_ours = false;
        for (const char *const *setting = settings; *setting != NULL; setting += 2)
            is_ours |= strcmp(name, setting[0]) == 0;
        if (!is_ours && value != NULL &&
            rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
            IGNORE(rd_kafka_ConfigResource_set_config(alter, name, value)); // it was valid before
    }
}

static enum err describe(struct bus_admin *admin, const char *topic, const char *const *settings,
                         rd_kafka_ConfigResource_t *alter, bool *ret_same, struct why *why)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    struct request request = request_new(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, admin->wait_ms);
    rd_kafka_DescribeConfigs(admin->rk, &resource, 1, request.options, request.queue);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = NULL;
    enum err err = request_answer(&request, topic, &event, why);
    if (err != ERR_OK)
        return err;
    size_t count = 0, entry_count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const rd_kafka_ConfigEntry_t **entries =
            rd_kafka_ConfigResource_configs(resources[0], &entry_count);
        *ret_same = is_same(entries, entry_count, settings);
        keep_others(entries, entry_count, settings, alter);
    } else {
        err = bus_fail(code, topic, why);
    }
    rd_kafka_event_destroy(event);
    return err;
}

enum err bus_admin_configure_topic(struct bus_admin *admin, const char *topic,
                                   const char *const *settings, bool *ret_changed, struct why *why)
{
    bool is_already = false;
    *ret_changed = false;
    // AlterConfigs replaces all settings of the topic, and what changes single ones (KIP-339) came
    // to librdkafka later: so those of others are read and said again.
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    enum err err = describe(admin, topic, settings, resource, &is_already, why);
    if (err != ERR_OK || is_already) {
        rd_kafka_ConfigResource_destroy(resource);
        return err;
    }
    for (const char *const *setting = settings; *setting != NULL; setting += 2)
        IGNORE(rd_kafka_ConfigResource_set_config(resource, setting[0],
                                                  setting[1])); // the broker checks them
    struct request request = request_new(admin, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, admin->wait_ms);
    rd_kafka_AlterConfigs(admin->rk, &resource, 1, request.options, request.queue);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_event_t *event = NULL;
    err = request_answer(&request, topic, &event, why);
    if (err != ERR_OK)
        return err;
    size_t count = 0;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    rd_kafka_resp_err_t code =
        count == 1 ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    rd_kafka_event_destroy(event);
    *ret_changed = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    return *ret_changed ? ERR_OK : bus_fail(code, topic, why);
}

// Copies offsets and metadata of a group's answer into the positions of the same partitions.
static enum err take_offsets(const rd_kafka_group_result_t **groups, size_t count,
                             struct bus_position *positions, size_t position_count, struct why *why)
{
    const rd_kafka_error_t *error = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    if (count != 1 || error != NULL) {
        rd_kafka_resp_err_t code =
            error == NULL ? RD_KAFKA_RESP_ERR__BAD_MSG : rd_kafka_error_code(error);
        bool has_members = code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP ||
                           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
        return why_code(why, has_members ? ERR_REJECT : bus_verdict(code),
                        has_members ? "group-in-use" : "", "offsets of a group: %s",
                        error == NULL ? "no answer" : rd_kafka_error_string(error));
    }
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    for (int i = 0; list != NULL && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *entry = &list->elems[i];
        if (entry->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return why_code(why,
                            entry->err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID
                                ? ERR_REJECT
                                : bus_verdict(entry->err),
                            "group-in-use", "%s/%d: %s", entry->topic, entry->partition,
                            rd_kafka_err2str(entry->err));
        for (size_t p = 0; p < position_count; p++) {
            if (positions[p].partition != entry->partition ||
                strcmp(positions[p].topic, entry->topic) != 0)
                continue;
            positions[p].offset = entry->offset < 0 ? BUS_OFFSET_NONE : entry->offset;
            memset(positions[p].metadata, 0, sizeof positions[p].metadata);
            if (entry->metadata != NULL && entry->metadata_size < sizeof positions[p].metadata)
                memcpy(positions[p].metadata, entry->metadata, entry->metadata_size);
        }
    }
    return ERR_OK;
}

static enum err group_offsets(struct bus_admin *admin, const char *group, const char *topic,
                              struct bus_position *positions, size_t count, struct why *why)
{
    for (size_t i = 0; i < count; i++)
        positions[i] = (struct bus_position){
            .topic = topic, .partition = (int32_t)i, .offset = BUS_OFFSET_NONE};
    rd_kafka_topic_partition_list_t *list = bus_list_of(positions, count);
    rd_kafka_ListConsumerGroupOffsets_t *list_offsets =
        rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    struct request request =
        request_new(admin, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, group_try_ms(admin));
    // A commit returns before its markers are written: without this the old offset would be given.
    rd_kafka_error_t *unsettable =
        rd_kafka_AdminOptions_set_require_stable_offsets(request.options, 1);
    if (unsettable != NULL)
        rd_kafka_error_destroy(unsettable);
    rd_kafka_ListConsumerGroupOffsets(admin->rk, &list_offsets, 1, request.options, request.queue);
    rd_kafka_ListConsumerGroupOffsets_destroy(list_offsets);
    rd_kafka_event_t *event = NULL;
    enum err err = request_answer(&request, group, &event, why);
    if (err != ERR_OK)
        return err;
    size_t groups = 0;
    const rd_kafka_group_result_t **results = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &groups);
    err = take_offsets(results, groups, positions, count, why);
    rd_kafka_event_destroy(event);
    return err;
}

static enum err set_group_offsets(struct bus_admin *admin, const char *group,
                                  const struct bus_position *positions, size_t count,
                                  struct why *why)
{
    rd_kafka_topic_partition_list_t *list = bus_list_of(positions, count);
    rd_kafka_AlterConsumerGroupOffsets_t *alter =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_topic_partition_list_destroy(list);
    struct request request =
        request_new(admin, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, group_try_ms(admin));
    rd_kafka_AlterConsumerGroupOffsets(admin->rk, &alter, 1, request.options, request.queue);
    rd_kafka_AlterConsumerGroupOffsets_destroy(alter);
    rd_kafka_event_t *event = NULL;
    enum err err = request_answer(&request, group, &event, why);
    if (err != ERR_OK)
        return err;
    size_t groups = 0;
    const rd_kafka_group_result_t **results = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &groups);
    err = take_offsets(results, groups, NULL, 0, why);
    rd_kafka_event_destroy(event);
    return err;
}

enum err bus_admin_bounds(struct bus_admin *admin, const char *topic, int32_t partition,
                          int64_t *ret_first, int64_t *ret_end, struct why *why)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(admin->rk, topic, partition,
                                                                ret_first, ret_end, admin->wait_ms);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_OK : bus_fail(code, topic, why);
}

// True while there is time for another try after ERR_RETRY.
static bool tries_again(enum err err, int64_t end_ms)
{
    return err == ERR_RETRY && clock_mono_ms() < end_ms && !program_wait_ms(PAUSE_MS);
}

static enum err wait_for_topic(struct bus_admin *admin, const char *topic, int32_t partitions,
                               struct why *why)
{
    int32_t seen = 0;
    enum err err = bus_admin_partitions(admin, topic, &seen, why);
    if (err == ERR_OK && seen < partitions)
        err = why_say(why, ERR_RETRY, "topic %s is not known everywhere yet", topic);
    return err;
}

enum err bus_admin_create_topic(struct bus_admin *admin, const char *topic, int32_t partitions,
                                int32_t replicas, const char *const *settings, bool *ret_created,
                                struct why *why)
{
    int64_t end_ms = clock_mono_ms() + admin->wait_ms;
    enum err err = create_topic(admin, topic, partitions, replicas, settings, ret_created, why);
    while (tries_again(err, end_ms))
        err = create_topic(admin, topic, partitions, replicas, settings, ret_created, why);
    if (err != ERR_OK || !*ret_created)
        return err;
    do {
        err = wait_for_topic(admin, topic, partitions, why);
    } while (tries_again(err, end_ms));
    return err;
}

enum err bus_admin_group_offsets(struct bus_admin *admin, const char *group, const char *topic,
                                 struct bus_position *positions, size_t count, struct why *why)
{
    int64_t end_ms = clock_mono_ms() + admin->wait_ms;
    enum err err = ERR_OK;
    do {
        err = group_offsets(admin, group, topic, positions, count, why);
    } while (tries_again(err, end_ms));
    return err;
}

enum err bus_admin_set_group_offsets(struct bus_admin *admin, const char *group,
                                     const struct bus_position *positions, size_t count,
                                     struct why *why)
{
    int64_t end_ms = clock_mono_ms() + admin->wait_ms;
    enum err err = ERR_OK;
    do {
        err = set_group_offsets(admin, group, positions, count, why);
    } while (tries_again(err, end_ms));
    return err;
}
