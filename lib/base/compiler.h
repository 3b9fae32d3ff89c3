// SPDX-License-Identifier: MIT
#pragma once

// What the two compilers offer beyond C17, under names of our own. Pure macros: any thread, any
// time.

// The caller must look at the verdict. gcc ignores a cast to void here, which is what we want.
#define MUST_CHECK __attribute__((warn_unused_result))

// Drops a verdict on purpose; a comment beside it says why that is right.
#define IGNORE(expression)                                                                         \
    do {                                                                                           \
        __typeof__(expression) ignored_ = (expression);                                            \
        (void)ignored_;                                                                            \
    } while (0)

// Calls fn(&variable) when the variable leaves its scope; fn accepts a pointer to NULL.
#define CLEANUP(fn) __attribute__((cleanup(fn)))

// Hands an owned pointer on: gives its value and leaves NULL behind, so that CLEANUP does nothing.
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

// Defines name_p(type **) for CLEANUP out of name(type *).
#define DEFINE_CLEANUP(type, name)                                                                 \
    static inline void name##_p(type **owned)                                                      \
    {                                                                                              \
        name(*owned);                                                                              \
    }

#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define ARRAY_LEN(array)                 (sizeof(array) / sizeof((array)[0]))
#define UNUSED                           __attribute__((unused))
#define LIKELY(condition)                __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition)              __builtin_expect(!!(condition), 0)
