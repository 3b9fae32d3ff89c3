// SPDX-License-Identifier: MIT
// Which builds of the kernel this machine can run. The plain one needs nothing and is always there.

#include "model/kernel.h"

#if defined(__x86_64__)
extern const struct kernel kernel_avx2, kernel_avx512;
#endif
extern const struct kernel kernel_plain;

size_t kernels_available(const struct kernel *ret[KERNELS_MAX])
{
    size_t count = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        ret[count++] = &kernel_avx512;
    if (__builtin_cpu_supports("avx2"))
        ret[count++] = &kernel_avx2;
#endif
    ret[count++] = &kernel_plain;
    return count;
}
