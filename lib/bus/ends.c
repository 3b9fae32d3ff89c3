// SPDX-License-Identifier: MIT
#include "bus/ends.h"

#include <stdlib.h>

#include "base/mem.h"
#include "bus/client.h"

// The level of isolation belongs to a client, so this needs one of its own: a consumer that joins
// nothing.

struct bus_ends {
    struct bus_opaque opaque; // first: the log callback looks for it here
    rd_kafka_t *rk;
};

enum err bus_ends_open(const struct bus_config *config, struct bus_ends **ret, struct why *why)
{
    static const struct bus_pair pairs[] = {{"group.id", "retentionai-ends"},
                                            {"isolation.level", "read_uncommitted"}};
    CLEANUP(bus_ends_close_p) struct bus_ends *ends = mem_zalloc(sizeof *ends);
    ends->opaque.log = config->log;
    rd_kafka_conf_t *conf = NULL;
    enum err err = bus_conf_new(config, pairs, ARRAY_LEN(pairs), ends, &conf, why);
    if (err == ERR_OK)
        err = bus_client_new(RD_KAFKA_CONSUMER, &conf, &ends->rk, why);
    if (err != ERR_OK)
        return err;
    *ret = TAKE(ends);
    return ERR_OK;
}

void bus_ends_close(struct bus_ends *ends)
{
    if (ends == NULL)
        return;
    if (ends->rk != NULL)
        rd_kafka_destroy(ends->rk);
    free(ends);
}

enum err bus_ends_ask(struct bus_ends *ends, const char *topic, int32_t partition, int64_t wait_ms,
                      int64_t *ret, struct why *why)
{
    int64_t first = 0, end = 0;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(ends->rk, topic, partition, &first, &end, (int)wait_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return bus_fail(code, topic, why);
    *ret = end;
    return ERR_OK;
}
