// SPDX-License-Identifier: MIT
#include <string.h>

#include "base/mem.h"
#include "bus/client.h"

static struct bus_position *find(const struct bus_floor *floor, const char *topic,
                                 int32_t partition)
{
    for (size_t i = 0; i < floor->count; i++) {
        struct bus_position *position = &floor->positions[i];
        if (position->partition == partition && strcmp(position->topic, topic) == 0)
            return position;
    }
    return NULL;
}

void bus_floor_raise(struct bus_floor *floor, const char *topic, int32_t partition, int64_t offset)
{
    struct bus_position *position = find(floor, topic, partition);
    if (position == NULL) {
        floor->positions = mem_grow(floor->positions, floor->count + 1, sizeof *floor->positions);
        position = &floor->positions[floor->count++];
        *position = (struct bus_position){
            .topic = topic, .partition = partition, .offset = BUS_OFFSET_NONE};
    }
    if (offset > position->offset)
        position->offset = offset;
}

int64_t bus_floor_of(const struct bus_floor *floor, const char *topic, int32_t partition)
{
    const struct bus_position *position = find(floor, topic, partition);
    return position == NULL ? BUS_OFFSET_NONE : position->offset;
}
