// Comparisons give their bits at once.
VK_INLINE uint64_t column_u8(const uint8_t *values, uint8_t least, uint8_t span) {
  const __m512i x = _mm512_sub_epi8(_mm512_loadu_si512(values), _mm512_set1_epi8((char)least));
  return _mm512_cmple_epu8_mask(x, _mm512_set1_epi8((char)span));
}

VK_INLINE uint64_t column_u16(const uint16_t *values, uint16_t least, uint16_t span) {
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 2; part++) {
    const __m512i x = _mm512_sub_epi16(_mm512_loadu_si512(values + 32 * part), _mm512_set1_epi16((short)least));
    bits |= (uint64_t)_mm512_cmple_epu16_mask(x, _mm512_set1_epi16((short)span)) << (32 * part);
  }
  return bits;
}

VK_INLINE uint64_t column_u32(const uint32_t *values, uint32_t least, uint32_t span) {
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 4; part++) {
    const __m512i x = _mm512_sub_epi32(_mm512_loadu_si512(values + 16 * part), _mm512_set1_epi32((int)least));
    bits |= (uint64_t)_mm512_cmple_epu32_mask(x, _mm512_set1_epi32((int)span)) << (16 * part);
  }
  return bits;
}

VK_INLINE uint64_t column_u64(const uint64_t *values, uint64_t least, uint64_t span) {
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 8; part++) {
    const __m512i x = _mm512_sub_epi64(_mm512_loadu_si512(values + 8 * part), _mm512_set1_epi64((long long)least));
    bits |= (uint64_t)_mm512_cmple_epu64_mask(x, _mm512_set1_epi64((long long)span)) << (8 * part);
  }
  return bits;
}

VK_INLINE uint64_t column_f64(const double *values, double least, double greatest) {
  uint64_t bits = 0;
  VK_UNROLL for (size_t part = 0; part < 8; part++) {
    const __m512d x = _mm512_loadu_pd(values + 8 * part);
    const __mmask8 above = _mm512_cmp_pd_mask(x, _mm512_set1_pd(least), _CMP_GE_OQ);
    bits |= (uint64_t)_mm512_mask_cmp_pd_mask(above, x, _mm512_set1_pd(greatest), _CMP_LE_OQ) << (8 * part);
  }
  return bits;
}

#include "columns_template.h"
