// Which tiers this CPU can run. __builtin_cpu_supports also asks the operating system (XCR0) whether it saves the wide
// registers, so a kernel booted without AVX-512 state is answered with NULL and not with SIGILL.
#include "tables.h"

const vk_kernels *vk_kernels_for(uint32_t tier) {
  switch (tier) {
  case VK_SCALAR:
    return &vk_table_scalar;
#if defined(__x86_64__)
  case VK_AVX2:
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
      ? &vk_table_avx2 : NULL;
  case VK_AVX512:
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
      ? &vk_table_avx512 : NULL;
#elif defined(__aarch64__)
  case VK_NEON:
    return &vk_table_neon;
#endif
  default:
    return NULL;
  }
}
