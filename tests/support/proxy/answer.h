// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The answers of a Kafka broker on one connection, of which one can be changed: the error code in
// it becomes another. The broker has done what was asked all the same, as where an answer is lost.

enum { ANSWER_HEAD = 8, ANSWER_BYTES_MAX = 4096 };

struct answer_change {
    bool is_set;
    int key, version; // of the request
    int32_t correlation;
    int16_t code;
};

struct answers {
    struct answer_change change;
    uint8_t head[ANSWER_HEAD]; // of the answer that is coming: its length and correlation id
    size_t head_len, body_left;
    bool is_caught; // it is the one to change, and kept until it is whole
    size_t caught_len;
    uint8_t caught[ANSWER_HEAD + ANSWER_BYTES_MAX];
};

// The next bytes of the broker go through `pass`, in as many calls as it takes. True: an answer was
// changed.
bool answers_take(struct answers *answers, const uint8_t *data, size_t len,
                  void (*pass)(void *context, const uint8_t *data, size_t len), void *context);

// Where the error code stands in an answer without its length (protocol guide: Produce 0 to 10,
// InitProducerId 0 to 5, AddPartitionsToTxn 0 to 3, AddOffsetsToTxn and EndTxn 0 to 4,
// TxnOffsetCommit 0 to 4), of the first partition where there are several; 0: not known.
size_t answer_error_at(int key, int version, const uint8_t *answer, size_t len);
