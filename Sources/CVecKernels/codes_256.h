// What the two 256-bit code tiers share; CV_BIASED and CI_DOT are theirs.
#include <immintrin.h>

#include "codes_tables.h"

#define CV_WIDTH 8
#define CV_TILE_ROWS 4
typedef __m256i cv_int;
typedef __m256 cv_float;

#define CI_ZERO() _mm256_setzero_si256()
#define CI_SPLAT(x) _mm256_set1_epi32(x)
#define CI_SPLAT_AT(p) _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)(p)))
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

// Rows i and i + 4 side by side, then the 4 x 4 cells of either half are transposed.
#define CF_ROWS(p, i) \
  _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((p) + 4 * (i))), _mm_loadu_ps((p) + 4 * (i) + 16), 1)
#define CF_COLUMNS(p, a, b, c, d) \
  do { \
    const __m256 row0 = CF_ROWS(p, 0), row1 = CF_ROWS(p, 1), row2 = CF_ROWS(p, 2), row3 = CF_ROWS(p, 3); \
    const __m256 low01 = _mm256_unpacklo_ps(row0, row1), high01 = _mm256_unpackhi_ps(row0, row1); \
    const __m256 low23 = _mm256_unpacklo_ps(row2, row3), high23 = _mm256_unpackhi_ps(row2, row3); \
    (a) = _mm256_shuffle_ps(low01, low23, 0x44); \
    (b) = _mm256_shuffle_ps(low01, low23, 0xEE); \
    (c) = _mm256_shuffle_ps(high01, high23, 0x44); \
    (d) = _mm256_shuffle_ps(high01, high23, 0xEE); \
  } while (0)

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
