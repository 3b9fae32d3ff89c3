// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "bus/consumer.h"
#include "bus/producer.h"

// Sends a refused record to the dead letters as it came: key, value and original headers, and
// behind them dlq.topic, dlq.partition, dlq.offset, dlq.timestamp, dlq.code, dlq.reason and
// dlq.program. The reason is the code and sentence of `refusal`. A header that was there already
// under one of these names is left out. A key over 16 KiB or a value over 1 MiB and 8 KiB is cut,
// with its length in dlq.key-bytes or dlq.value-bytes; headers over 16 KiB in all are left out. So
// a dead letter always fits. Verdicts of bus_producer_send, but for ERR_REJECT.
MUST_CHECK enum err bus_deadletter_send(struct bus_producer *producer, const char *topic,
                                        const struct bus_message *message, const char *program,
                                        const struct why *refusal, struct why *why);
// The same as a record to be sent later, when the message is gone: one block, which the caller frees
// (mem_free_p). `topic` is borrowed.
struct bus_record *bus_deadletter_keep(const char *topic, const struct bus_message *message,
                                       const char *program, const struct why *refusal);
