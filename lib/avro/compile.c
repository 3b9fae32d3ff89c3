// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "avro/ops.h"
#include "avro/program.h"
#include "base/mem.h"

// One pass over the writer's record makes one flat array of instructions. The common union of null
// and one plain type costs no instruction of its own: it is a mark on the instruction of that type.
// Other unions jump, arrays and maps loop; both are only ever skipped or chosen between, since a
// wanted value is a plain one (a map of texts is taken by one instruction, as the bytes it is).
// Fields that the writer's schema lacks become null at the end, so that running is one way from the
// first instruction to the last.

struct compiler {
    struct avro_program *program;
    size_t op_room;
    size_t jump_room;
    uint16_t field;
    struct why *why;
};

static uint32_t emit(struct compiler *compiler, struct avro_op op)
{
    struct avro_program *program = compiler->program;
    if (program->op_count == compiler->op_room) {
        compiler->op_room = compiler->op_room == 0 ? 64 : compiler->op_room * 2;
        program->ops = mem_grow(program->ops, compiler->op_room, sizeof(struct avro_op));
    }
    op.field = compiler->field;
    program->ops[program->op_count] = op;
    return (uint32_t)program->op_count++;
}

static struct avro_op plain(enum avro_op_code code)
{
    return (struct avro_op){.code = (uint8_t)code, .null_branch = AVRO_NOT_OPTIONAL};
}

static uint32_t take_jumps(struct compiler *compiler, size_t count)
{
    struct avro_program *program = compiler->program;
    while (program->jump_count + count > compiler->jump_room) {
        compiler->jump_room = compiler->jump_room == 0 ? 16 : compiler->jump_room * 2;
        program->jumps = mem_grow(program->jumps, compiler->jump_room, sizeof(uint32_t));
    }
    uint32_t first = (uint32_t)program->jump_count;
    program->jump_count += count;
    return first;
}

// How one type is turned into instructions: skipped, or read into the slot of a wanted field.
struct target {
    const struct avro_field *wanted; // NULL: skip
    uint32_t slot;
};

static void emit_node(struct compiler *compiler, const struct avro_node *node,
                      struct target target);

// True with the instruction where the type is one instruction (skipping nothing is none).
static bool skip_op(const struct avro_node *node, struct avro_op *ret)
{
    struct avro_op op = plain(AVRO_OP_SKIP_LENGTH);
    switch (node->kind) {
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        break;
    case AVRO_KIND_BOOLEAN:
        op.code = AVRO_OP_SKIP_BOOLEAN;
        break;
    case AVRO_KIND_INT:
        op.code = AVRO_OP_SKIP_INT;
        break;
    case AVRO_KIND_LONG:
        op.code = AVRO_OP_SKIP_LONG;
        break;
    case AVRO_KIND_ENUM:
        op.code = AVRO_OP_SKIP_ENUM;
        op.count = (uint32_t)node->count;
        break;
    case AVRO_KIND_FLOAT:
    case AVRO_KIND_DOUBLE:
    case AVRO_KIND_FIXED:
        if (node->least_bytes == 0)
            return false;
        op.code = AVRO_OP_SKIP_BYTES;
        op.count = (uint32_t)node->least_bytes;
        break;
    case AVRO_KIND_NULL:
    case AVRO_KIND_ARRAY:
    case AVRO_KIND_MAP:
    case AVRO_KIND_UNION:
    case AVRO_KIND_RECORD:
        return false;
    }
    *ret = op;
    return true;
}

static bool is_text(const struct avro_node *node)
{
    return node->kind == AVRO_KIND_STRING || node->kind == AVRO_KIND_BYTES;
}

