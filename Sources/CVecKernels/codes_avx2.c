// AVX2 without VNNI: vpmaddubsw wants one unsigned operand and saturates at 16 bits, so it gets the magnitudes of the
// centred codes (at most 128) and the query codes with the codes' signs: 2 * 128 * 127 = 32512 fits. In tiles, where
// arithmetic is what counts, query codes are a bit shorter, so that codes go in as they are: 2 * 255 * 63 = 32130.
#if defined(__x86_64__)
#include "codes_256.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define CV_BIASED 0
#define CV_TILE_BIASED 1
#define CV_TILE_QUERY_MAX 63

static inline __attribute__((always_inline)) __m256i CI_DOT(__m256i sum, __m256i codes, __m256i query) {
  const __m256i centred = _mm256_xor_si256(codes, _mm256_set1_epi8((char)0x80));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(centred), _mm256_sign_epi8(query, centred));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline __attribute__((always_inline)) __m256i CI_DOT_TILE(__m256i sum, __m256i codes, __m256i query) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(codes, query), _mm256_set1_epi16(1)));
}

// Halves are at most 15: eight sums of two products fit 16 bits, 8 * 2 * 15 * 127 = 30480, before they are widened.
#define CI_SMALL_GROUPS 4

static inline __attribute__((always_inline)) __m256i CI_DOT_SMALL(__m256i some, __m256i codes, __m256i query) {
  return _mm256_add_epi16(some, _mm256_maddubs_epi16(codes, query));
}

static inline __attribute__((always_inline)) __m256i CI_WHOLE(__m256i some) {
  return _mm256_madd_epi16(some, _mm256_set1_epi16(1));
}

#include "codes_template.h"

#pragma clang attribute pop

const vk_code_kernels vk_codes_avx2 = CV_TABLE(VK_CODES_AVX2);
#else
typedef int vk_codes_avx2_needs_x86_64;
#endif
