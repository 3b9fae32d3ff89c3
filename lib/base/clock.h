// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// The monotonic clock measures waits, the real one stamps records, that of the CPU tells work from
// waiting. Any thread.

int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);
int64_t clock_real_ms(void); // since 1970, UTC
int64_t clock_cpu_ms(void);  // used by all threads of the process
