// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/text.h"

// Which partition a key belongs to, everywhere: murmur2 as the Java client's default partitioner
// has it (org.apache.kafka.common.utils.Utils.murmur2, then the sign bit cleared). Pure, any
// thread.
int32_t bus_partition(struct bytes key, int32_t partition_count);
