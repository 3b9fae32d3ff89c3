// SPDX-License-Identifier: MIT
// Any bytes as a message: its frame, and what stands in it as a record of the topic that the schema
// id picks, to JSON. A frame that is read is written as it was.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "avro/frame.h"
#include "avro/json.h"
#include "avro/topics.h"
#include "base/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct avro_json **decoders;
static size_t topic_count;

static void prepare(void)
{
    const struct avro_topic *topics = NULL;
    topic_count = avro_topics(&topics);
    decoders = calloc(topic_count, sizeof(struct avro_json *));
    for (size_t i = 0; i < topic_count; i++)
        if (avro_json_new(bytes_from_string(topics[i].schema), &decoders[i], NULL) != ERR_OK)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (decoders == NULL)
        prepare();
    uint32_t id = 0;
    struct bytes body = {0};
    struct why why = {0};
    enum err err = avro_frame_read(bytes_of(data, size), &id, &body, &why);
    if ((err == ERR_OK) != (size >= AVRO_FRAME_BYTES && data[0] == 0))
        abort();
    if (err != ERR_OK)
        return strcmp(why.code, size < AVRO_FRAME_BYTES ? "short-frame" : "bad-magic") == 0
                   ? 0
                   : (abort(), 0);
    uint8_t written[AVRO_FRAME_BYTES];
    avro_frame_write(id, written);
    if (memcmp(written, data, sizeof written) != 0 || body.data != data + AVRO_FRAME_BYTES ||
        body.len != size - AVRO_FRAME_BYTES)
        abort();
    CLEANUP(text_done) struct text line = TEXT_INIT(1 << 20);
    IGNORE(avro_json_write(decoders[id % topic_count], body, &line, &why)); // any verdict is right
    return 0;
}
