// Portable tier over the compiler's vector type of four lanes. The integers are exact; the floats round a product more
// than FMA tiers do, which the bounds allow for.
#include "codes_tables.h"

#define CV_WIDTH 4
#define CV_TILE_ROWS 4
#define CV_BIASED 0
#define CV_TILE_BIASED CV_BIASED
#define CV_TILE_QUERY_MAX 127
#define CI_DOT_TILE CI_DOT
typedef int32_t cv_int __attribute__((vector_size(16)));
typedef int32_t cv_int_any __attribute__((vector_size(16), aligned(1), may_alias));
typedef float cv_float __attribute__((vector_size(16)));
typedef float cv_float_any __attribute__((vector_size(16), aligned(1), may_alias));

#define CI_ZERO() ((cv_int){0, 0, 0, 0})
#define CI_SPLAT(x) ((cv_int){(x), (x), (x), (x)})
#define CI_LOAD(p) (*(const cv_int_any *)(const void *)(p))
#define CI_HALF(p) CI_LOAD(p)
#define CI_ADD(a, b) ((a) + (b))
#define CI_LOW(v) ((v) & 0x0F0F0F0F)
#define CI_HIGH(v) (((v) >> 4) & 0x0F0F0F0F)
#define CI_SMALL_GROUPS 8
#define CI_WHOLE(some) (some)
#define CF_ZERO() ((cv_float){0, 0, 0, 0})
#define CF_SPLAT(x) ((cv_float){(x), (x), (x), (x)})
#define CF_LOAD(p) (*(const cv_float_any *)(const void *)(p))
#define CF_STORE(p, v) (*(cv_float_any *)(void *)(p) = (v))
#define CF_FMA(a, b, c) ((a) * (b) + (c))
#define CF_MUL(a, b) ((a) * (b))
#define CF_ADD(a, b) ((a) + (b))
#define CF_INT(v) __builtin_convertvector((v), cv_float)

static inline cv_int CI_SPLAT_AT(const void *from) {
  int32_t four;
  __builtin_memcpy(&four, from, 4);
  return CI_SPLAT(four);
}

static inline cv_float CF_MAX(cv_float a, cv_float b) {
  for (int i = 0; i < 4; i++) a[i] = a[i] > b[i] ? a[i] : b[i];
  return a;
}

// Bytes are widened to 16 bits, even and odd ones apart: a product is at most 128 * 127, so two of them fit 16 bits.
typedef int16_t cv_short __attribute__((vector_size(16)));

static inline cv_int CI_DOT_SMALL(cv_int sum, cv_int codes, cv_int query) {
  const cv_short rows = (cv_short)codes, queries = (cv_short)query;
  const cv_short even = ((cv_short)(rows << 8) >> 8) * ((cv_short)(queries << 8) >> 8);
  const cv_int pairs = (cv_int)(even + (rows >> 8) * (queries >> 8));
  return sum + ((cv_int)(pairs << 16) >> 16) + (pairs >> 16);
}

static inline cv_int CI_DOT(cv_int sum, cv_int codes, cv_int query) {
  return CI_DOT_SMALL(sum, codes ^ CI_SPLAT((int32_t)0x80808080), query);
}

static inline void CI_SUM4(cv_int a, cv_int b, cv_int c, cv_int d, int32_t out[4]) {
  const cv_int all[4] = {a, b, c, d};
  for (int i = 0; i < 4; i++) out[i] = (all[i][0] + all[i][2]) + (all[i][1] + all[i][3]);
}

static inline uint32_t CF_GE(cv_float a, cv_float b) {
  const __typeof__(a >= b) lanes = a >= b;
  return (uint32_t)((lanes[0] & 1) | (lanes[1] & 2) | (lanes[2] & 4) | (lanes[3] & 8));
}

#include "codes_template.h"

const vk_code_kernels vk_codes_scalar = CV_TABLE(VK_CODES_SCALAR);
