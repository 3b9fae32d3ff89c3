// SPDX-License-Identifier: MIT
// A state machine over one buffer that holds the row being read and what was read ahead. It stops
// anywhere and goes on there, so no byte is looked at twice. Fields are spans of the buffer: an
// unquoted one as it stands, a quoted one moved together in place where it holds doubled quotes.
//
// The time is linear in the file and memory is one row and one piece, whatever the bytes are: a row
// over the limit is passed over in the state it is in, without being kept. Faults are decided when
// a row has ended, by the whole row, so they do not depend on how the file was cut into pieces.

#include "csv/csv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PIECE_BYTES = 256 * 1024 };

enum state {
    AT_START, // of a field
    IN_PLAIN,
    IN_QUOTED,
    BEHIND_QUOTE,    // which closes the field, or is the first of two
    BEHIND_QUOTE_CR, // the line must end now
};

// What a byte is; the lowest two are only remembered, the others end a run.
enum {
    IS_HIGH = 1, // part of a character beyond ASCII
    IS_NUL = 2,
    IS_DELIMITER = 4,
    IS_NEWLINE = 8,
    IS_QUOTE = 16,
};

struct span {
    size_t begin; // behind the row's start
    size_t len;
};

struct csv {
    struct csv_options options;
    uint8_t classes[256];
    uint8_t *buffer;
    size_t capacity;
    uint64_t base; // where buffer[0] stands in the file
    size_t filled;
    bool is_end; // no more bytes will come

    bool is_begun; // past the byte order mark
    char delimiter;
    char newline;
    size_t counts[3]; // of the delimiters looked for, up to looked_at
    size_t looked_at;
    bool is_looking_in_quotes, is_looking_behind_cr;

    enum state state;
    size_t start; // of the row
    size_t at;    // next byte to look at
    size_t begin; // of the field
    size_t out;   // where the next byte of a quoted field goes
    uint8_t seen; // or-ed classes of the row
    bool is_bad_quote, is_long_field, is_unclosed, is_skipping;
    size_t line;     // of the byte at `at`
    size_t row_line; // of the row's first byte
    uint64_t row_offset;

    struct span *spans;
    struct bytes *fields;
    size_t field_count;
    size_t expected; // of the header; 0: not yet read
};

static const char delimiters[3] = {',', ';', '\t'};

struct csv *csv_new(const struct csv_options *options)
{
    struct csv *csv = mem_zalloc(sizeof *csv);
    csv->options = *options;
    csv->delimiter = options->delimiter;
    csv->newline = '\n';
    csv->capacity = options->row_bytes_max + PIECE_BYTES;
    csv->buffer = mem_array(csv->capacity, 1);
    csv->spans = mem_array(options->columns_max, sizeof *csv->spans);
    csv->fields = mem_array(options->columns_max, sizeof *csv->fields);
    csv->line = csv->row_line = 1;
    return csv;
}

void csv_free(struct csv *csv)
{
    if (csv == NULL)
        return;
    free(csv->buffer);
    free(csv->spans);
    free(csv->fields);
    free(csv);
}

// Moves the row being read to the front of the buffer. `begin` and `out` may be those of an earlier
// row, long gone; they are set before they are used again.
static void make_room(struct csv *csv)
{
    size_t by = csv->start;
    memmove(csv->buffer, csv->buffer + by, csv->filled - by);
    csv->base += by;
    csv->at -= by;
    csv->begin = csv->begin > by ? csv->begin - by : 0;
    csv->out = csv->out > by ? csv->out - by : 0;
    csv->looked_at = csv->looked_at > by ? csv->looked_at - by : 0;
    csv->filled -= by;
    csv->start = 0;
}

uint8_t *csv_room(struct csv *csv, size_t *ret_len)
{
    if (csv->start > 0 && csv->capacity - csv->filled < PIECE_BYTES / 4)
        make_room(csv);
    assert(csv->capacity - csv->filled >= PIECE_BYTES / 4);
    *ret_len = csv->capacity - csv->filled;
    return csv->buffer + csv->filled;
}

void csv_filled(struct csv *csv, size_t len)
{
    assert(len <= csv->capacity - csv->filled);
    csv->filled += len;
    csv->is_end = len == 0;
}

