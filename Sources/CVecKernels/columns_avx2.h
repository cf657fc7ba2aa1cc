// Unsigned comparison by the minimum: x <= span where min(x, span) is x. 64-bit numbers have none, so both sides are moved by
// 2^63 and compared as signed ones.
VK_INLINE __m256i column_load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }

VK_INLINE uint64_t column_u8(const uint8_t *values, uint8_t least, uint8_t span) {
  const __m256i low = _mm256_set1_epi8((char)least), width = _mm256_set1_epi8((char)span);
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 2; part++) {
    const __m256i x = _mm256_sub_epi8(column_load(values + 32 * part), low);
    const __m256i in = _mm256_cmpeq_epi8(_mm256_min_epu8(x, width), x);
    bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(in) << (32 * part);
  }
  return bits;
}

VK_INLINE __m256i column_in_u16(const uint16_t *values, __m256i low, __m256i width) {
  const __m256i x = _mm256_sub_epi16(column_load(values), low);
  return _mm256_cmpeq_epi16(_mm256_min_epu16(x, width), x);
}

VK_INLINE uint64_t column_u16(const uint16_t *values, uint16_t least, uint16_t span) {
  const __m256i low = _mm256_set1_epi16((short)least), width = _mm256_set1_epi16((short)span);
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 2; part++) {
    const __m256i first = column_in_u16(values + 32 * part, low, width);
    const __m256i second = column_in_u16(values + 32 * part + 16, low, width);
    // Packing works within halves of a register: 0 2 1 3 puts the quarters in order.
    const __m256i in = _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xD8);
    bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(in) << (32 * part);
  }
  return bits;
}

VK_INLINE uint64_t column_u32(const uint32_t *values, uint32_t least, uint32_t span) {
  const __m256i low = _mm256_set1_epi32((int)least), width = _mm256_set1_epi32((int)span);
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 8; part++) {
    const __m256i x = _mm256_sub_epi32(column_load(values + 8 * part), low);
    const __m256i in = _mm256_cmpeq_epi32(_mm256_min_epu32(x, width), x);
    bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(in)) << (8 * part);
  }
  return bits;
}

VK_INLINE uint64_t column_u64(const uint64_t *values, uint64_t least, uint64_t span) {
  const uint64_t sign = (uint64_t)1 << 63;
  const __m256i low = _mm256_set1_epi64x((long long)(least + sign)), width = _mm256_set1_epi64x((long long)(span ^ sign));
  uint64_t outside = 0;
  VK_UNROLL for (size_t part = 0; part < 16; part++) {
    const __m256i x = _mm256_sub_epi64(column_load(values + 4 * part), low);  // value - least, moved by 2^63
    const __m256i out = _mm256_cmpgt_epi64(x, width);
    outside |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(out)) << (4 * part);
  }
  return ~outside;
}

VK_INLINE uint64_t column_f64(const double *values, double least, double greatest) {
  const __m256d low = _mm256_set1_pd(least), high = _mm256_set1_pd(greatest);
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 16; part++) {
    const __m256d x = _mm256_loadu_pd(values + 4 * part);
    const __m256d in = _mm256_and_pd(_mm256_cmp_pd(x, low, _CMP_GE_OQ), _mm256_cmp_pd(x, high, _CMP_LE_OQ));
    bits |= (uint64_t)(uint32_t)_mm256_movemask_pd(in) << (4 * part);
  }
  return bits;
}

#include "columns_template.h"
