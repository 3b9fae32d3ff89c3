// SPDX-License-Identifier: MIT
#include "avro/program.h"

#include <assert.h>
#include <string.h>

#include "avro/ops.h"
#include "avro/wire.h"
#include "base/compiler.h"

// The hot path: one pass over the instructions and the bytes, with the place in both in registers.
// Each instruction reads at least one byte or is followed, within the nesting of the schema, by one
// that does; a block that claims more items than the rest of the body can hold is refused before
// its first item. So the time is linear in the body. A fault leaves at once, and only then is a
// sentence made.

static const struct {
    const char *code;
    const char *sentence;
} faults[] = {
    [AVRO_FINE] = {"", ""},
    [AVRO_TRUNCATED] = {"truncated", "the bytes end inside the value"},
    [AVRO_BAD_VARINT] = {"bad-varint", "a number longer than 10 bytes or out of its type's range"},
    [AVRO_BAD_LENGTH] = {"bad-length", "a length that is negative or beyond the end"},
    [AVRO_BAD_BOOLEAN] = {"bad-boolean", "a boolean that is neither 0 nor 1"},
    [AVRO_BAD_UNION_INDEX] = {"bad-union-index", "an index of a union without such a branch"},
    [AVRO_BAD_ENUM_INDEX] = {"bad-enum-index", "an index of an enum without such a symbol"},
    [AVRO_TOO_MANY_ITEMS] = {"too-many-items", "a block of more items than its bytes can hold"},
    [AVRO_TRAILING_BYTES] = {"trailing-bytes", "bytes behind the record"},
    [AVRO_INVALID_UTF8] = {"invalid-utf8", "a text that is not UTF-8"},
    [AVRO_NULL_VALUE] = {"null-value", "null where a value is needed"},
    [AVRO_WRONG_BRANCH] = {"schema-mismatch", "a value of a type that this field cannot have"},
    [AVRO_MAP_TOO_LARGE] = {"map-too-large",
                            "a map of more than 64 items, or a text of more than 64 bytes in it"},
};

enum err avro_fault_say(struct why *why, enum avro_fault fault, const char *field, size_t byte)
{
    return why_code(why, ERR_REJECT, faults[fault].code, "field %.80s, byte %zu of the body: %s",
                    field, byte, faults[fault].sentence);
}

// Plain ASCII, the usual case, is seen eight bytes at a time.
static inline bool is_utf8(const uint8_t *data, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t eight = 0;
        memcpy(&eight, data + i, 8);
        if ((eight & 0x8080808080808080U) != 0)
            return utf8_is_valid(bytes_of(data + i, len - i));
    }
    for (; i < len; i++)
        if (data[i] >= 0x80)
            return utf8_is_valid(bytes_of(data + i, len - i));
    return true;
}

AVRO_INLINE enum avro_fault take_text(const uint8_t **at, const uint8_t *end, struct value *value)
{
    const uint8_t *p = *at;
    size_t len = 0;
    enum avro_fault fault = avro_read_length(&p, end, &len);
    if (UNLIKELY(fault != AVRO_FINE))
        return fault;
    if (UNLIKELY(!is_utf8(p, len)))
        return AVRO_INVALID_UTF8;
    value->kind = VALUE_TEXT;
    value->text = bytes_of(p, len);
    *at = p + len;
    return AVRO_FINE;
}

enum { MAP_ITEM_BYTES = 2 }; // the least: two lengths

// Looks at every item; what comes behind reads them again without a check.
static enum avro_fault take_map(const uint8_t **at, const uint8_t *end, struct value *value)
{
    const uint8_t *begin = *at, *block_end = NULL;
    uint64_t count = 0, left = AVRO_MAP_ITEMS_MAX;
    for (;;) {
        enum avro_fault fault = avro_read_block(at, end, MAP_ITEM_BYTES, &count, &block_end);
        if (fault != AVRO_FINE || count == 0) {
            value->kind = VALUE_MAP;
            value->text = bytes_of(begin, (size_t)(*at - begin));
            return fault;
        }
        if (count > left)
            return AVRO_MAP_TOO_LARGE;
        left -= count;
        for (uint64_t i = 0; i < 2 * count; i++) {
            struct value text = {.kind = VALUE_NULL};
            fault = take_text(at, end, &text);
            if (fault != AVRO_FINE)
                return fault;
            if (text.text.len > AVRO_MAP_TEXT_MAX)
                return AVRO_MAP_TOO_LARGE;
        }
        if (block_end != NULL && block_end != *at)
            return AVRO_BAD_LENGTH;
    }
}