static void make_classes(struct csv *csv)
{
    for (size_t byte = 0x80; byte <= 0xff; byte++)
        csv->classes[byte] = IS_HIGH;
    csv->classes[0] = IS_NUL;
    csv->classes[(uint8_t)csv->newline] = IS_NEWLINE;
    csv->classes['"'] = IS_QUOTE;
    csv->classes[(uint8_t)csv->delimiter] = IS_DELIMITER;
}

// Goes on through the header, outside quotes: counts the delimiters, looks for the line's end. A CR
// that no LF follows is one. True when the end was found, or there is no more to look at (the
// file's end, or the limit of a row).
static bool look_at_header(struct csv *csv)
{
    size_t limit = csv->start + csv->options.row_bytes_max;
    for (; csv->looked_at < csv->filled && csv->looked_at < limit; csv->looked_at++) {
        char byte = (char)csv->buffer[csv->looked_at];
        bool is_behind_cr = csv->is_looking_behind_cr;
        csv->is_looking_behind_cr = byte == '\r' && !csv->is_looking_in_quotes;
        if (is_behind_cr && byte != '\r' && byte != '\n')
            csv->newline = '\r';
        if (csv->newline == '\r')
            return true;
        if (byte == '"')
            csv->is_looking_in_quotes = !csv->is_looking_in_quotes;
        if (csv->is_looking_in_quotes)
            continue;
        if (byte == '\n')
            return true;
        for (size_t i = 0; i < sizeof delimiters; i++)
            csv->counts[i] += byte == delimiters[i];
    }
    return csv->looked_at >= limit || csv->is_end;
}

static char commonest_delimiter(const struct csv *csv)
{
    size_t best = 0;
    for (size_t i = 1; i < sizeof delimiters; i++)
        if (csv->counts[i] > csv->counts[best])
            best = i;
    return delimiters[best];
}

// Passes the byte order mark and learns how lines end and fields are separated; false: more bytes
// are needed.
static bool begin(struct csv *csv)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    if (csv->base + csv->start == 0 && csv->looked_at == 0) {
        if (csv->filled < sizeof mark && !csv->is_end)
            return false;
        if (csv->filled >= sizeof mark && memcmp(csv->buffer, mark, sizeof mark) == 0)
            csv->start = csv->at = csv->looked_at = sizeof mark;
    }
    if (!look_at_header(csv))
        return false;
    if (csv->delimiter == '\0')
        csv->delimiter = commonest_delimiter(csv);
    make_classes(csv);
    csv->row_offset = csv->base + csv->start;
    csv->is_begun = true;
    return true;
}

static void end_field(struct csv *csv, size_t len)
{
    if (csv->field_count < csv->options.columns_max)
        csv->spans[csv->field_count] = (struct span){csv->begin - csv->start, len};
    csv->field_count++;
    csv->is_long_field |= len > csv->options.field_bytes_max;
    csv->state = AT_START;
}

static void end_plain_field(struct csv *csv, bool is_last)
{
    size_t len = csv->at - csv->begin;
    // The CR of a CRLF; at the file's very end, too.
    if (is_last && len > 0 && csv->buffer[csv->at - 1] == '\r')
        len--;
    end_field(csv, len);
}

// The byte behind a closing quote; true when it ends the row. The byte is taken unless it is the
// first of what does not belong there.
static bool step_behind_quote(struct csv *csv)
{
    uint8_t byte = csv->buffer[csv->at];
    if (byte == (uint8_t)csv->newline) {
        csv->line++;
        end_field(csv, csv->out - csv->begin);
        csv->at++;
        return true;
    }
    if (csv->state == BEHIND_QUOTE && byte == '"') {
        csv->buffer[csv->out++] = '"';
        csv->state = IN_QUOTED;
    } else if (csv->state == BEHIND_QUOTE && byte == (uint8_t)csv->delimiter) {
        end_field(csv, csv->out - csv->begin);
    } else if (csv->state == BEHIND_QUOTE && byte == '\r') {
        csv->state = BEHIND_QUOTE_CR;
    } else {
        csv->is_bad_quote = true;
        csv->state = IN_PLAIN;
        return false;
    }
    csv->at++;
    return false;
}

// Up to the delimiter or the line's end; true when the row ended.
static bool step_plain(struct csv *csv)
{
    size_t at = csv->at;
    uint8_t class = 0, seen = csv->seen;
    for (; at < csv->filled; at++) {
        class = csv->classes[csv->buffer[at]];
        if ((class & (IS_DELIMITER | IS_NEWLINE)) != 0)
            break;
        seen |= class;
    }
    csv->at = at;
    csv->seen = seen;
    if (at == csv->filled)
        return false;
    bool is_last = class == IS_NEWLINE;
    end_plain_field(csv, is_last);
    csv->line += is_last;
    csv->at++;
    return is_last;
}

