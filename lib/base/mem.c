// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A small allocation that fails leaves a daemon nothing sensible to do: it ends, the supervisor
// starts it again, and the transaction that was open is rolled back. At once, without what exit
// would run and without a core file: nothing here is broken.

void *mem_must(void *memory)
{
    static const char text[] = "out of memory\n";
    if (memory == NULL) {
        IGNORE(write(STDERR_FILENO, text, sizeof text - 1) < 0);
        _exit(EXIT_FAILURE);
    }
    return memory;
}

void *mem_zalloc(size_t bytes)
{
    return mem_must(calloc(1, bytes == 0 ? 1 : bytes));
}

void *mem_array(size_t count, size_t each_bytes)
{
    return mem_must(calloc(count == 0 ? 1 : count, each_bytes == 0 ? 1 : each_bytes));
}

void *mem_grow(void *old, size_t count, size_t each_bytes)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, each_bytes, &bytes))
        bytes = SIZE_MAX;
    return mem_must(realloc(old, bytes == 0 ? 1 : bytes));
}

char *mem_dup(const char *text)
{
    return mem_must(strdup(text));
}

char *mem_dup_bytes(const void *bytes, size_t len)
{
    char *copy = mem_must(malloc(len + 1));
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *mem_printf(const char *format, ...)
{
    char *out = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&out, format, args);
    va_end(args);
    return mem_must(len < 0 ? NULL : out);
}

void mem_free_p(void *pointer_to_pointer)
{
    void *owned = NULL;
    memcpy(&owned, pointer_to_pointer, sizeof owned);
    free(owned);
}
