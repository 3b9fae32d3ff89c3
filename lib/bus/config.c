// SPDX-License-Identifier: MIT
#include "bus/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/program.h"
#include "bus/client.h"
#include "bus/decision.h"

// The settings that every client of ours has, and where librdkafka's words go. An operator's
// property wins over ours: whoever sets KAFKA_FETCH_MAX_BYTES means it.

enum { PAUSE_MS = 20 };

extern char **environ;

static const char prefix[] = "KAFKA_";

static bool is_property(const char *entry)
{
    return strncmp(entry, prefix, strlen(prefix)) == 0 && strchr(entry, '=') != NULL &&
           strncmp(entry, "KAFKA_BOOTSTRAP_SERVERS=", 24) != 0;
}

char **bus_properties_from_environment(void)
{
    size_t count = 0;
    for (char **entry = environ; *entry != NULL; entry++)
        count += is_property(*entry);
    char **list = mem_array(2 * count + 1, sizeof *list);
    size_t at = 0;
    for (char **entry = environ; *entry != NULL && at < 2 * count; entry++) {
        if (!is_property(*entry))
            continue;
        const char *name = *entry + strlen(prefix);
        const char *equals = strchr(name, '=');
        list[at] = mem_dup_bytes(name, (size_t)(equals - name));
        for (char *c = list[at]; *c != '\0'; c++)
            *c = (char)(*c == '_' ? '.' : tolower((unsigned char)*c));
        list[at + 1] = mem_dup(equals + 1);
        at += 2;
    }
    return list;
}

