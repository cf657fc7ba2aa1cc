// Portable tier: vectors of four floats in the compiler's own vector type, which it maps to whatever the baseline of
// the architecture has (SSE2 on x86-64), or to plain scalar code. The product of V_FMA is rounded unless the compiler
// fuses it, so a term passes one rounding more than in the other tiers; ScoreBound.swift allows for it.
#include "elements.h"
#include "tables.h"

#define VK_WIDTH 4
#define VK_TILE_ROWS 4
typedef float vk_vec __attribute__((vector_size(16)));
typedef float vk_vec_any __attribute__((vector_size(16), aligned(1), may_alias));

#define V_ZERO() ((vk_vec){0, 0, 0, 0})
#define V_SPLAT(x) ((vk_vec){(x), (x), (x), (x)})
#define V_LOAD(p) (*(const vk_vec_any *)(p))
#define V_STORE(p, v) (*(vk_vec_any *)(p) = (v))
#define V_ADD(a, b) ((a) + (b))
#define V_SUB(a, b) ((a) - (b))
#define V_FMA(a, b, c) ((a) * (b) + (c))

static inline float V_SUM(vk_vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }

static inline uint32_t V_GE(vk_vec a, vk_vec b) {
  const __typeof__(a >= b) lanes = a >= b;
  return (uint32_t)((lanes[0] & 1) | (lanes[1] & 2) | (lanes[2] & 4) | (lanes[3] & 8));
}

static inline vk_vec V_PART(const void *from, size_t count) {
  vk_vec v = V_ZERO();
  for (size_t i = 0; i < count; i++) v[i] = ((const vk_float_any *)from)[i];
  return v;
}

static inline vk_vec V_PART_F16(const void *from, size_t count) {
  vk_vec v = V_ZERO();
  for (size_t i = 0; i < count; i++) v[i] = vk_element_f16(((const vk_half_any *)from)[i]);
  return v;
}

static inline vk_vec V_PART_BF16(const void *from, size_t count) {
  vk_vec v = V_ZERO();
  for (size_t i = 0; i < count; i++) v[i] = vk_element_bf16(((const vk_half_any *)from)[i]);
  return v;
}

#define V_LOAD_F16(p) V_PART_F16((p), 4)
#define V_LOAD_BF16(p) V_PART_BF16((p), 4)

#include "kernels_template.h"
#include "columns_scalar.h"

const vk_kernels vk_table_scalar = VK_TABLE(VK_SCALAR);
