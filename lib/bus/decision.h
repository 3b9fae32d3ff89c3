// SPDX-License-Identifier: MIT
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

// What an error of a transactional call asks the producer to do. For this module's files and their
// tests only. Pure functions.

enum bus_decision {
    BUS_DECISION_DONE,    // no error
    BUS_DECISION_AGAIN,   // the same call once more
    BUS_DECISION_ABORT,   // this transaction is lost, the client is fine
    BUS_DECISION_REBUILD, // the client is of no more use, or nobody knows
    BUS_DECISION_FENCED,  // another producer has the transactional id
    BUS_DECISION_FATAL,   // not allowed, or wrong settings
};

// `error` is borrowed; NULL: BUS_DECISION_DONE.
enum bus_decision bus_decide(const rd_kafka_error_t *error);
// A time-out or a lost connection: a request may still be under way.
bool bus_is_transport(rd_kafka_resp_err_t code);
