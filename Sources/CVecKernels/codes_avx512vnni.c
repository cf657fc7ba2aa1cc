// AVX-512 VNNI: vpdpbusd multiplies code bytes as they are (unsigned) with query codes, four pairs to a lane. Register
// tiles of 8 rows x 2 query vectors are 16 independent sums, enough for two units of latency 4 to 5.
#if defined(__x86_64__)
#include <immintrin.h>

#include "codes_tables.h"

#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma"))), apply_to = function)

#define CV_WIDTH 16
#ifndef CV_TILE_ROWS
#define CV_TILE_ROWS 8
#endif
#define CV_BIASED 1
#define CV_TILE_BIASED CV_BIASED
#define CV_TILE_QUERY_MAX 127
#define CI_DOT_TILE CI_DOT
typedef __m512i cv_int;
typedef __m512 cv_float;

#define CI_ZERO() _mm512_setzero_si512()
#define CI_SPLAT(x) _mm512_set1_epi32(x)
#define CI_SPLAT_AT(p) _mm512_castps_si512(_mm512_broadcastss_ps(_mm_load_ss((const float *)(const void *)(p))))
#define CI_LOAD(p) _mm512_loadu_si512((const void *)(p))
#define CI_HALF(p) _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define CI_ADD(a, b) _mm512_add_epi32((a), (b))
#define CI_DOT(sum, codes, query) _mm512_dpbusd_epi32((sum), (codes), (query))
#define CI_DOT_SMALL CI_DOT
#define CI_SMALL_GROUPS 8
#define CI_WHOLE(some) (some)
#define CI_LOW(v) _mm512_and_si512((v), _mm512_set1_epi8(15))
#define CI_HIGH(v) _mm512_and_si512(_mm512_srli_epi16((v), 4), _mm512_set1_epi8(15))
#define CF_ZERO() _mm512_setzero_ps()
#define CF_SPLAT(x) _mm512_set1_ps(x)
#define CF_LOAD(p) _mm512_loadu_ps(p)
#define CF_STORE(p, v) _mm512_storeu_ps((p), (v))
#define CF_FMA(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define CF_MUL(a, b) _mm512_mul_ps((a), (b))
#define CF_ADD(a, b) _mm512_add_ps((a), (b))
#define CF_MAX(a, b) _mm512_max_ps((a), (b))
#define CF_INT(v) _mm512_cvtepi32_ps(v)
#define CF_GE(a, b) ((uint32_t)_mm512_cmp_ps_mask((a), (b), _CMP_GE_OQ))

static inline __m512i vk_pairs(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
}

static inline void CI_SUM4(__m512i a, __m512i b, __m512i c, __m512i d, int32_t out[4]) {
  const __m512i ab = vk_pairs(a, b), cd = vk_pairs(c, d);
  const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  _mm_storeu_si128((__m128i *)(void *)out, sums);
}

#include "codes_template.h"

#pragma clang attribute pop

const vk_code_kernels vk_codes_avx512vnni = CV_TABLE(VK_CODES_AVX512VNNI);
#else
typedef int vk_codes_avx512vnni_needs_x86_64;
#endif
