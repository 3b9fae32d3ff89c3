// SPDX-License-Identifier: MIT
// Offsets count from the beginning again when a topic is made anew, so an id holds the topic's
// generation, which travels in the metadata of committed offsets.

#include "domain/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

size_t source_id(const char *topic, int generation, int32_t partition, int64_t offset,
                 char out[SOURCE_ID_MAX])
{
    char suffix[16] = "";
    if (generation > 1)
        snprintf(suffix, sizeof suffix, "@%d", generation);
    int len =
        snprintf(out, SOURCE_ID_MAX, "%s%s/%" PRId32 "/%" PRId64, topic, suffix, partition, offset);
    return len < SOURCE_ID_MAX ? (size_t)len : SOURCE_ID_MAX - 1;
}

int source_generation(const char *metadata)
{
    int64_t generation = 0;
    if (strncmp(metadata, "gen=", 4) != 0 ||
        parse_i64(bytes_from_string(metadata + 4), 1, 1000000, &generation, NULL) != ERR_OK)
        return 1;
    return (int)generation;
}
