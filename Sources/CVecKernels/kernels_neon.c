// NEON tier, part of every arm64 CPU: vectors of 4 floats, register tiles of 8 rows x 2 query vectors. Tails go through
// zeroed copies, so nothing past a buffer is touched.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "elements.h"
#include "tables.h"

#define VK_WIDTH 4
#define VK_TILE_ROWS 8
typedef float32x4_t vk_vec;

#define V_ZERO() vdupq_n_f32(0)
#define V_SPLAT(x) vdupq_n_f32(x)
#define V_LOAD(p) vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)(p)))
#define V_STORE(p, v) vst1q_u8((uint8_t *)(p), vreinterpretq_u8_f32(v))
#define V_ADD(a, b) vaddq_f32((a), (b))
#define V_SUB(a, b) vsubq_f32((a), (b))
#define V_FMA(a, b, c) vfmaq_f32((c), (a), (b))
#define V_SUM(v) vaddvq_f32(v)

static inline uint32_t V_GE(float32x4_t a, float32x4_t b) {
  const uint32x4_t bits = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgeq_f32(a, b), bits));
}

static inline float32x4_t vk_f16(uint16x4_t halves) { return vcvt_f32_f16(vreinterpret_f16_u16(halves)); }
static inline float32x4_t vk_bf16(uint16x4_t halves) { return vreinterpretq_f32_u32(vshll_n_u16(halves, 16)); }
static inline uint16x4_t vk_halves(const void *from) { return vreinterpret_u16_u8(vld1_u8((const uint8_t *)from)); }

static inline float32x4_t V_PART(const void *from, size_t count) {
  float values[4] = {0};
  for (size_t i = 0; i < count; i++) values[i] = ((const vk_float_any *)from)[i];
  return vld1q_f32(values);
}

static inline uint16x4_t vk_part_halves(const void *from, size_t count) {
  uint16_t halves[4] = {0};
  for (size_t i = 0; i < count; i++) halves[i] = ((const vk_half_any *)from)[i];
  return vld1_u16(halves);
}

#define V_LOAD_F16(p) vk_f16(vk_halves(p))
#define V_LOAD_BF16(p) vk_bf16(vk_halves(p))
#define V_PART_F16(p, n) vk_f16(vk_part_halves((p), (n)))
#define V_PART_BF16(p, n) vk_bf16(vk_part_halves((p), (n)))

#include "kernels_template.h"
#include "columns_scalar.h"

const vk_kernels vk_table_neon = VK_TABLE(VK_NEON);
#else
typedef int vk_neon_needs_aarch64;
#endif
