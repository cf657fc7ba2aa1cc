// The tables of the tiers, for cpu_tier.c alone. A tier exists on its architecture only.
#ifndef VEC_TABLES_H
#define VEC_TABLES_H

#include "CVecKernels.h"

extern const vk_kernels vk_table_scalar;
#if defined(__x86_64__)
extern const vk_kernels vk_table_avx2;
extern const vk_kernels vk_table_avx512;
#elif defined(__aarch64__)
extern const vk_kernels vk_table_neon;
#endif

#endif
