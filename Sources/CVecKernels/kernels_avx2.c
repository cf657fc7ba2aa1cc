// AVX2 tier (with FMA and F16C): vectors of 8 floats, register tiles of 4 rows x 2 query vectors, which are the 8
// independent sums that two FMA units of latency 4 need, and leave registers for the operands. Tails are masked loads
// (float32) or go through a zeroed copy (16-bit), so nothing past a buffer is touched.
#if defined(__x86_64__)
#include <immintrin.h>

#include "elements.h"
#include "tables.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#define VK_WIDTH 8
#define VK_TILE_ROWS 4
typedef __m256 vk_vec;

#define V_ZERO() _mm256_setzero_ps()
#define V_SPLAT(x) _mm256_set1_ps(x)
#define V_LOAD(p) _mm256_loadu_ps((const float *)(const void *)(p))
#define V_STORE(p, v) _mm256_storeu_ps((float *)(void *)(p), (v))
#define V_ADD(a, b) _mm256_add_ps((a), (b))
#define V_SUB(a, b) _mm256_sub_ps((a), (b))
#define V_FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define V_GE(a, b) ((uint32_t)_mm256_movemask_ps(_mm256_cmp_ps((a), (b), _CMP_GE_OQ)))

static inline float V_SUM(__m256 v) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline __m256 vk_f16(__m128i halves) { return _mm256_cvtph_ps(halves); }

static inline __m256 vk_bf16(__m128i halves) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}

static inline __m256 V_PART(const void *from, size_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps((const float *)from, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes));
}

static inline __m128i vk_part_halves(const void *from, size_t count) {
  uint16_t halves[8] = {0};
  for (size_t i = 0; i < count; i++) halves[i] = ((const vk_half_any *)from)[i];
  return _mm_loadu_si128((const __m128i *)halves);
}

#define V_LOAD_F16(p) vk_f16(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define V_LOAD_BF16(p) vk_bf16(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define V_PART_F16(p, n) vk_f16(vk_part_halves((p), (n)))
#define V_PART_BF16(p, n) vk_bf16(vk_part_halves((p), (n)))

#include "kernels_template.h"
#include "columns_avx2.h"

#pragma clang attribute pop

const vk_kernels vk_table_avx2 = VK_TABLE(VK_AVX2);
#else
typedef int vk_avx2_needs_x86_64;
#endif
