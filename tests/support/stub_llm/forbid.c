// SPDX-License-Identifier: MIT
#include "forbid.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "file.h"

// The strings are kept sorted, without those that begin with another one (where they occur, the
// other one does). In such a set at most one string can begin at a place of the text, and if one
// does it is the greatest that is not above the text from there on: a binary search a place. Most
// places are passed over because no string begins with their two bytes.

struct entry {
    struct bytes text; // in `file`
    size_t line;
};

struct forbid {
    struct text file;
    struct entry *entries;
    size_t count;
    bool begins[65536];
};

enum { FILE_MAX = 256 * 1024 * 1024 };

static size_t pair_at(const uint8_t *data)
{
    return (size_t)data[0] << 8 | data[1];
}

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return bytes_compare(x->text, y->text);
}

static bool begins_with(struct bytes text, struct bytes start)
{
    return text.len >= start.len && memcmp(text.data, start.data, start.len) == 0;
}

static enum err split(struct forbid *forbid, const char *path, struct why *why)
{
    const char *at = text_string(&forbid->file), *end = at + forbid->file.len;
    size_t line = 0, room = 0;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct bytes text = bytes_of(at, (size_t)((stop == NULL ? end : stop) - at));
        line++;
        at += text.len + 1;
        if (text.len == 0)
            continue;
        if (text.len < FORBID_BYTES_MIN || text.len > FORBID_BYTES_MAX)
            return why_say(why, ERR_FATAL, "%s line %zu has %zu bytes: give %d to %d", path, line,
                           text.len, FORBID_BYTES_MIN, FORBID_BYTES_MAX);
        if (forbid->count == room) {
            room = room == 0 ? 1024 : 2 * room;
            forbid->entries = mem_grow(forbid->entries, room, sizeof *forbid->entries);
        }
        forbid->entries[forbid->count++] = (struct entry){text, line};
    }
    return ERR_OK;
}

static void drop_longer(struct forbid *forbid)
{
    size_t kept = 0;
    for (size_t i = 0; i < forbid->count; i++) {
        struct entry entry = forbid->entries[i];
        if (kept > 0 && begins_with(entry.text, forbid->entries[kept - 1].text))
            continue;
        forbid->entries[kept++] = entry;
        forbid->begins[pair_at(entry.text.data)] = true;
    }
    forbid->count = kept;
}

enum err forbid_load(const char *path, struct forbid **ret, struct why *why)
{
    CLEANUP(forbid_free_p) struct forbid *forbid = mem_zalloc(sizeof *forbid);
    forbid->file = TEXT_INIT(FILE_MAX);
    enum err err = file_read(path, &forbid->file, why);
    if (err == ERR_OK)
        err = split(forbid, path, why);
    if (err != ERR_OK)
        return err;
    if (forbid->count > 0)
        qsort(forbid->entries, forbid->count, sizeof *forbid->entries, compare);
    drop_longer(forbid);
    *ret = TAKE(forbid);
    return ERR_OK;
}

void forbid_free(struct forbid *forbid)
{
    if (forbid == NULL)
        return;
    text_done(&forbid->file);
    mem_free_p(&forbid->entries);
    mem_free_p(&forbid);
}

bool forbid_finds(const struct forbid *forbid, struct bytes in, size_t *ret_line)
{
    if (forbid == NULL || forbid->count == 0)
        return false;
    for (size_t i = 0; i + FORBID_BYTES_MIN <= in.len; i++) {
        struct bytes rest = bytes_of(in.data + i, in.len - i);
        if (!forbid->begins[pair_at(rest.data)])
            continue;
        size_t low = 0, high = forbid->count; // entries below low are not above the rest
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (bytes_compare(forbid->entries[middle].text, rest) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        if (low > 0 && begins_with(rest, forbid->entries[low - 1].text)) {
            *ret_line = forbid->entries[low - 1].line;
            return true;
        }
    }
    return false;
}
