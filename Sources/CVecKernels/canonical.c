// The canonical score: what callers see and what decides the order of results. Double precision, products of float32
// are exact in it, a fixed summation order, no contraction: the same bits on every CPU and for every way in which
// queries are batched. It is plain C for the baseline of the architecture and has no tiers on purpose.
//
// Summation order: sum[j] takes the terms i = j, j + 8, j + 16, ... in that order; then
// ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7)).
#include "elements.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8, AHEAD = 6, CACHE_LINE = 64, PREFETCH_BYTES = 2048 };

static inline double total(const double sum[LANES]) {
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static inline void load(uint32_t type, const char *row, size_t i, size_t count, float out[LANES]) {
  if (type == VK_F32) {
    for (size_t j = 0; j < count; j++) out[j] = ((const vk_float_any *)row)[i + j];
  } else if (type == VK_F16) {
    for (size_t j = 0; j < count; j++) out[j] = vk_element_f16(((const vk_half_any *)row)[i + j]);
  } else {
    for (size_t j = 0; j < count; j++) out[j] = vk_element_bf16(((const vk_half_any *)row)[i + j]);
  }
}

// The rows to settle lie scattered; without this each one waits for memory.
static inline void prefetch(const char *row, size_t bytes) {
  for (size_t at = 0; at < bytes && at < PREFETCH_BYTES; at += CACHE_LINE) __builtin_prefetch(row + at);
}

typedef struct { double cross, square; } sums;

static inline __attribute__((always_inline)) void add(
  const uint32_t metric, const vk_float_any *query, const float *row, size_t count, double *cross, double *square
) {
  for (size_t j = 0; j < count; j++) {
    const double q = query[j];
    const double x = row[j];
    if (metric == VK_L2) {
      const double difference = q - x;
      cross[j] += difference * difference;
    } else {
      cross[j] += q * x;
      if (metric == VK_COSINE) square[j] += x * x;
    }
  }
}

static inline __attribute__((always_inline)) sums accumulate(
  const uint32_t metric, const uint32_t type, const float *query, const char *row, size_t d
) {
  double cross[LANES] = {0};
  double square[LANES] = {0};
  const vk_float_any *q = query;
  float values[LANES];
  size_t i = 0;
  for (; i + LANES <= d; i += LANES) {
    load(type, row, i, LANES, values);
    add(metric, q + i, values, LANES, cross, square);
  }
  load(type, row, i, d - i, values);
  add(metric, q + i, values, d - i, cross, square);
  return (sums){total(cross), total(square)};
}

static inline __attribute__((always_inline)) void settle(
  const uint32_t metric, const uint32_t type, const float *query, double query_norm, const char *base, size_t d,
  const uint32_t *rows, size_t n, float *out
) {
  const size_t stride = d * vk_element_size(type);
  for (size_t r = 0; r < n; r++) {
    if (r + AHEAD < n) prefetch(base + rows[r + AHEAD] * stride, stride);
    const sums s = accumulate(metric, type, query, base + rows[r] * stride, d);
    const double score = metric == VK_L2 ? -s.cross
      : metric == VK_COSINE ? s.cross / (query_norm * __builtin_sqrt(s.square)) : s.cross;
    out[r] = (float)score;
  }
}

#define SETTLE(metric, type) settle(metric, type, query, query_norm, base, d, rows, n, out)
#define SETTLE_METRIC(metric) \
  switch (type) { \
  case VK_F32: SETTLE(metric, VK_F32); break; \
  case VK_F16: SETTLE(metric, VK_F16); break; \
  default: SETTLE(metric, VK_BF16); break; \
  }

void vk_settle(
  uint32_t metric, uint32_t type, const float *query, double query_norm, const void *base, size_t d,
  const uint32_t *rows, size_t n, float *out
) {
  switch (metric) {
  case VK_IP: SETTLE_METRIC(VK_IP) break;
  case VK_COSINE: SETTLE_METRIC(VK_COSINE) break;
  default: SETTLE_METRIC(VK_L2) break;
  }
}

double vk_norm(const float *values, size_t d) {
  return __builtin_sqrt(accumulate(VK_IP, VK_F32, values, (const char *)values, d).cross);
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
