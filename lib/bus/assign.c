// SPDX-License-Identifier: MIT
#include "bus/client.h"

// librdkafka ends the process where a partition is taken away a second time before the client has
// heard that it stopped the first time (its issue 5573; mended behind version 2.15). Its main
// thread works off one queue: what tells the partition to stop stands there when rd_kafka_assign
// returns, and what tells that it has stopped is put behind everything that came meanwhile. So a
// question that is answered comes behind the former, and a second one behind the latter.

enum { QUESTIONS = 2 };

rd_kafka_resp_err_t bus_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = rd_kafka_assign(rk, list);
    for (int i = 0; i < QUESTIONS; i++) {
        rd_kafka_topic_partition_list_t *unused = NULL;
        if (rd_kafka_assignment(rk, &unused) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_topic_partition_list_destroy(unused);
    }
    return code;
}
