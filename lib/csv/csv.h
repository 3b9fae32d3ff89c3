// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

// CSV from hostile bytes (RFC 4180, and what HR systems really write): UTF-8 with or without a byte
// order mark, LF or CRLF (or CR alone, where the header ends so), quoted fields with doubled
// quotes, line breaks and delimiters inside, the delimiter found in the header. It does no I/O:
// bytes are pushed in pieces of any size, rows are pulled out, and where the pieces were cut makes
// no difference. One thread per reader.
//
//   while ((step = csv_next(csv, &row)) != CSV_END) {
//       if (step == CSV_ROW) { ... use row ... ; continue; }
//       room = csv_room(csv, &len); len = read(fd, room, len); csv_filled(csv, len);
//   }

struct csv;

struct csv_options {
    char delimiter;       // 0: the one of , ; tab that stands most often in the header
    size_t row_bytes_max; // with the line's end
    size_t field_bytes_max;
    size_t columns_max;
};

enum csv_fault {
    CSV_FINE,
    CSV_UNCLOSED_QUOTE, // the file ends inside a quoted field
    CSV_BAD_QUOTE,      // something stands between a closing quote and the delimiter
    CSV_ROW_TOO_LONG,
    CSV_FIELD_TOO_LONG,
    CSV_TOO_MANY_FIELDS,
    CSV_NUL_BYTE,
    CSV_INVALID_UTF8,
    CSV_FIELD_COUNT, // not as many fields as the header
};

struct csv_row {
    size_t line;          // of its first byte, from 1
    size_t last_line;     // of its last byte
    uint64_t offset;      // of its first byte in the file
    uint64_t next_offset; // of the first byte behind it: where reading can go on
    // Without quotes; views that live until the next call on the reader. Of a row with a fault, as
    // far as they were understood (none of a row that is too long); they may be no UTF-8 then.
    const struct bytes *fields;
    size_t count;
    size_t field_count; // as counted, beyond columns_max too
    enum csv_fault fault;
};

enum csv_step {
    CSV_ROW,  // *ret holds a row
    CSV_MORE, // more bytes are needed: csv_room, csv_filled
    CSV_END,  // no more rows
};

struct csv *csv_new(const struct csv_options *options);
void csv_free(struct csv *csv);
DEFINE_CLEANUP(struct csv, csv_free)

// Where the next bytes of the file go; at least 64 KiB. Rows got before die.
uint8_t *csv_room(struct csv *csv, size_t *ret_len);
// So many were put there; 0: the file ends here.
void csv_filled(struct csv *csv, size_t len);

// The first row is the header: its number of fields is what every later row must have. Lines with
// nothing but blanks in them are passed over. A row with a fault is one row: reading goes on at the
// line behind it. After an unclosed quote that is the end of the file, since a guess where the
// quote should have closed could make rows out of what somebody typed into a field.
enum csv_step csv_next(struct csv *csv, struct csv_row *ret);

// Goes on at another place of the file, which must be the start of a row; `line` is its number.
void csv_seek(struct csv *csv, uint64_t offset, size_t line);

char csv_delimiter(const struct csv *csv); // 0 before the header was read
// LF, or CR in a file whose lines end with that alone: what lines are counted by.
char csv_newline(const struct csv *csv);
// The reason of a row's fault, with its lines: ERR_REJECT; ERR_OK where it has none.
MUST_CHECK enum err csv_check(const struct csv *csv, const struct csv_row *row, struct why *why);
