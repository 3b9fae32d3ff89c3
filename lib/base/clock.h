// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

// Two clocks: the monotonic one measures waits, the real one stamps records. Any thread.

int64_t clock_mono_ms(void);
int64_t clock_mono_ns(void);
int64_t clock_real_ms(void); // since 1970, UTC