// Up to the next quote.
static void step_quoted(struct csv *csv)
{
    size_t from = csv->at, at = csv->at, lines = 0;
    uint8_t seen = csv->seen;
    for (; at < csv->filled; at++) {
        uint8_t class = csv->classes[csv->buffer[at]];
        if (class == IS_QUOTE)
            break;
        lines += class == IS_NEWLINE;
        seen |= class;
    }
    csv->seen = seen;
    csv->line += lines;
    if (csv->out != from)
        memmove(csv->buffer + csv->out, csv->buffer + from, at - from);
    csv->out += at - from;
    csv->at = at;
    if (at < csv->filled) {
        csv->state = BEHIND_QUOTE;
        csv->at++;
    }
}

// Works through what is there; true when a row ended, false when the bytes did.
static bool scan(struct csv *csv)
{
    bool has_ended = false;
    while (!has_ended && csv->at < csv->filled) {
        switch (csv->state) {
        case AT_START:
            if (csv->buffer[csv->at] == '"') {
                csv->state = IN_QUOTED;
                csv->begin = csv->out = ++csv->at;
            } else {
                csv->state = IN_PLAIN;
                csv->begin = csv->at;
            }
            break;
        case IN_PLAIN:
            has_ended = step_plain(csv);
            break;
        case IN_QUOTED:
            step_quoted(csv);
            break;
        case BEHIND_QUOTE:
        case BEHIND_QUOTE_CR:
            has_ended = step_behind_quote(csv);
            break;
        }
    }
    return has_ended;
}

// The file's end closes the last row; false when there is none.
static bool close_row(struct csv *csv)
{
    if (csv->base + csv->at == csv->row_offset)
        return false;
    switch (csv->state) {
    case AT_START: // behind a delimiter: one more field, empty
        csv->begin = csv->at;
        end_field(csv, 0);
        break;
    case IN_PLAIN:
        end_plain_field(csv, true);
        break;
    case IN_QUOTED:
        csv->is_unclosed = true;
        end_field(csv, csv->out - csv->begin);
        break;
    case BEHIND_QUOTE:
    case BEHIND_QUOTE_CR:
        end_field(csv, csv->out - csv->begin);
        break;
    }
    return true;
}

static bool is_utf8(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (!utf8_is_valid(row->fields[i]))
            return false;
    return true;
}

static enum csv_fault find_fault(const struct csv *csv, const struct csv_row *row)
{
    if (csv->is_unclosed)
        return CSV_UNCLOSED_QUOTE;
    if (csv->is_skipping)
        return CSV_ROW_TOO_LONG;
    if (csv->is_bad_quote)
        return CSV_BAD_QUOTE;
    if (csv->is_long_field)
        return CSV_FIELD_TOO_LONG;
    if (row->field_count > csv->options.columns_max)
        return CSV_TOO_MANY_FIELDS;
    if ((csv->seen & IS_NUL) != 0)
        return CSV_NUL_BYTE;
    if ((csv->seen & IS_HIGH) != 0 && !is_utf8(row))
        return CSV_INVALID_UTF8;
    if (csv->expected != 0 && row->field_count != csv->expected)
        return CSV_FIELD_COUNT;
    return CSV_FINE;
}

// Makes the row out of what was scanned, and starts the next one.
static void finish_row(struct csv *csv, struct csv_row *ret)
{
    uint64_t next = csv->base + csv->at;
    csv->is_skipping |= next - csv->row_offset > csv->options.row_bytes_max;
    size_t kept =
        csv->field_count < csv->options.columns_max ? csv->field_count : csv->options.columns_max;
    *ret = (struct csv_row){.line = csv->row_line,
                            .last_line = csv->line,
                            .offset = csv->row_offset,
                            .next_offset = next,
                            .fields = csv->fields,
                            .count = csv->is_skipping ? 0 : kept,
                            .field_count = csv->field_count};
    if (csv->at > 0 && csv->buffer[csv->at - 1] == (uint8_t)csv->newline)
        ret->last_line--;
    for (size_t i = 0; i < ret->count; i++)
        csv->fields[i] =
            bytes_of(csv->buffer + csv->start + csv->spans[i].begin, csv->spans[i].len);
    ret->fault = find_fault(csv, ret);
    if (csv->expected == 0)
        csv->expected = ret->field_count;
}