static struct avro_op take_op(const struct avro_node *node, struct target target)
{
    unsigned takes = target.wanted->takes;
    bool is_integer = (takes & AVRO_TAKES_INTEGER) != 0, is_real = (takes & AVRO_TAKES_REAL) != 0;
    enum avro_op_code code = AVRO_OP_REFUSE_TYPE;
    switch (node->kind) {
    case AVRO_KIND_NULL:
        code = (takes & AVRO_TAKES_NULL) != 0 ? AVRO_OP_NULL : AVRO_OP_REFUSE_NULL;
        break;
    case AVRO_KIND_BOOLEAN:
        code = (takes & AVRO_TAKES_BOOLEAN) != 0 ? AVRO_OP_BOOLEAN : code;
        break;
    case AVRO_KIND_INT:
        code = is_integer ? AVRO_OP_INT : is_real ? AVRO_OP_INT_AS_REAL : code;
        break;
    case AVRO_KIND_LONG:
        code = is_integer ? AVRO_OP_LONG : is_real ? AVRO_OP_LONG_AS_REAL : code;
        break;
    case AVRO_KIND_FLOAT:
        code = is_real ? AVRO_OP_FLOAT : code;
        break;
    case AVRO_KIND_DOUBLE:
        code = is_real ? AVRO_OP_DOUBLE : code;
        break;
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        code = (takes & AVRO_TAKES_TEXT) != 0 ? AVRO_OP_TEXT : code;
        break;
    case AVRO_KIND_ENUM:
        code = (takes & AVRO_TAKES_TEXT) != 0 ? AVRO_OP_ENUM : code;
        break;
    case AVRO_KIND_MAP:
        code = (takes & AVRO_TAKES_MAP) != 0 && is_text(&node->children[0]) ? AVRO_OP_MAP : code;
        break;
    case AVRO_KIND_FIXED:
    case AVRO_KIND_ARRAY:
    case AVRO_KIND_UNION:
    case AVRO_KIND_RECORD:
        break;
    }
    struct avro_op op = plain(code);
    op.slot = target.slot;
    if (code == AVRO_OP_ENUM) {
        op.count = (uint32_t)node->count;
        op.symbols = node->symbols;
    }
    return op;
}

static void emit_union(struct compiler *compiler, const struct avro_node *node,
                       struct target target)
{
    struct avro_op op = plain(AVRO_OP_UNION);
    op.count = (uint32_t)node->count;
    op.target = take_jumps(compiler, node->count);
    emit(compiler, op);
    uint32_t *ends = mem_array(node->count, sizeof(uint32_t));
    for (size_t i = 0; i < node->count; i++) {
        compiler->program->jumps[op.target + i] = (uint32_t)compiler->program->op_count;
        emit_node(compiler, &node->children[i], target);
        ends[i] = emit(compiler, plain(AVRO_OP_JUMP));
    }
    for (size_t i = 0; i < node->count; i++)
        compiler->program->ops[ends[i]].target = (uint32_t)compiler->program->op_count;
    free(ends);
}

static void emit_blocks(struct compiler *compiler, const struct avro_node *node)
{
    const struct avro_node *item = &node->children[0];
    bool is_map = node->kind == AVRO_KIND_MAP;
    size_t least_bytes = item->least_bytes + (is_map ? 1 : 0); // a key takes a byte at least
    if (least_bytes == 0) {
        emit(compiler, plain(AVRO_OP_SKIP_EMPTY_BLOCKS));
        return;
    }
    struct avro_op op = plain(AVRO_OP_BLOCKS);
    op.count = least_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)least_bytes;
    uint32_t head = emit(compiler, op);
    if (is_map)
        emit(compiler, plain(AVRO_OP_SKIP_LENGTH));
    emit_node(compiler, item, (struct target){0});
    struct avro_op next = plain(AVRO_OP_NEXT);
    next.target = head + 1;
    next.count = op.count;
    emit(compiler, next);
    compiler->program->ops[head].target = (uint32_t)compiler->program->op_count;
}

// The null branch's mark on the one instruction of the other branch; false where there is none.
static bool emit_optional(struct compiler *compiler, const struct avro_node *node,
                          struct target target)
{
    int null_branch = avro_tree_null_branch(node);
    if (null_branch < 0)
        return false;
    const struct avro_node *other = &node->children[1 - null_branch];
    struct avro_op op;
    if (target.wanted == NULL) {
        if (!skip_op(other, &op))
            return false;
    } else {
        op = take_op(other, target);
        if ((target.wanted->takes & AVRO_TAKES_NULL) == 0 || op.code == AVRO_OP_REFUSE_TYPE)
            return false;
    }
    op.null_branch = (uint8_t)null_branch;
    emit(compiler, op);
    return true;
}

