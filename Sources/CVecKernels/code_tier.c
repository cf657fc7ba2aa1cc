// Which code tiers this CPU can run; see cpu_tier.c.
#include "codes_tables.h"

#if defined(__aarch64__)
#include <sys/auxv.h>

enum { HAS_DOT_PRODUCT = 1 << 20 };  // HWCAP_ASIMDDP
#endif

#if defined(__x86_64__)
// clang's __builtin_cpu_supports knows "avxvnni" only in newer versions, so its bit is read: leaf 7.1, EAX bit 4.
#include <cpuid.h>

static bool has_avxvnni(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < 1) return false;
  __cpuid_count(7, 1, a, b, c, d);
  return (a >> 4 & 1) != 0;
}
#endif

const vk_code_kernels *vk_code_kernels_for(uint32_t tier) {
  switch (tier) {
  case VK_CODES_SCALAR:
    return &vk_codes_scalar;
#if defined(__x86_64__)
  case VK_CODES_AVX2:
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &vk_codes_avx2 : NULL;
  case VK_CODES_AVXVNNI:
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_avxvnni() ? &vk_codes_avxvnni : NULL;
  case VK_CODES_AVX512VNNI:
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vnni")
      ? &vk_codes_avx512vnni : NULL;
#elif defined(__aarch64__)
  case VK_CODES_NEON:
    return (getauxval(AT_HWCAP) & HAS_DOT_PRODUCT) != 0 ? &vk_codes_neon : NULL;
#endif
  default:
    return NULL;
  }
}