char **bus_properties_copy(char *const *from)
{
    size_t count = 0;
    while (from != NULL && from[count] != NULL)
        count++;
    char **copy = mem_array(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = mem_dup(from[i]);
    return copy;
}

void bus_properties_free(char **properties)
{
    for (size_t i = 0; properties != NULL && properties[i] != NULL; i++)
        free(properties[i]);
    free(properties);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *message)
{
    const struct bus_opaque *opaque = rd_kafka_opaque(rk);
    if (opaque != NULL && opaque->log != NULL)
        opaque->log(level, facility, message);
}

// Errors of brokers and connections: librdkafka recovers by itself, so they are words, not
// verdicts.
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *unused)
{
    (void)unused;
    struct bus_opaque *opaque = rd_kafka_opaque(rk);
    if (opaque != NULL && code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        atomic_store(&opaque->all_down_ms, clock_mono_ms());
    if (opaque != NULL && opaque->log != NULL)
        opaque->log(code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? 4 : 6,
                    rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

static enum err set(rd_kafka_conf_t *conf, const char *name, const char *value, struct why *why)
{
    char text[256];
    switch (rd_kafka_conf_set(conf, name, value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        return ERR_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return why_say(why, ERR_REJECT, "librdkafka %s knows no property %s",
                       rd_kafka_version_str(), name);
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    return why_say(why, ERR_FATAL, "Kafka property %s: %s", name, text);
}

bool bus_conf_set_if_known(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    return set(conf, name, value, NULL) == ERR_OK;
}

// What exactly once rests on, aliases included: whoever changed one of these would get other
// promises than the README's without being told.
static bool is_guarded(const char *name)
{
    static const char *const guarded[] = {
        "isolation.level",
        "enable.auto.commit",
        "auto.commit.enable",
        "enable.auto.offset.store",
        "auto.offset.reset",
        "partition.assignment.strategy",
        "group.id",
        "group.instance.id",
        "enable.partition.eof",
        "transactional.id",
        "enable.idempotence",
        "acks",
        "request.required.acks",
        "enable.gapless.guarantee",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "partitioner",
        "group.protocol",
        "message.send.max.retries",
        "retries",
    };
    for (size_t i = 0; i < ARRAY_LEN(guarded); i++)
        if (strcmp(guarded[i], name) == 0)
            return true;
    return false;
}

static enum err set_properties(rd_kafka_conf_t *conf, const struct bus_config *config,
                               struct why *why)
{
    for (char *const *entry = config->properties; entry != NULL && *entry != NULL; entry += 2) {
        if (is_guarded(entry[0]))
            return why_say(why, ERR_FATAL,
                           "Kafka property %s is not an operator's to set: exactly-once delivery "
                           "rests on it; remove it from the environment",
                           entry[0]);
        enum err err = set(conf, entry[0], entry[1], why);
        if (err == ERR_REJECT && config->log != NULL)
            config->log(4, "PROPERTY", why == NULL ? entry[0] : why->text);
        else if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err bus_conf_new(const struct bus_config *config, const struct bus_pair *pairs, size_t count,
                      void *opaque, rd_kafka_conf_t **ret, struct why *why)
{
    static const struct bus_pair common[] = {
        {"socket.nagle.disable", "true"},    {"socket.timeout.ms", "7000"},
        {"reconnect.backoff.ms", "50"},      {"reconnect.backoff.max.ms", "500"},
        {"socket.keepalive.enable", "true"}, {"topic.metadata.refresh.interval.ms", "60000"},
        {"log.connection.close", "false"},
    };
    if (!bus_servers_are_valid(config->bootstrap_servers))
        return why_say(why, ERR_FATAL,
                       "KAFKA_BOOTSTRAP_SERVERS must be host:port, with commas between, and is "
                       "\"%.150s\"",
                       config->bootstrap_servers);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err err = set(conf, "bootstrap.servers", config->bootstrap_servers, why);
    if (err == ERR_OK)
        err = set(conf, "client.id", config->client_id, why);
    for (size_t i = 0; i < ARRAY_LEN(common) && err == ERR_OK; i++)
        err = set(conf, common[i].name, common[i].value, why);
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        err = set(conf, pairs[i].name, pairs[i].value, why);
    if (err == ERR_OK)
        err = set_properties(conf, config, why);
    if (err != ERR_OK) {
        rd_kafka_conf_destroy(conf);
        return ERR_FATAL;
    }
    rd_kafka_conf_set_opaque(conf, opaque);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    *ret = conf;
    return ERR_OK;
}

enum err bus_config_check(const struct bus_config *config, struct why *why)
{
    struct bus_config silent = *config; // what is left out is told when a client opens
    silent.log = NULL;
    rd_kafka_conf_t *conf = NULL;
    enum err err = bus_conf_new(&silent, NULL, 0, NULL, &conf, why);
    if (err == ERR_OK)
        rd_kafka_conf_destroy(conf);
    return err;
}

enum err bus_client_new(rd_kafka_type_t type, rd_kafka_conf_t **conf, rd_kafka_t **ret,
                        struct why *why)
{
    char text[256];
    rd_kafka_conf_t *taken = TAKE(*conf);
    rd_kafka_t *rk = rd_kafka_new(type, taken, text, sizeof text);
    if (rk == NULL) {
        rd_kafka_conf_destroy(taken);
        return why_say(why, ERR_FATAL, "cannot make a Kafka client: %s", text);
    }
    *ret = rk;
    return ERR_OK;
}

enum err bus_verdict(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERR_OK;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return ERR_FATAL;
    default:
        return ERR_RETRY;
    }
}

enum err bus_fail(rd_kafka_resp_err_t code, const char *what, struct why *why)
{
    return why_say(why, bus_verdict(code), "%s: %s (%s)", what, rd_kafka_err2str(code),
                   rd_kafka_err2name(code));
}

enum err bus_waits(const char *bootstrap_servers, enum err err, struct why *why)
{
    return why_prefix(why, err, "waiting for Kafka at %.150s", bootstrap_servers);
}

rd_kafka_topic_partition_list_t *bus_list_of(const struct bus_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *entry =
            rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition);
        entry->offset = positions[i].offset;
        size_t len = strlen(positions[i].metadata);
        if (len > 0) {
            // librdkafka frees the metadata with the list.
            entry->metadata = mem_dup_bytes(positions[i].metadata, len);
            entry->metadata_size = len;
        }
    }
    return list;
}

static int32_t fewest_replicas(const rd_kafka_metadata_topic_t *topic)
{
    int32_t fewest = topic->partition_cnt > 0 ? INT32_MAX : 0;
    for (int i = 0; i < topic->partition_cnt; i++)
        if (topic->partitions[i].replica_cnt < fewest)
            fewest = topic->partitions[i].replica_cnt;
    return fewest;
}

// In steps, because a stop cannot end the call.
static rd_kafka_resp_err_t ask_metadata(rd_kafka_t *rk, rd_kafka_topic_t *handle,
                                        const struct rd_kafka_metadata **ret, int wait_ms)
{
    int64_t end_ms = clock_mono_ms() + wait_ms;
    for (;;) {
        int64_t left_ms = end_ms - clock_mono_ms();
        int step_ms = left_ms < BUS_STEP_MS ? (int)left_ms : BUS_STEP_MS;
        rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, handle, ret, step_ms < 0 ? 0 : step_ms);
        bool is_over = clock_mono_ms() >= end_ms;
        if (!bus_is_transport(code) || is_over || program_wait_ms(PAUSE_MS))
            return code;
    }
}

enum err bus_count_partitions(rd_kafka_t *rk, const char *topic, int wait_ms, int32_t *ret,
                              struct why *why)
{
    int32_t replicas = 0;
    return bus_count_replicas(rk, topic, wait_ms, ret, &replicas, why);
}

enum err bus_count_replicas(rd_kafka_t *rk, const char *topic, int wait_ms, int32_t *ret_partitions,
                            int32_t *ret_replicas, struct why *why)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = ask_metadata(rk, handle, &metadata, wait_ms);
    int32_t count = 0, replicas = 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1) {
        code = metadata->topics[0].err;
        count = metadata->topics[0].partition_cnt;
        replicas = fewest_replicas(&metadata->topics[0]);
    }
    if (metadata != NULL)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    bool is_unknown =
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count == 0)
        code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !is_unknown)
        return bus_fail(code, topic, why);
    *ret_partitions = is_unknown ? 0 : count;
    *ret_replicas = is_unknown ? 0 : replicas;
    return ERR_OK;
}

enum err bus_no_topic(const char *topic, struct why *why)
{
    return why_code(why, ERR_FATAL, "no-topic",
                    "topic %s does not exist: run retentionctl topics apply", topic);
}

size_t bus_fetch(rd_kafka_queue_t *queue, rd_kafka_message_t **ret, size_t max, int64_t wait_ms)
{
    ssize_t first = rd_kafka_consume_batch_queue(queue, (int)wait_ms, ret, 1);
    if (first <= 0)
        return 0;
    ssize_t more = max < 2 ? 0 : rd_kafka_consume_batch_queue(queue, 0, ret + 1, max - 1);
    return (size_t)first + (more < 0 ? 0 : (size_t)more);
}