static void start_row(struct csv *csv)
{
    csv->start = csv->at;
    csv->row_offset = csv->base + csv->at;
    csv->row_line = csv->line;
    csv->state = AT_START;
    csv->field_count = 0;
    csv->seen = 0;
    csv->is_bad_quote = csv->is_long_field = csv->is_unclosed = csv->is_skipping = false;
}

// One field, of nothing but blanks and the line's end.
static bool is_blank(const struct csv *csv)
{
    bool is_kept = !csv->is_skipping && csv->at - csv->start <= csv->options.row_bytes_max;
    bool is_nothing = is_kept && csv->field_count == 1;
    for (size_t i = csv->start; is_nothing && i < csv->at; i++)
        is_nothing = csv->buffer[i] == ' ' || csv->buffer[i] == '\t' || csv->buffer[i] == '\r' ||
                     csv->buffer[i] == '\n';
    return is_nothing;
}

enum csv_step csv_next(struct csv *csv, struct csv_row *ret)
{
    if (!csv->is_begun && !begin(csv))
        return CSV_MORE;
    for (;;) {
        bool is_row = scan(csv);
        if (!is_row && !csv->is_end) {
            // Over the limit already: what was read of it need not be kept.
            if (csv->at - csv->start > csv->options.row_bytes_max) {
                csv->is_skipping = true;
                csv->start = csv->begin = csv->out = csv->at;
            }
            return CSV_MORE;
        }
        if (!is_row && !close_row(csv))
            return CSV_END;
        bool is_nothing = is_blank(csv);
        if (!is_nothing)
            finish_row(csv, ret);
        start_row(csv);
        if (!is_nothing)
            return CSV_ROW;
    }
}

void csv_seek(struct csv *csv, uint64_t offset, size_t line)
{
    csv->base = offset;
    csv->filled = csv->at = 0;
    csv->is_end = false;
    csv->line = line;
    start_row(csv);
}

char csv_delimiter(const struct csv *csv)
{
    return csv->delimiter;
}

char csv_newline(const struct csv *csv)
{
    return csv->newline;
}

enum err csv_check(const struct csv *csv, const struct csv_row *row, struct why *why)
{
    switch (row->fault) {
    case CSV_FINE:
        return ERR_OK;
    case CSV_UNCLOSED_QUOTE:
        return why_code(why, ERR_REJECT, "unclosed-quote",
                        "line %zu: a quote that opens in this row is never closed, so everything "
                        "up to the file's end (line %zu) belongs to it",
                        row->line, row->last_line);
    case CSV_BAD_QUOTE:
        return why_code(why, ERR_REJECT, "bad-quote",
                        "line %zu: a closing quote is followed by something else than a delimiter "
                        "or the line's end",
                        row->line);
    case CSV_ROW_TOO_LONG:
        return why_code(why, ERR_REJECT, "row-too-long",
                        "line %zu: the row is longer than %zu bytes (it ends in line %zu)",
                        row->line, csv->options.row_bytes_max, row->last_line);
    case CSV_FIELD_TOO_LONG:
        return why_code(why, ERR_REJECT, "field-too-long",
                        "line %zu: a field is longer than %zu bytes", row->line,
                        csv->options.field_bytes_max);
    case CSV_TOO_MANY_FIELDS:
        return why_code(why, ERR_REJECT, "too-many-fields",
                        "line %zu: the row has %zu fields, the most are %zu", row->line,
                        row->field_count, csv->options.columns_max);
    case CSV_NUL_BYTE:
        return why_code(
            why, ERR_REJECT, "nul-byte",
            "line %zu: the row has a zero byte, as files in UTF-16 do: save the file as UTF-8",
            row->line);
    case CSV_INVALID_UTF8:
        return why_code(why, ERR_REJECT, "invalid-utf8",
                        "line %zu: the row is not UTF-8: save the file in that encoding",
                        row->line);
    case CSV_FIELD_COUNT:
        return why_code(why, ERR_REJECT, "field-count",
                        "line %zu: the row has %zu fields, the header has %zu", row->line,
                        row->field_count, csv->expected);
    }
    return ERR_OK;
}
