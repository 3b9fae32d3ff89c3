// SPDX-License-Identifier: MIT
#include "bus/partition.h"

#include <string.h>

// MurmurHash2, 32 bits (Austin Appleby), with the seed and the sign of bytes that Kafka's Java
// client uses.

static uint32_t murmur2(struct bytes key)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cU ^ (uint32_t)key.len;
    size_t i = 0;
    for (; i + 4 <= key.len; i += 4) {
        uint32_t k = (uint32_t)key.data[i] | (uint32_t)key.data[i + 1] << 8 |
                     (uint32_t)key.data[i + 2] << 16 | (uint32_t)key.data[i + 3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    size_t left = key.len - i;
    if (left > 2)
        h ^= (uint32_t)key.data[i + 2] << 16;
    if (left > 1)
        h ^= (uint32_t)key.data[i + 1] << 8;
    if (left > 0)
        h = (h ^ key.data[i]) * m;
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

int32_t bus_partition(struct bytes key, int32_t partition_count)
{
    return (int32_t)((murmur2(key) & 0x7fffffffU) % (uint32_t)partition_count);
}
