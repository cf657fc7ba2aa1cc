// Loads and conversions of single elements, for any alignment. Shared by the canonical code and the kernel tails.
#ifndef VEC_ELEMENTS_H
#define VEC_ELEMENTS_H

#include "CVecKernels.h"

// Accesses through these types promise no alignment.
typedef float vk_float_any __attribute__((aligned(1), may_alias));
typedef uint16_t vk_half_any __attribute__((aligned(1), may_alias));

static inline float vk_from_bits(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t vk_to_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The exponent is rebiased by a multiplication with 2^112, which is exact and turns f16 subnormals into f32 normals.
static inline float vk_element_f16(uint16_t half) {
  const uint32_t magnitude = half & 0x7FFFu;
  uint32_t bits = vk_to_bits(vk_from_bits(magnitude << 13) * 0x1p112f);
  bits |= magnitude >= 0x7C00u ? 0x7F800000u : 0u;
  return vk_from_bits(bits | (uint32_t)(half & 0x8000u) << 16);
}

static inline float vk_element_bf16(uint16_t half) { return vk_from_bits((uint32_t)half << 16); }

static inline size_t vk_element_size(uint32_t type) { return type == VK_F32 ? 4 : 2; }

#endif