AVRO_INLINE enum avro_fault take_enum(const uint8_t **at, const uint8_t *end,
                                      const struct avro_op *op, struct value *value)
{
    size_t index = 0;
    enum avro_fault fault = avro_read_index(at, end, op->count, AVRO_BAD_ENUM_INDEX, &index);
    if (LIKELY(fault == AVRO_FINE)) {
        value->kind = VALUE_TEXT;
        value->text = op->symbols[index];
    }
    return fault;
}

AVRO_INLINE enum avro_fault take_real(const uint8_t **at, const uint8_t *end,
                                      const struct avro_op *op, struct value *value)
{
    float narrow = 0;
    int64_t integer = 0;
    enum avro_fault fault = AVRO_FINE;
    value->kind = VALUE_REAL;
    if (op->code == AVRO_OP_DOUBLE)
        return avro_read_double(at, end, &value->real);
    if (op->code == AVRO_OP_FLOAT) {
        fault = avro_read_float(at, end, &narrow);
        value->real = (double)narrow;
        return fault;
    }
    fault = op->code == AVRO_OP_INT_AS_REAL ? avro_read_int(at, end, &integer)
                                            : avro_read_long(at, end, &integer);
    value->real = (double)integer;
    return fault;
}

AVRO_INLINE enum avro_fault take_integer(const uint8_t **at, const uint8_t *end, bool is_int,
                                         struct value *value)
{
    value->kind = VALUE_INTEGER;
    return is_int ? avro_read_int(at, end, &value->integer)
                  : avro_read_long(at, end, &value->integer);
}

// Moves behind a value that is not wanted, or refuses one that may not be taken.
static enum avro_fault skip(const uint8_t **at, const uint8_t *end, const struct avro_op *op)
{
    size_t size = op->count;
    int64_t integer = 0;
    bool boolean = false;
    uint64_t count = 1;
    const uint8_t *block_end = NULL;
    enum avro_fault fault = AVRO_FINE;
    switch (op->code) {
    case AVRO_OP_REFUSE_NULL:
        return AVRO_NULL_VALUE;
    case AVRO_OP_REFUSE_TYPE:
        return AVRO_WRONG_BRANCH;
    case AVRO_OP_SKIP_BOOLEAN:
        return avro_read_boolean(at, end, &boolean);
    case AVRO_OP_SKIP_INT:
        return avro_read_int(at, end, &integer);
    case AVRO_OP_SKIP_LONG:
        return avro_read_long(at, end, &integer);
    case AVRO_OP_SKIP_ENUM:
        return avro_read_index(at, end, op->count, AVRO_BAD_ENUM_INDEX, &size);
    case AVRO_OP_SKIP_EMPTY_BLOCKS:
        while (fault == AVRO_FINE && count > 0) {
            fault = avro_read_block(at, end, 0, &count, &block_end);
            if (fault == AVRO_FINE && block_end != NULL && block_end != *at)
                fault = AVRO_BAD_LENGTH;
        }
        return fault;
    case AVRO_OP_SKIP_LENGTH:
        fault = avro_read_length(at, end, &size);
        if (fault != AVRO_FINE)
            return fault;
        break;
    case AVRO_OP_SKIP_BYTES:
    default: // of the codes, which are no enum in their byte
        if (size > (size_t)(end - *at))
            return AVRO_TRUNCATED;
        break;
    }
    *at += size;
    return AVRO_FINE;
}

// The arrays and maps that are open, the innermost last.
struct loop {
    uint64_t left;
    const uint8_t *block_end; // NULL where not said
};

// Ends an item and opens the next block where it was the last of its own. True in *ret_is_inside
// where an item follows.
static enum avro_fault next_item(const uint8_t **at, const uint8_t *end, const struct avro_op *op,
                                 struct loop *loop, bool *ret_is_inside)
{
    *ret_is_inside = true;
    if (loop->left > 0 && --loop->left > 0)
        return AVRO_FINE;
    if (loop->block_end != NULL && loop->block_end != *at)
        return AVRO_BAD_LENGTH;
    enum avro_fault fault = avro_read_block(at, end, op->count, &loop->left, &loop->block_end);
    *ret_is_inside = loop->left > 0;
    return fault;
}

// What was read so far, for the sentence: the instruction and the place where it began.
struct stop {
    const struct avro_op *op;
    const uint8_t *at;
};

