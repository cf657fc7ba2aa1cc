// NEON with the dot product instructions: centred codes times query codes, both signed, four pairs to a lane.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "codes_tables.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define CV_WIDTH 4
#define CV_TILE_ROWS 8
#define CV_BIASED 0
#define CV_TILE_BIASED CV_BIASED
#define CV_TILE_QUERY_MAX 127
#define CI_DOT_TILE CI_DOT
typedef int32x4_t cv_int;
typedef float32x4_t cv_float;

#define CI_ZERO() vdupq_n_s32(0)
#define CI_SPLAT(x) vdupq_n_s32(x)
#define CI_SPLAT_AT(p) vld1q_dup_s32((const int32_t *)(const void *)(p))
#define CI_LOAD(p) vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)(const void *)(p)))
#define CI_HALF(p) CI_LOAD(p)
#define CI_ADD(a, b) vaddq_s32((a), (b))
#define CI_BYTES(v) vreinterpretq_u8_s32(v)
#define CI_LOW(v) vreinterpretq_s32_u8(vandq_u8(CI_BYTES(v), vdupq_n_u8(15)))
#define CI_HIGH(v) vreinterpretq_s32_u8(vshrq_n_u8(CI_BYTES(v), 4))
#define CI_DOT_SMALL(sum, codes, query) \
  vdotq_s32((sum), vreinterpretq_s8_s32(codes), vreinterpretq_s8_s32(query))
#define CI_SMALL_GROUPS 8
#define CI_WHOLE(some) (some)
#define CF_ZERO() vdupq_n_f32(0)
#define CF_SPLAT(x) vdupq_n_f32(x)
#define CF_LOAD(p) vld1q_f32(p)
#define CF_STORE(p, v) vst1q_f32((p), (v))
#define CF_FMA(a, b, c) vfmaq_f32((c), (a), (b))
#define CF_MUL(a, b) vmulq_f32((a), (b))
#define CF_ADD(a, b) vaddq_f32((a), (b))
#define CF_MAX(a, b) vmaxq_f32((a), (b))
#define CF_INT(v) vcvtq_f32_s32(v)

static inline int32x4_t CI_DOT(int32x4_t sum, int32x4_t codes, int32x4_t query) {
  const uint8x16_t centred = veorq_u8(vreinterpretq_u8_s32(codes), vdupq_n_u8(0x80));
  return vdotq_s32(sum, vreinterpretq_s8_u8(centred), vreinterpretq_s8_s32(query));
}

static inline void CI_SUM4(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d, int32_t out[4]) {
  vst1q_s32(out, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
}

static inline uint32_t CF_GE(float32x4_t a, float32x4_t b) {
  const uint32x4_t bits = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgeq_f32(a, b), bits));
}

#include "codes_template.h"

#pragma clang attribute pop

const vk_code_kernels vk_codes_neon = CV_TABLE(VK_CODES_NEON);
#else
typedef int vk_codes_neon_needs_aarch64;
#endif
