// SPDX-License-Identifier: MIT
#include "proxy/answer.h"

#include <string.h>

#include "base/compiler.h"

enum { CORRELATION_BYTES = 4, THROTTLE_BYTES = 4, INDEX_BYTES = 4, CODE_BYTES = 2 };

// Of which version on lengths are varints and tagged fields follow (KIP-482), what stands before
// the code, and whether that is in a list of topics and partitions.
static const struct form {
    int key, flexible_from, newest;
    bool has_throttle, is_listed;
} forms[] = {
    {0, 9, 10, false, true}, // Produce
    {22, 2, 5, true, false}, // InitProducerId
    {24, 3, 3, true, true},  // AddPartitionsToTxn
    {25, 3, 4, true, false}, // AddOffsetsToTxn
    {26, 3, 4, true, false}, // EndTxn
    {28, 3, 4, true, true},  // TxnOffsetCommit
};

static uint32_t big_endian(const uint8_t *data, size_t bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | data[i];
    return value;
}

// A length at `at`, of one byte and one more than meant, or of so many bytes. Behind the end: 0.
static size_t take_length(const uint8_t *answer, size_t len, size_t *at, bool is_flexible,
                          size_t bytes)
{
    size_t width = is_flexible ? 1 : bytes, value = 0;
    if (*at + width <= len)
        value = big_endian(answer + *at, width) - (is_flexible ? 1U : 0U);
    *at += width;
    return value;
}

size_t answer_error_at(int key, int version, const uint8_t *answer, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const struct form *form = &forms[i];
        if (form->key != key || version > form->newest)
            continue;
        bool is_flexible = version >= form->flexible_from;
        size_t at = CORRELATION_BYTES + (is_flexible ? 1U : 0U) + // no tagged field
                    (form->has_throttle ? THROTTLE_BYTES : 0U);
        if (form->is_listed) {
            take_length(answer, len, &at, is_flexible, 4); // topics
            at += take_length(answer, len, &at, is_flexible, 2);
            take_length(answer, len, &at, is_flexible, 4); // partitions
            at += INDEX_BYTES;
        }
        return at + CODE_BYTES <= len ? at : 0;
    }
    return 0;
}

static bool change(struct answers *answers)
{
    const struct answer_change *to = &answers->change;
    uint8_t *body = answers->caught + 4;
    size_t at = answer_error_at(to->key, to->version, body, answers->caught_len - 4);
    if (at == 0)
        return false;
    body[at] = (uint8_t)((uint16_t)to->code >> 8);
    body[at + 1] = (uint8_t)to->code;
    return true;
}

static void begin(struct answers *answers)
{
    size_t len = big_endian(answers->head, 4);
    answers->body_left = len > CORRELATION_BYTES ? len - CORRELATION_BYTES : 0;
    answers->is_caught = answers->change.is_set && answers->body_left <= ANSWER_BYTES_MAX &&
                         big_endian(answers->head + 4, 4) == (uint32_t)answers->change.correlation;
    answers->caught_len = 0;
}

bool answers_take(struct answers *answers, const uint8_t *data, size_t len,
                  void (*pass)(void *context, const uint8_t *data, size_t len), void *context)
{
    bool is_changed = false;
    while (len > 0) {
        size_t count = len;
        const uint8_t *out = data;
        size_t out_len = 0;
        if (answers->body_left > 0) {
            if (count > answers->body_left)
                count = answers->body_left;
            answers->body_left -= count;
            out_len = count;
        } else {
            if (count > ANSWER_HEAD - answers->head_len)
                count = ANSWER_HEAD - answers->head_len;
            memcpy(answers->head + answers->head_len, data, count);
            answers->head_len += count;
            if (answers->head_len == ANSWER_HEAD) {
                begin(answers);
                answers->head_len = 0;
                out = answers->head;
                out_len = ANSWER_HEAD;
            }
        }
        if (answers->is_caught) {
            memcpy(answers->caught + answers->caught_len, out, out_len);
            answers->caught_len += out_len;
            if (answers->body_left == 0) {
                is_changed |= change(answers);
                answers->is_caught = answers->change.is_set = false;
                pass(context, answers->caught, answers->caught_len);
            }
        } else if (out_len > 0) {
            pass(context, out, out_len);
        }
        data += count;
        len -= count;
    }
    return is_changed;
}
