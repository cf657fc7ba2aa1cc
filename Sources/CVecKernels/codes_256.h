// What the two 256-bit code tiers share; CV_BIASED and CI_DOT are theirs.
#include <immintrin.h>

#include "codes_tables.h"

#define CV_WIDTH 8
#define CV_TILE_ROWS 4
typedef __m256i cv_int;
typedef __m256 cv_float;

#define CI_ZERO() _mm256_setzero_si256()
#define CI_SPLAT(x) _mm256_set1_epi32(x)
#define CI_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define CI_HALF(p) CI_LOAD(p)
#define CI_ADD(a, b) _mm256_add_epi32((a), (b))
#define CI_LOW(v) _mm256_and_si256((v), _mm256_set1_epi8(15))
#define CI_HIGH(v) _mm256_and_si256(_mm256_srli_epi16((v), 4), _mm256_set1_epi8(15))
#define CF_ZERO() _mm256_setzero_ps()
#define CF_SPLAT(x) _mm256_set1_ps(x)
#define CF_LOAD(p) _mm256_loadu_ps(p)
#define CF_STORE(p, v) _mm256_storeu_ps((p), (v))
#define CF_FMA(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define CF_MUL(a, b) _mm256_mul_ps((a), (b))
#define CF_ADD(a, b) _mm256_add_ps((a), (b))
#define CF_MAX(a, b) _mm256_max_ps((a), (b))
#define CF_INT(v) _mm256_cvtepi32_ps(v)
#define CF_GE(a, b) ((uint32_t)_mm256_movemask_ps(_mm256_cmp_ps((a), (b), _CMP_GE_OQ)))

static inline __attribute__((always_inline, target("avx2,fma"))) __m256i vk_pairs(__m256i a, __m256i b) {
  return _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
}

static inline __attribute__((always_inline, target("avx2,fma"))) void CI_SUM4(
  __m256i a, __m256i b, __m256i c, __m256i d, int32_t out[4]
) {
  const __m256i ab = vk_pairs(a, b), cd = vk_pairs(c, d);
  const __m256i all = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
  const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  _mm_storeu_si128((__m128i *)(void *)out, sums);
}
