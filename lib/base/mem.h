// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

#include "base/compiler.h"

// Memory of a size that we chose: these end the process when there is none, so no caller checks.
// What is sized by input goes into a struct text with a ceiling instead. Any thread.

// What somebody else has allocated: gives it back, or ends the process where it is NULL.
void *mem_must(void *memory) __attribute__((returns_nonnull));
void *mem_zalloc(size_t bytes) __attribute__((malloc, returns_nonnull));
void *mem_array(size_t count, size_t each_bytes) __attribute__((malloc, returns_nonnull));
// Grows `old` (may be NULL) to count * each_bytes; new bytes are not cleared.
void *mem_grow(void *old, size_t count, size_t each_bytes) __attribute__((returns_nonnull));
char *mem_dup(const char *text) __attribute__((malloc, returns_nonnull));
char *mem_dup_bytes(const void *bytes, size_t len)
    __attribute__((malloc, returns_nonnull)); // NUL behind
char *mem_printf(const char *format, ...) PRINTF_LIKE(1, 2)
    __attribute__((malloc, returns_nonnull));
// For CLEANUP on any plain pointer: frees *pointer.
void mem_free_p(void *pointer_to_pointer);