AVRO_INLINE enum avro_fault take(const uint8_t **at, const uint8_t *end, const struct avro_op *op,
                                 struct value *value)
{
    switch ((enum avro_op_code)op->code) {
    case AVRO_OP_NULL:
        value->kind = VALUE_NULL;
        return AVRO_FINE;
    case AVRO_OP_BOOLEAN:
        value->kind = VALUE_BOOLEAN;
        return avro_read_boolean(at, end, &value->boolean);
    case AVRO_OP_INT:
        return take_integer(at, end, true, value);
    case AVRO_OP_LONG:
        return take_integer(at, end, false, value);
    case AVRO_OP_TEXT:
        return take_text(at, end, value);
    case AVRO_OP_MAP:
        return take_map(at, end, value);
    case AVRO_OP_ENUM:
        return take_enum(at, end, op, value);
    default: // the four that make a real
        return take_real(at, end, op, value);
    }
}

static enum avro_fault run(const struct avro_program *program, const uint8_t *at,
                           const uint8_t *end, struct value *values, struct stop *ret_stop)
{
    struct loop loops[AVRO_DEPTH_MAX + 2];
    struct loop *loop = loops; // where the next one goes
    size_t index = 0;
    bool is_inside = false;
    const struct avro_op *op = program->ops;
    const uint8_t *begin = at;
    enum avro_fault fault = AVRO_FINE;
    for (;; op++) {
        begin = at;
        if (op->null_branch != AVRO_NOT_OPTIONAL) {
            fault = avro_read_index(&at, end, 2, AVRO_BAD_UNION_INDEX, &index);
            if (UNLIKELY(fault != AVRO_FINE))
                break;
            if (index == op->null_branch) {
                if (op->code <= AVRO_OP_ENUM)
                    values[op->slot].kind = VALUE_NULL;
                continue;
            }
        }
        if (op->code <= AVRO_OP_ENUM) {
            fault = take(&at, end, op, &values[op->slot]);
        } else if (op->code <= AVRO_OP_SKIP_EMPTY_BLOCKS) {
            fault = skip(&at, end, op);
        } else if (op->code == AVRO_OP_UNION) {
            fault = avro_read_index(&at, end, op->count, AVRO_BAD_UNION_INDEX, &index);
            if (fault == AVRO_FINE)
                op = program->ops + program->jumps[op->target + index] - 1;
        } else if (op->code == AVRO_OP_JUMP) {
            op = program->ops + op->target - 1;
        } else if (op->code == AVRO_OP_BLOCKS) {
            *loop = (struct loop){0, NULL};
            fault = next_item(&at, end, op, loop, &is_inside);
            if (fault == AVRO_FINE && is_inside)
                loop++;
            else if (fault == AVRO_FINE)
                op = program->ops + op->target - 1;
        } else if (op->code == AVRO_OP_NEXT) {
            assert(loop > loops); // the compiler put AVRO_OP_BLOCKS before
            fault = next_item(&at, end, op, loop - 1, &is_inside);
            if (fault == AVRO_FINE && is_inside)
                op = program->ops + op->target - 1;
            else if (fault == AVRO_FINE)
                loop--;
        } else { // AVRO_OP_END
            if (LIKELY(at == end))
                return AVRO_FINE;
            fault = AVRO_TRAILING_BYTES;
        }
        if (UNLIKELY(fault != AVRO_FINE))
            break;
    }
    *ret_stop = (struct stop){op, begin};
    return fault;
}

enum err avro_program_run(const struct avro_program *program, struct bytes body,
                          struct value *values, struct why *why)
{
    static const uint8_t nothing[1];
    const uint8_t *at = body.data == NULL ? nothing : body.data;
    struct stop stop;
    enum avro_fault fault = run(program, at, at + body.len, values, &stop);
    if (LIKELY(fault == AVRO_FINE))
        return ERR_OK;
    const struct avro_node *root = program->root;
    const char *name =
        stop.op->field < root->count ? root->children[stop.op->field].name : "(none)";
    return avro_fault_say(why, fault, name, (size_t)(stop.at - at));
}

size_t avro_map_items(const struct value *map, struct bytes items[AVRO_MAP_ITEMS_MAX][2])
{
    if (map->kind != VALUE_MAP)
        return 0;
    const uint8_t *at = map->text.data, *end = at + map->text.len, *block_end = NULL;
    uint64_t count = 0;
    size_t total = 0;
    while (avro_read_block(&at, end, MAP_ITEM_BYTES, &count, &block_end) == AVRO_FINE && count > 0)
        for (uint64_t i = 0; i < 2 * count; i++) {
            size_t len = 0;
            enum avro_fault fault = avro_read_length(&at, end, &len);
            assert(fault == AVRO_FINE && total < AVRO_MAP_ITEMS_MAX); // take_map has looked
            (void)fault;
            items[total][i % 2] = bytes_of(at, len);
            total += i % 2;
            at += len;
        }
    return total;
}
