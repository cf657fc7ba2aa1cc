// Looks at incoming rows once: are they finite, how long are they, and could they be stored in 16 bits without loss?
#include "elements.h"

#define F16_LEAST_NORMAL 0x38800000u  // 2^-14
#define F16_GREATEST 0x477FE000u      // 65504
#define F32_INFINITY 0x7F800000u

// Normal halves keep 10 of the 23 mantissa bits; subnormal ones are the multiples of 2^-24 below 2^-14, zero included.
static inline bool fits_f16(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  const bool is_small = magnitude < F16_LEAST_NORMAL;
  const float steps = vk_from_bits(is_small ? magnitude : 0) * 0x1p24f;
  const bool is_whole = (float)(int32_t)steps == steps;
  const bool is_normal = magnitude <= F16_GREATEST && (magnitude & 0x1FFFu) == 0;
  return is_small ? is_whole : is_normal;
}

vk_inspection vk_inspect_rows(const float *rows, size_t n, size_t d, double *norms) {
  vk_inspection found = {.bad_row = n, .bad_component = 0, .fits_f16 = true, .fits_bf16 = true};
  const vk_float_any *row = rows;
  for (size_t r = 0; r < n; r++, row += d) {
    uint32_t not_finite = 0, misfits = 0, low_bits = 0;
    for (size_t i = 0; i < d; i++) {
      const uint32_t bits = vk_to_bits(row[i]);
      not_finite |= (bits & F32_INFINITY) == F32_INFINITY;
      misfits |= !fits_f16(bits);
      low_bits |= bits & 0xFFFFu;
    }
    if (not_finite) {
      found.bad_row = r;
      while ((vk_to_bits(row[found.bad_component]) & F32_INFINITY) != F32_INFINITY) found.bad_component++;
      return found;
    }
    found.fits_f16 &= misfits == 0;
    found.fits_bf16 &= low_bits == 0;
    norms[r] = vk_norm((const float *)row, d);
  }
  return found;
}

void vk_narrow_f16(const float *from, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = vk_to_bits(((const vk_float_any *)from)[i]);
    const uint32_t magnitude = bits & 0x7FFFFFFFu;
    const bool is_small = magnitude < F16_LEAST_NORMAL;
    const float steps = vk_from_bits(is_small ? magnitude : 0) * 0x1p24f;
    const uint32_t half = is_small ? (uint32_t)steps : (magnitude >> 13) - (112u << 10);
    ((vk_half_any *)to)[i] = (uint16_t)((bits >> 16 & 0x8000u) | (half & 0x7FFFu));
  }
}

void vk_narrow_bf16(const float *from, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; i++) {
    ((vk_half_any *)to)[i] = (uint16_t)(vk_to_bits(((const vk_float_any *)from)[i]) >> 16);
  }
}
