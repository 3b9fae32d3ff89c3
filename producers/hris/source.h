// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/crypto.h"

// The file to import: opened once, hashed whole, then read from any place. It must not change
// meanwhile. One thread.

struct source {
    int fd;
    int64_t size_bytes;
    int64_t changed_ms; // its time of change
    int64_t changed_ns; // the rest of it
    char content_hash[CRYPTO_SHA256_HEX];
};

// Reads the whole file once. ERR_REJECT: no regular file, or it cannot be opened; ERR_STOP.
MUST_CHECK enum err source_open(const char *path, struct source *ret, struct why *why);
void source_close(struct source *source);
MUST_CHECK enum err source_seek(struct source *source, int64_t offset, struct why *why);
// Up to `len` of the next bytes; *ret_len 0: the end.
MUST_CHECK enum err source_read(struct source *source, void *into, size_t len, size_t *ret_len,
                                struct why *why);
// Number of the line that begins at `offset`, from 1; `newline` ends a line. Moves the place of
// reading.
MUST_CHECK enum err source_line(struct source *source, int64_t offset, char newline, size_t *ret,
                                struct why *why);
// ERR_REJECT when the file is another one than when it was hashed.
MUST_CHECK enum err source_check(const struct source *source, struct why *why);
