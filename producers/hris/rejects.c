// SPDX-License-Identifier: MIT
// The progress record does not say how long this file was: the line numbers in it do. A run that
// goes on at line n keeps what stands before the first entry of line n or later, and a torn last
// entry goes with the rest. So a row stands here once, like its neighbours on the topic, also after
// kill -9. A lock keeps two imports from shortening each other's file; a file system that knows no
// locks does without.

#include "rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/parse.h"

enum { PENDING_BYTES = 1 << 20, COLUMNS_MAX = 1 << 17 };

static const char *const own_columns[] = {"rejected_line", "rejected_code", "rejected_reason"};

struct rejects {
    char *path;
    int fd; // -1: not there yet
    char delimiter;
    // The input may itself be such a file, mended: its own three columns are not repeated.
    bool *is_own; // of each of its columns
    size_t columns;
    size_t entry_bytes_max;
    struct text header;  // the file's first line
    struct text pending; // not yet written
    int64_t kept;        // bytes that stay whatever becomes of the transaction
    int64_t written;
};

// A field between quotes; bytes that are no text become U+FFFD.
static enum err add_field(struct text *out, struct bytes field, char delimiter)
{
    bool is_text = utf8_is_valid(field);
    enum err err = text_append_string(out, "\"");
    for (size_t i = 0; err == ERR_OK && i < field.len; i++) {
        uint8_t byte = field.data[i];
        if (byte == '"')
            err = text_append_string(out, "\"\"");
        else if (byte == 0 || (byte >= 0x80 && !is_text))
            err = text_append_string(out, "\xef\xbf\xbd");
        else
            err = text_append(out, &byte, 1);
    }
    if (err == ERR_OK)
        err = text_append_string(out, "\"");
    return err == ERR_OK ? text_append(out, &delimiter, 1) : err;
}

// Behind the last field stands the line's end instead of a delimiter.
static void end_line(struct text *out)
{
    out->data[out->len - 1] = '\n';
}

static bool is_own_column(struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(own_columns); i++)
        if (bytes_equal_string(name, own_columns[i]))
            return true;
    return false;
}

static enum err make_header(struct rejects *rejects, const struct csv_row *header)
{
    enum err err = ERR_OK;
    rejects->columns = header->count;
    rejects->is_own = mem_zalloc(header->count + 1);
    for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(own_columns); i++)
        err = add_field(&rejects->header, bytes_from_string(own_columns[i]), rejects->delimiter);
    for (size_t i = 0; err == ERR_OK && i < header->count; i++) {
        rejects->is_own[i] = is_own_column(header->fields[i]);
        if (!rejects->is_own[i])
            err = add_field(&rejects->header, header->fields[i], rejects->delimiter);
    }
    if (err == ERR_OK)
        end_line(&rejects->header);
    return err;
}

// Line number of an entry; 0: it has none, so it is torn.
static size_t entry_line(const struct csv_row *row)
{
    int64_t line = 0;
    bool is_entry = row->count >= ARRAY_LEN(own_columns) && row->fault != CSV_UNCLOSED_QUOTE &&
                    parse_i64(row->fields[0], 1, INT64_MAX, &line, NULL) == ERR_OK;
    return is_entry ? (size_t)line : 0;
}

static enum err read_piece(int fd, struct csv *csv, const char *path, struct why *why)
{
    size_t room = 0;
    uint8_t *place = csv_room(csv, &room);
    ssize_t got = 0;
    do
        got = read(fd, place, room);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return why_say(why, ERR_FATAL, "cannot read %s: %s", path, strerrordesc_np(errno));
    csv_filled(csv, (size_t)got);
    return ERR_OK;
}

// How much of an existing file stays: everything before the first entry of `next_line` or later.
static enum err find_kept(struct rejects *rejects, size_t next_line, struct why *why)
{
    const struct csv_options options = {.delimiter = rejects->delimiter,
                                        .row_bytes_max = rejects->entry_bytes_max,
                                        .field_bytes_max = rejects->entry_bytes_max,
                                        .columns_max = COLUMNS_MAX};
    CLEANUP(csv_free_p) struct csv *csv = csv_new(&options);
    struct csv_row row;
    bool is_header = true;
    for (enum csv_step step; (step = csv_next(csv, &row)) != CSV_END;) {
        if (step == CSV_MORE) {
            enum err err = read_piece(rejects->fd, csv, rejects->path, why);
            if (err != ERR_OK)
                return err;
            continue;
        }
        if (is_header && (row.count == 0 || !bytes_equal_string(row.fields[0], own_columns[0])))
            break;
        size_t line = is_header ? 0 : entry_line(&row);
        if (!is_header && (line == 0 || line >= next_line))
            return ERR_OK;
        rejects->kept = (int64_t)row.next_offset;
        is_header = false;
    }
    if (!is_header)
        return ERR_OK;
    return why_say(why, ERR_REJECT,
                   "%s is there and is no file of rejected rows: name another one as REJECT_FILE",
                   rejects->path);
}

static enum err refuse_busy(const struct rejects *rejects, struct why *why)
{
    return why_code(why, ERR_REJECT, "reject-file-busy",
                    "another import is writing %s: name another file as REJECT_FILE",
                    rejects->path);
}