// What each kind becomes. A wanted value of several parts is refused by one instruction, which
// never looks at them.
static void emit_node(struct compiler *compiler, const struct avro_node *node, struct target target)
{
    if (node->kind == AVRO_KIND_UNION) {
        if (!emit_optional(compiler, node, target))
            emit_union(compiler, node, target);
        return;
    }
    if (target.wanted != NULL) {
        emit(compiler, take_op(node, target));
        return;
    }
    if (node->kind == AVRO_KIND_ARRAY || node->kind == AVRO_KIND_MAP) {
        emit_blocks(compiler, node);
        return;
    }
    if (node->kind == AVRO_KIND_RECORD) {
        for (size_t i = 0; i < node->count; i++)
            emit_node(compiler, &node->children[i], target);
        return;
    }
    struct avro_op op;
    if (skip_op(node, &op))
        emit(compiler, op);
}

// True where at least one value of this type can be taken.
static bool can_take(const struct avro_node *node, const struct avro_field *wanted)
{
    if (node->kind != AVRO_KIND_UNION) {
        uint8_t code = take_op(node, (struct target){.wanted = wanted}).code;
        return code != AVRO_OP_REFUSE_TYPE && code != AVRO_OP_REFUSE_NULL;
    }
    bool has_other = false, takes_null = false, takes_other = false;
    for (size_t i = 0; i < node->count; i++) {
        bool takes = can_take(&node->children[i], wanted);
        if (node->children[i].kind == AVRO_KIND_NULL) {
            takes_null = takes_null || takes;
        } else {
            has_other = true;
            takes_other = takes_other || takes;
        }
    }
    return has_other ? takes_other : takes_null;
}

static enum err compile_field(struct compiler *compiler, const struct avro_node *node,
                              const struct avro_field *fields, size_t count, bool *is_written)
{
    struct target target = {0};
    for (size_t i = 0; i < count && target.wanted == NULL; i++)
        if (strcmp(fields[i].name, node->name) == 0)
            target = (struct target){&fields[i], (uint32_t)i};
    if (target.wanted != NULL) {
        if (is_written[target.slot])
            return why_code(compiler->why, ERR_REJECT, "bad-schema",
                            "the schema has two fields named %.80s", node->name);
        if (!can_take(node, target.wanted))
            return why_code(compiler->why, ERR_REJECT, "schema-mismatch",
                            "field %.80s of the writer's schema is of type %s, which cannot be "
                            "read as this field",
                            node->name, avro_kind_name(node->kind));
        is_written[target.slot] = true;
    }
    emit_node(compiler, node, target);
    return ERR_OK;
}

static enum err compile_record(struct compiler *compiler, const struct avro_field *fields,
                               size_t count)
{
    const struct avro_node *root = compiler->program->root;
    bool *is_written CLEANUP(mem_free_p) = mem_array(count, sizeof(bool));
    for (size_t i = 0; i < root->count; i++) {
        compiler->field = (uint16_t)i;
        enum err err = compile_field(compiler, &root->children[i], fields, count, is_written);
        if (err != ERR_OK)
            return err;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_written[i])
            continue;
        if (fields[i].is_required)
            return why_code(compiler->why, ERR_REJECT, "schema-mismatch",
                            "the writer's schema has no field %.80s", fields[i].name);
        struct avro_op op = plain(AVRO_OP_NULL);
        op.slot = (uint32_t)i;
        emit(compiler, op);
    }
    emit(compiler, plain(AVRO_OP_END));
    return ERR_OK;
}

enum err avro_program_compile(struct bytes schema, const struct avro_field *fields, size_t count,
                              struct avro_program **ret, struct why *why)
{
    struct avro_program *program CLEANUP(avro_program_free_p) = mem_zalloc(sizeof(*program));
    enum err err = avro_tree_parse(schema, &program->root, why);
    if (err != ERR_OK)
        return err;
    if (program->root->kind != AVRO_KIND_RECORD)
        return why_code(why, ERR_REJECT, "schema-mismatch",
                        "the writer's schema is of type %s, not a record",
                        avro_kind_name(program->root->kind));
    struct compiler compiler = {.program = program, .why = why};
    err = compile_record(&compiler, fields, count);
    if (err == ERR_OK)
        *ret = TAKE(program);
    return err;
}

void avro_program_free(struct avro_program *program)
{
    if (program == NULL)
        return;
    free(program->ops);
    free(program->jumps);
    avro_tree_free(program->root);
    free(program);
}
