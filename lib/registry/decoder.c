// SPDX-License-Identifier: MIT
#include "registry/decoder.h"

#include <stdlib.h>

#include "avro/frame.h"
#include "base/mem.h"

// Known schemas are few (one per version of a writer), so a list in the order of use is a cache:
// the schema of the last message is nearly always the schema of this one. A schema that does not
// fit is kept with its refusal; an id that the registry does not know is remembered by the registry
// client.

enum { SCHEMAS_MAX = 1024 };

struct known {
    struct known *next;
    uint32_t id;
    struct avro_program *program; // NULL: refused
    struct why refusal;
};

struct decoder {
    struct registry *registry;
    const struct avro_field *fields;
    size_t field_count;
    struct known *first;
    size_t count;
};

struct decoder *decoder_new(struct registry *registry, const struct avro_field *fields,
                            size_t count)
{
    struct decoder *decoder = mem_zalloc(sizeof *decoder);
    decoder->registry = registry;
    decoder->fields = fields;
    decoder->field_count = count;
    return decoder;
}

static void known_free(struct known *known)
{
    avro_program_free(known->program);
    free(known);
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    for (struct known *known = decoder->first, *next = NULL; known != NULL; known = next) {
        next = known->next;
        known_free(known);
    }
    free(decoder);
}

// Moves the schema to the front; NULL where it is not known yet.
static struct known *find(struct decoder *decoder, uint32_t id)
{
    for (struct known **link = &decoder->first; *link != NULL; link = &(*link)->next) {
        struct known *known = *link;
        if (known->id != id)
            continue;
        *link = known->next;
        known->next = decoder->first;
        return decoder->first = known;
    }
    return NULL;
}

static void drop_last(struct decoder *decoder)
{
    struct known **link = &decoder->first;
    while ((*link)->next != NULL)
        link = &(*link)->next;
    known_free(*link);
    *link = NULL;
    decoder->count--;
}

static enum err learn(struct decoder *decoder, uint32_t id, struct known **ret, struct why *why)
{
    const char *schema = NULL;
    enum err err = registry_schema(decoder->registry, id, &schema, why);
    if (err != ERR_OK)
        return err;
    struct known *known = mem_zalloc(sizeof *known);
    known->id = id;
    err = avro_program_compile(bytes_from_string(schema), decoder->fields, decoder->field_count,
                               &known->program, &known->refusal);
    if (err != ERR_OK)
        IGNORE(why_prefix(&known->refusal, err, "schema %u", id)); // kept, and given below
    known->next = decoder->first;
    decoder->first = known;
    if (++decoder->count > SCHEMAS_MAX)
        drop_last(decoder);
    *ret = known;
    return ERR_OK;
}

enum err decoder_run(struct decoder *decoder, struct bytes message, struct value *values,
                     struct why *why)
{
    uint32_t id = 0;
    struct bytes body = {0};
    enum err err = avro_frame_read(message, &id, &body, why);
    if (err != ERR_OK)
        return err;
    struct known *known =
        decoder->first != NULL && decoder->first->id == id ? decoder->first : find(decoder, id);
    if (known == NULL) {
        err = learn(decoder, id, &known, why);
        if (err != ERR_OK)
            return err;
    }
    if (known->program == NULL) {
        if (why != NULL)
            *why = known->refusal;
        return ERR_REJECT;
    }
    return avro_program_run(known->program, body, values, why);
}
