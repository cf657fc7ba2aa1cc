// AVX-VNNI: vpdpbusd in its 256-bit form, on CPUs that have it without AVX-512.
#if defined(__x86_64__)
#include "codes_256.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)

#define CV_BIASED 1
#define CV_TILE_BIASED CV_BIASED
#define CV_TILE_QUERY_MAX 127
#define CI_DOT_TILE CI_DOT
#define CI_DOT(sum, codes, query) _mm256_dpbusd_avx_epi32((sum), (codes), (query))
#define CI_DOT_SMALL CI_DOT
#define CI_SMALL_GROUPS 8
#define CI_WHOLE(some) (some)

#include "codes_template.h"

#pragma clang attribute pop

const vk_code_kernels vk_codes_avxvnni = CV_TABLE(VK_CODES_AVXVNNI);
#else
typedef int vk_codes_avxvnni_needs_x86_64;
#endif
