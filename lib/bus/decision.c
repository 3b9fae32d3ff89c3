// SPDX-License-Identifier: MIT
#include "bus/decision.h"

bool bus_is_transport(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
        return true;
    default:
        return false;
    }
}

// What an error of a transactional call asks for, in the order that matters: a fenced producer may
// be flagged as merely abortable, and INVALID_TXN_STATE on a live process can be the trace of a
// torn transaction, which a new epoch mends.
enum bus_decision bus_decide(const rd_kafka_error_t *error)
{
    if (error == NULL)
        return BUS_DECISION_DONE;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
        code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
        code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        return BUS_DECISION_FENCED;
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return BUS_DECISION_FATAL;
    if (rd_kafka_error_is_fatal(error))
        return BUS_DECISION_REBUILD;
    if (rd_kafka_error_txn_requires_abort(error))
        return BUS_DECISION_ABORT;
    if (rd_kafka_error_is_retriable(error))
        return BUS_DECISION_AGAIN;
    return BUS_DECISION_REBUILD;
}
