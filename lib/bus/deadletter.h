// SPDX-License-Identifier: MIT
#pragma once

#include "base/err.h"
#include "bus/consumer.h"
#include "bus/producer.h"

// Sends a refused record to the dead letters as it came: key, value and original headers, and
// behind them dlq.topic, dlq.partition, dlq.offset, dlq.timestamp, dlq.code, dlq.reason and
// dlq.program. The reason is the code and sentence of `refusal`. Verdicts of bus_producer_send. A
// header that was there already under one of these names is left out.
MUST_CHECK enum err bus_deadletter_send(struct bus_producer *producer, const char *topic,
                                        const struct bus_message *message, const char *program,
                                        const struct why *refusal, struct why *why);
