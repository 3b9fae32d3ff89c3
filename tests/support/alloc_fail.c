// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Preloaded into a program of ours, as it is installed: its allocations can be made to fail. Those
// alone that the program's own code asks for, not what libraries do inside.
//
// ALLOC_FAIL_AT=N      the N-th one fails, once
// ALLOC_FAIL_LIST=FILE the numbers of those that are the first from their place (by the last
//                      FRAMES calls that led there), a line each, written as they come

enum { FRAMES = 6, PLACES = 1 << 16 };

static struct {
    uintptr_t from, to; // the program's code
    uint64_t count, fail_at;
    int list;
    uint64_t places[PLACES];
    pthread_mutex_t lock;
} state = {.list = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static bool is_ours(const void *address)
{
    return (uintptr_t)address >= state.from && (uintptr_t)address < state.to;
}

static int find_code(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size, (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            state.from = info->dlpi_addr + part->p_vaddr;
            state.to = state.from + part->p_memsz;
        }
    }
    return 1; // the first is the program
}

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("ALLOC_FAIL_AT"), *list = getenv("ALLOC_FAIL_LIST");
    state.fail_at = at == NULL ? 0 : strtoull(at, NULL, 10);
    state.list = list == NULL ? -1 : open(list, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dl_iterate_phdr(find_code, NULL);
}

// Of the calls that led here; the program is compiled with frame pointers.
static uint64_t hash_calls(void *const *frame)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (int i = 0; i < FRAMES && frame != NULL && is_ours(frame[1]); i++) {
        hash = (hash ^ (uintptr_t)frame[1]) * 0x100000001b3U;
        void *const *next = (void *const *)frame[0];
        frame = next > frame ? next : NULL;
    }
    return hash == 0 ? 1 : hash;
}

static bool is_new_place(uint64_t hash)
{
    for (size_t i = 0; i < PLACES; i++) {
        uint64_t *place = &state.places[(hash + i) % PLACES];
        if (*place == hash)
            return false;
        if (*place == 0) {
            *place = hash;
            return true;
        }
    }
    return false;
}

static void tell(uint64_t number)
{
    char line[24];
    int len = snprintf(line, sizeof line, "%llu\n", (unsigned long long)number);
    if (write(state.list, line, (size_t)len) != len)
        _exit(125);
}

static bool is_to_fail(void *const *frame)
{
    if (!is_ours(frame[1]))
        return false;
    pthread_mutex_lock(&state.lock);
    uint64_t number = ++state.count;
    bool is_told = state.list >= 0 && is_new_place(hash_calls(frame));
    pthread_mutex_unlock(&state.lock);
    if (is_told)
        tell(number);
    if (number != state.fail_at)
        return false;
    errno = ENOMEM;
    return true;
}

#define FAILS is_to_fail((void *const *)__builtin_frame_address(0))

void *malloc(size_t bytes)
{
    return FAILS ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return FAILS ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    return FAILS ? NULL : __libc_realloc(old, bytes);
}

char *strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = FAILS ? NULL : __libc_malloc(bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

static int print(char **ret, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    *ret = len < 0 ? NULL : __libc_malloc((size_t)len + 1);
    return *ret == NULL ? -1 : vsnprintf(*ret, (size_t)len + 1, format, args);
}

int vasprintf(char **ret, const char *format, va_list args)
{
    return FAILS ? -1 : print(ret, format, args);
}

// What the compiler makes of it with _FORTIFY_SOURCE.
int __vasprintf_chk(char **ret, int flag, const char *format, va_list args);
int __vasprintf_chk(char **ret, int flag, const char *format, va_list args)
{
    (void)flag;
    return FAILS ? -1 : print(ret, format, args);
}
