// AVX-512 tier (F, BW, VL, DQ): vectors of 16 floats, register tiles of 8 rows x 2 query vectors: 16 sums, 10 loads
// for 16 FMAs. More rows per tile would not be faster and would collide in one L1 set when a row is 4 KiB long. Tails
// are masked loads, which suppress faults, so nothing past a buffer is touched.
#if defined(__x86_64__)
#include <immintrin.h>

#include "elements.h"
#include "tables.h"

#pragma clang attribute push(                                                                 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)

#define VK_WIDTH 16
#define VK_TILE_ROWS 8
typedef __m512 vk_vec;

#define V_ZERO() _mm512_setzero_ps()
#define V_SPLAT(x) _mm512_set1_ps(x)
#define V_LOAD(p) _mm512_loadu_ps(p)
#define V_STORE(p, v) _mm512_storeu_ps((p), (v))
#define V_ADD(a, b) _mm512_add_ps((a), (b))
#define V_SUB(a, b) _mm512_sub_ps((a), (b))
#define V_FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define V_SUM(v) _mm512_reduce_add_ps(v)
#define V_GE(a, b) ((uint32_t)_mm512_cmp_ps_mask((a), (b), _CMP_GE_OQ))

static inline __m512 vk_f16(__m256i halves) { return _mm512_cvtph_ps(halves); }

static inline __m512 vk_bf16(__m256i halves) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

static inline __mmask16 vk_first(size_t count) { return (__mmask16)((1u << count) - 1); }

#define V_LOAD_F16(p) vk_f16(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define V_LOAD_BF16(p) vk_bf16(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define V_PART(p, n) _mm512_maskz_loadu_ps(vk_first(n), (p))
#define V_PART_F16(p, n) vk_f16(_mm256_maskz_loadu_epi16(vk_first(n), (p)))
#define V_PART_BF16(p, n) vk_bf16(_mm256_maskz_loadu_epi16(vk_first(n), (p)))

#include "kernels_template.h"
#include "columns_avx512.h"

#pragma clang attribute pop

const vk_kernels vk_table_avx512 = VK_TABLE(VK_AVX512);
#else
typedef int vk_avx512_needs_x86_64;
#endif
