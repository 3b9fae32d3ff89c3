// SPDX-License-Identifier: MIT
// The content hash names what is imported, so it is made before anything is sent: one pass over
// the file at the speed of SHA-256. A file that grows or is written over while it is read would be
// a third thing, neither the old content nor the new; size and time of change are compared before
// each commit.

#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/program.h"

enum { PIECE_BYTES = 1 << 20 };

static enum err hash_content(struct source *source, struct why *why)
{
    CLEANUP(mem_free_p) uint8_t *piece = mem_array(PIECE_BYTES, 1);
    struct crypto_sha256 hash;
    crypto_sha256_init(&hash);
    int64_t total = 0;
    for (size_t len = 1; len > 0; total += (int64_t)len) {
        enum err err = source_read(source, piece, PIECE_BYTES, &len, why);
        if (err != ERR_OK)
            return err;
        if (program_is_stopping())
            return why_say(why, ERR_STOP, "stopped before anything was sent");
        crypto_sha256_update(&hash, bytes_of(piece, len));
    }
    crypto_sha256_final_hex(&hash, source->content_hash);
    source->size_bytes = total;
    return source_check(source, why);
}

enum err source_open(const char *path, struct source *ret, struct why *why)
{
    struct source source = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (source.fd < 0)
        return why_say(why, ERR_REJECT, "cannot open it: %s", strerrordesc_np(errno));
    struct stat stat;
    enum err err = ERR_OK;
    if (fstat(source.fd, &stat) != 0)
        err = why_say(why, ERR_REJECT, "cannot look at it: %s", strerrordesc_np(errno));
    else if (!S_ISREG(stat.st_mode))
        err = why_say(why, ERR_REJECT,
                      "it is no regular file, and only such a file can be gone on with after an "
                      "interruption");
    if (err == ERR_OK) {
        source.changed_ms = stat.st_mtim.tv_sec * 1000 + stat.st_mtim.tv_nsec / 1000000;
        source.changed_ns = stat.st_mtim.tv_nsec % 1000000;
        IGNORE(posix_fadvise(source.fd, 0, 0, POSIX_FADV_SEQUENTIAL)); // advice only
        err = hash_content(&source, why);
    }
    if (err == ERR_OK)
        err = source_seek(&source, 0, why);
    if (err != ERR_OK) {
        source_close(&source);
        return err;
    }
    *ret = source;
    return ERR_OK;
}

void source_close(struct source *source)
{
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

enum err source_seek(struct source *source, int64_t offset, struct why *why)
{
    if (lseek(source->fd, offset, SEEK_SET) != offset)
        return why_say(why, ERR_FATAL, "cannot go to byte %lld: %s", (long long)offset,
                       strerrordesc_np(errno));
    return ERR_OK;
}

enum err source_read(struct source *source, void *into, size_t len, size_t *ret_len,
                     struct why *why)
{
    ssize_t got = 0;
    do
        got = read(source->fd, into, len);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return why_say(why, ERR_FATAL, "cannot read it: %s", strerrordesc_np(errno));
    *ret_len = (size_t)got;
    return ERR_OK;
}

enum err source_line(struct source *source, int64_t offset, char newline, size_t *ret,
                     struct why *why)
{
    CLEANUP(mem_free_p) uint8_t *piece = mem_array(PIECE_BYTES, 1);
    size_t line = 1;
    enum err err = source_seek(source, 0, why);
    for (int64_t left = offset; err == ERR_OK && left > 0;) {
        size_t len = 0;
        err =
            source_read(source, piece, left < PIECE_BYTES ? (size_t)left : PIECE_BYTES, &len, why);
        if (err == ERR_OK && len == 0)
            err = why_say(why, ERR_FATAL, "it became shorter while it was read");
        const uint8_t *at = piece, *end = piece + len;
        while (err == ERR_OK && (at = memchr(at, newline, (size_t)(end - at))) != NULL)
            line++, at++;
        left -= (int64_t)len;
    }
    if (err == ERR_OK)
        *ret = line;
    return err;
}

enum err source_check(const struct source *source, struct why *why)
{
    struct stat stat;
    if (fstat(source->fd, &stat) == 0 && stat.st_size == source->size_bytes &&
        stat.st_mtim.tv_sec * 1000 + stat.st_mtim.tv_nsec / 1000000 == source->changed_ms &&
        stat.st_mtim.tv_nsec % 1000000 == source->changed_ns)
        return ERR_OK;
    return why_code(why, ERR_REJECT, "file-changed", "the file changed while it was read");
}
