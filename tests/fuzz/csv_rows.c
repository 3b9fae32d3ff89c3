// SPDX-License-Identifier: MIT
// Any bytes as a CSV file. Read whole and read in pieces of a size that the first byte says: the
// rows must be the same.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 1099511628211U;
    return hash;
}

static uint64_t read_all(const uint8_t *data, size_t size, size_t piece)
{
    const struct csv_options options = {
        .row_bytes_max = 4096, .field_bytes_max = 1024, .columns_max = 40};
    CLEANUP(csv_free_p) struct csv *csv = csv_new(&options);
    uint64_t hash = 14695981039346656037U;
    struct csv_row row;
    for (enum csv_step step = csv_next(csv, &row); step != CSV_END; step = csv_next(csv, &row)) {
        if (step == CSV_ROW) {
            for (size_t i = 0; i < row.count; i++)
                hash = mix(mix(hash, &row.fields[i].len, sizeof row.fields[i].len),
                           row.fields[i].data, row.fields[i].len);
            hash = mix(hash, &row.fault, sizeof row.fault);
            hash = mix(hash, &row.offset, sizeof row.offset);
            continue;
        }
        size_t room = 0;
        uint8_t *place = csv_room(csv, &room);
        size_t len = size < piece ? size : piece;
        len = len < room ? len : room;
        if (len > 0)
            memcpy(place, data, len);
        csv_filled(csv, len);
        data += len;
        size -= len;
    }
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t piece = 1U + data[0] % 64U;
    if (read_all(data + 1, size - 1, size) != read_all(data + 1, size - 1, piece))
        abort();
    return 0;
}