static enum err lock(struct rejects *rejects, struct why *why)
{
    return flock(rejects->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
               ? ERR_OK
               : refuse_busy(rejects, why);
}

static bool is_empty(int fd)
{
    struct stat stat;
    return fstat(fd, &stat) == 0 && stat.st_size == 0;
}

static enum err open_existing(struct rejects *rejects, size_t next_line, struct why *why)
{
    rejects->fd = open(rejects->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (rejects->fd < 0 && errno == ENOENT)
        return ERR_OK;
    if (rejects->fd < 0)
        return why_say(why, ERR_REJECT, "cannot open %s: %s", rejects->path,
                       strerrordesc_np(errno));
    enum err err = lock(rejects, why);
    if (err == ERR_OK && !is_empty(rejects->fd))
        err = find_kept(rejects, next_line, why);
    if (err != ERR_OK)
        return err;
    // Of an earlier import, nothing stays: a file of rejected rows means that there are some.
    if (next_line <= 1 && unlink(rejects->path) == 0) {
        close(rejects->fd);
        rejects->fd = -1;
        rejects->kept = 0;
        return ERR_OK;
    }
    rejects->written = rejects->kept;
    return rejects_take_back(rejects, why);
}

enum err rejects_open(const struct rejects_options *options, const struct csv_row *header,
                      struct rejects **ret, struct why *why)
{
    CLEANUP(rejects_close_p) struct rejects *rejects = mem_zalloc(sizeof *rejects);
    rejects->path = mem_dup(options->path);
    rejects->fd = -1;
    rejects->delimiter = options->delimiter;
    // A byte becomes three at most, and a field of one byte four.
    rejects->entry_bytes_max = 4 * options->row_bytes_max + sizeof(struct why) + 64;
    rejects->header = TEXT_INIT(rejects->entry_bytes_max);
    rejects->pending = TEXT_INIT(rejects->entry_bytes_max + PENDING_BYTES);
    if (make_header(rejects, header) != ERR_OK)
        return why_say(why, ERR_REJECT, "the header is too long");
    enum err err = open_existing(rejects, options->next_line, why);
    if (err == ERR_OK)
        *ret = TAKE(rejects);
    return err;
}

void rejects_close(struct rejects *rejects)
{
    if (rejects == NULL)
        return;
    if (rejects->fd >= 0)
        close(rejects->fd);
    text_done(&rejects->header);
    text_done(&rejects->pending);
    free(rejects->is_own);
    free(rejects->path);
    free(rejects);
}

static enum err write_all(struct rejects *rejects, struct bytes bytes, struct why *why)
{
    for (size_t done = 0; done < bytes.len;) {
        ssize_t put = pwrite(rejects->fd, bytes.data + done, bytes.len - done, rejects->written);
        if (put < 0 && errno != EINTR)
            return why_say(why, ERR_FATAL, "cannot write %s: %s", rejects->path,
                           strerrordesc_np(errno));
        done += put < 0 ? 0 : (size_t)put;
        rejects->written += put < 0 ? 0 : put;
    }
    return ERR_OK;
}

// Rows hold what the input holds, so nobody else may read them. A file that was not there when this
// run began belongs to somebody else.
static enum err make_file(struct rejects *rejects, struct why *why)
{
    rejects->fd = open(rejects->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
    if (rejects->fd < 0 && errno == EEXIST)
        return refuse_busy(rejects, why);
    if (rejects->fd < 0)
        return why_say(why, ERR_FATAL, "cannot make %s: %s", rejects->path, strerrordesc_np(errno));
    return lock(rejects, why);
}

static enum err write_pending(struct rejects *rejects, struct why *why)
{
    if (rejects->pending.len == 0)
        return ERR_OK;
    enum err err = rejects->fd < 0 ? make_file(rejects, why) : ERR_OK;
    if (err == ERR_OK && rejects->written == 0)
        err = write_all(rejects, text_bytes(&rejects->header), why);
    if (err == ERR_OK)
        err = write_all(rejects, text_bytes(&rejects->pending), why);
    text_clear(&rejects->pending);
    return err;
}

enum err rejects_add(struct rejects *rejects, const struct csv_row *row, const struct why *refusal,
                     struct why *why)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", row->line);
    struct text *out = &rejects->pending;
    enum err err = add_field(out, bytes_from_string(number), rejects->delimiter);
    if (err == ERR_OK)
        err = add_field(out, bytes_from_string(refusal->code), rejects->delimiter);
    if (err == ERR_OK)
        err = add_field(out, bytes_from_string(refusal->text), rejects->delimiter);
    // The rest of a file behind an unclosed quote is no row that anybody could mend here.
    size_t count = row->fault == CSV_UNCLOSED_QUOTE ? 0 : row->count;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        if (i >= rejects->columns || !rejects->is_own[i])
            err = add_field(out, row->fields[i], rejects->delimiter);
    if (err != ERR_OK)
        return why_say(why, ERR_FATAL, "a rejected row is too long for %s", rejects->path);
    end_line(out);
    return out->len < PENDING_BYTES ? ERR_OK : write_pending(rejects, why);
}

enum err rejects_sync(struct rejects *rejects, struct why *why)
{
    enum err err = write_pending(rejects, why);
    if (err == ERR_OK && rejects->written > rejects->kept && fdatasync(rejects->fd) != 0)
        err = why_say(why, ERR_FATAL, "cannot store %s: %s", rejects->path, strerrordesc_np(errno));
    return err;
}

void rejects_keep(struct rejects *rejects)
{
    rejects->kept = rejects->written;
}

enum err rejects_take_back(struct rejects *rejects, struct why *why)
{
    text_clear(&rejects->pending);
    if (rejects->fd >= 0 && ftruncate(rejects->fd, rejects->kept) != 0)
        return why_say(why, ERR_FATAL, "cannot shorten %s: %s", rejects->path,
                       strerrordesc_np(errno));
    rejects->written = rejects->kept;
    return ERR_OK;
}
