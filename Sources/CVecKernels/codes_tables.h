// The code tables of the tiers, for code_tier.c alone. A tier exists on its architecture only.
#ifndef VEC_CODE_TABLES_H
#define VEC_CODE_TABLES_H

#include "CVecKernels.h"

extern const vk_code_kernels vk_codes_scalar;
#if defined(__x86_64__)
extern const vk_code_kernels vk_codes_avx2;
extern const vk_code_kernels vk_codes_avxvnni;
extern const vk_code_kernels vk_codes_avx512vnni;
#elif defined(__aarch64__)
extern const vk_code_kernels vk_codes_neon;
#endif

#endif
