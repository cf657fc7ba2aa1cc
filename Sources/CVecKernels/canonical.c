// The canonical score: what callers see and what decides the order of results. Double precision, products of float32
// are exact in it, a fixed summation order, no contraction: the same bits on every CPU and for every way in which
// queries are batched. It is plain C, written once and compiled for a few instruction sets: without contraction a wider
// register does the same IEEE operations in the same order, only more of them at a time.
//
// Summation order: sum[j] takes the terms i = j, j + 8, j + 16, ... in that order; then
// ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)).
#include "elements.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8, AHEAD = 10, CACHE_LINE = 64, PREFETCH_BYTES = 2048 };

// Eight values of one kind; the compiler splits them into whatever registers the instruction set has. Functions take
// pointers to them, as how they are passed by value depends on the instruction set.
typedef double vk_double8 __attribute__((vector_size(64)));
typedef float vk_float8 __attribute__((vector_size(32)));
typedef uint32_t vk_word8 __attribute__((vector_size(32)));
typedef uint16_t vk_half8 __attribute__((vector_size(16)));
typedef _Float16 vk_float16x8 __attribute__((vector_size(16)));

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS double total(const vk_double8 *sum) {
  const vk_double8 s = *sum;
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// The values i to i + count - 1, zeros after them. As no sum is ever -0, adding the products of zeros changes nothing.
// `has_half` says that the instruction set widens halves by itself; both ways are exact.
ALWAYS void load(uint32_t type, bool has_half, const char *row, size_t i, size_t count, vk_double8 *out) {
  if (type == VK_F32) {
    vk_float8 values = {0};
    __builtin_memcpy(&values, row + 4 * i, 4 * count);
    *out = __builtin_convertvector(values, vk_double8);
    return;
  }
  vk_half8 halves = {0};
  __builtin_memcpy(&halves, row + 2 * i, 2 * count);
  if (type == VK_F16 && has_half) {
    *out = __builtin_convertvector(__builtin_convertvector((vk_float16x8)halves, vk_float8), vk_double8);
    return;
  }
  const vk_word8 words = __builtin_convertvector(halves, vk_word8);
  vk_float8 values;
  if (type == VK_BF16) {
    values = (vk_float8)(words << 16);
  } else {
    // As vk_element_f16 does it; stored values are finite.
    const vk_float8 magnitude = (vk_float8)((words & 0x7FFF) << 13) * 0x1p112f;
    values = (vk_float8)((vk_word8)magnitude | (words & 0x8000) << 16);
  }
  *out = __builtin_convertvector(values, vk_double8);
}

// The rows to settle lie scattered; without this each one waits for memory.
static inline void prefetch(const char *row, size_t bytes) {
  for (size_t at = 0; at < bytes && at < PREFETCH_BYTES; at += CACHE_LINE) __builtin_prefetch(row + at);
}

typedef struct { double cross, square; } sums;

ALWAYS void add(
  uint32_t metric, const vk_double8 *query, const vk_double8 *row, vk_double8 *cross, vk_double8 *square
) {
  if (metric == VK_L2) {
    const vk_double8 difference = *query - *row;
    *cross += difference * difference;
  } else {
    *cross += *query * *row;
    if (metric == VK_COSINE) *square += *row * *row;
  }
}

ALWAYS sums accumulate(
  uint32_t metric, uint32_t type, bool has_half, const float *query, const char *row, size_t d
) {
  vk_double8 cross = {0}, square = {0}, q, x;
  size_t i = 0;
  for (; i + LANES <= d; i += LANES) {
    load(VK_F32, has_half, (const char *)query, i, LANES, &q);
    load(type, has_half, row, i, LANES, &x);
    add(metric, &q, &x, &cross, &square);
  }
  if (i < d) {
    load(VK_F32, has_half, (const char *)query, i, d - i, &q);
    load(type, has_half, row, i, d - i, &x);
    add(metric, &q, &x, &cross, &square);
  }
  return (sums){total(&cross), total(&square)};
}

ALWAYS void settle(
  uint32_t metric, uint32_t type, bool has_half, const float *query, double query_norm, const char *base, size_t d,
  const uint32_t *rows, size_t n, float *out
) {
  const size_t stride = d * vk_element_size(type);
  for (size_t r = 0; r < n; r++) {
    if (r + AHEAD < n) prefetch(base + rows[r + AHEAD] * stride, stride);
    const sums s = accumulate(metric, type, has_half, query, base + rows[r] * stride, d);
    const double score = metric == VK_L2 ? -s.cross
      : metric == VK_COSINE ? s.cross / (query_norm * __builtin_sqrt(s.square)) : s.cross;
    out[r] = (float)score;
  }
}

#define SETTLE(metric, type, has_half) settle(metric, type, has_half, query, query_norm, base, d, rows, n, out)
#define SETTLE_METRIC(metric, has_half) \
  switch (type) { \
  case VK_F32: SETTLE(metric, VK_F32, has_half); break; \
  case VK_F16: SETTLE(metric, VK_F16, has_half); break; \
  default: SETTLE(metric, VK_BF16, has_half); break; \
  }

#define SETTLE_TIER(name, has_half) \
  static void name( \
    uint32_t metric, uint32_t type, const float *query, double query_norm, const void *base, size_t d, \
    const uint32_t *rows, size_t n, float *out \
  ) { \
    switch (metric) { \
    case VK_IP: SETTLE_METRIC(VK_IP, has_half) break; \
    case VK_COSINE: SETTLE_METRIC(VK_COSINE, has_half) break; \
    default: SETTLE_METRIC(VK_L2, has_half) break; \
    } \
  }

SETTLE_TIER(settle_baseline, false)

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
SETTLE_TIER(settle_avx2, true)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
SETTLE_TIER(settle_avx512, true)
#pragma clang attribute pop
#endif

vk_settle_fn vk_settle_for(uint32_t tier) {
  if (vk_kernels_for(tier) == NULL) return NULL;
#if defined(__x86_64__)
  if (tier == VK_AVX2) return settle_avx2;
  if (tier == VK_AVX512) return settle_avx512;
#endif
  return settle_baseline;
}

double vk_norm(const float *values, size_t d) {
  return __builtin_sqrt(accumulate(VK_IP, VK_F32, false, values, (const char *)values, d).cross);
}

void vk_widen(uint32_t type, const void *from, size_t count, float *to) {
  vk_float_any *out = to;
  if (type == VK_F32) {
    __builtin_memcpy(to, from, count * 4);
  } else if (type == VK_F16) {
    for (size_t i = 0; i < count; i++) out[i] = vk_element_f16(((const vk_half_any *)from)[i]);
  } else {
    for (size_t i = 0; i < count; i++) out[i] = vk_element_bf16(((const vk_half_any *)from)[i]);
  }
}
