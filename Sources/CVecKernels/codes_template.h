// The kernels over byte codes of one tier, written once. A tier's file defines, for its instruction set:
//
//   CV_WIDTH, CV_TILE_ROWS, cv_int, cv_float    32-bit lanes per vector, rows per register tile, the vector types
//   CV_BIASED                                   1 when CI_DOT takes code bytes as they are and not less 128
//   CI_ZERO() CI_SPLAT(x) CI_SPLAT_AT(p)        zero, a lane's value in all lanes, the same from four bytes
//   CI_LOAD(p) CI_HALF(p)                       a vector of bytes, half a vector
//   CI_DOT(sum, codes, query)                   sum + in each lane the products of its four byte pairs, exact
//   CV_TILE_BIASED CV_TILE_QUERY_MAX            the same for CI_DOT_TILE, whose query codes are no greater than that
//   CI_DOT_TILE(sum, codes, query)              the same for tiles
//   CI_DOT_SMALL(some, codes, query)            the same for codes of 0 to 15 as they are, in a sum that CI_WHOLE(some)
//                                               turns into the sum of each lane; 2 CI_SMALL_GROUPS of them fit
//   CI_LOW(v) CI_HIGH(v)                        the low and high halves of all bytes
//   CI_SUM4(a, b, c, d, out)                    the lane sums of four vectors into out[4]
//   CF_ZERO() CF_SPLAT(x) CF_LOAD(p) CF_STORE(p, v) CF_FMA(a, b, c) CF_MUL(a, b) CF_ADD(a, b) CF_MAX(a, b)
//   CF_COLUMNS(p, a, b, c, d)                   the columns of a table of CV_WIDTH rows and four columns
//   CF_INT(v) CF_GE(a, b)                       conversion of integer lanes; lane mask, NaN compares false

#ifndef CF_COLUMNS
#define CF_COLUMNS(p, a, b, c, d) \
  do { \
    float columns[4][CV_WIDTH]; \
    for (size_t cell = 0; cell < 4 * CV_WIDTH; cell++) columns[cell % 4][cell / 4] = (p)[cell]; \
    (a) = CF_LOAD(columns[0]); \
    (b) = CF_LOAD(columns[1]); \
    (c) = CF_LOAD(columns[2]); \
    (d) = CF_LOAD(columns[3]); \
  } while (0)
#endif

#define VK_INLINE static inline __attribute__((always_inline))
#define VK_UNROLL _Pragma("clang loop unroll(full)")

enum { CV_BYTES = 4 * CV_WIDTH };

// A stride is a multiple of CV_BYTES, or 32 where vectors have 64 bytes.
VK_INLINE cv_int cv_bytes(const void *from, size_t stride) {
  return stride < CV_BYTES ? CI_HALF(from) : CI_LOAD(from);
}

VK_INLINE cv_int cv_dot(const int8_t *query, const uint8_t *row, size_t stride) {
  cv_int even = CI_DOT(CI_ZERO(), cv_bytes(row, stride), cv_bytes(query, stride));
  cv_int odd = CI_ZERO();
  size_t i = CV_BYTES;
  for (; i + CV_BYTES < stride; i += 2 * CV_BYTES) {
    odd = CI_DOT(odd, CI_LOAD(row + i), CI_LOAD(query + i));
    even = CI_DOT(even, CI_LOAD(row + i + CV_BYTES), CI_LOAD(query + i + CV_BYTES));
  }
  if (i < stride) odd = CI_DOT(odd, CI_LOAD(row + i), CI_LOAD(query + i));
  return CI_ADD(even, odd);
}

VK_INLINE void cv_dot4(
  const int8_t *query, int32_t bias, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
  size_t stride, int32_t out[4]
) {
  CI_SUM4(
    cv_dot(query, a, stride), cv_dot(query, b, stride), cv_dot(query, c, stride), cv_dot(query, d, stride), out);
  VK_UNROLL for (size_t i = 0; i < 4; i++) out[i] += CV_BIASED ? bias : 0;
}

static void dot_rows(
  const int8_t *query, int32_t bias, const uint8_t *codes, size_t n, size_t stride, int32_t *out
) {
  size_t r = 0;
  for (; r + 4 <= n; r += 4) {
    const uint8_t *row = codes + r * stride;
    cv_dot4(query, bias, row, row + stride, row + 2 * stride, row + 3 * stride, stride, out + r);
  }
  for (; r < n; r++) {
    int32_t same[4];
    const uint8_t *row = codes + r * stride;
    cv_dot4(query, bias, row, row, row, row, stride, same);
    out[r] = same[0];
  }
}

// Rows lie anywhere, so each one waits for memory: they are asked for this many rows ahead.
enum { CV_AHEAD = 8 };

static void dot_gather(
  const int8_t *query, int32_t bias, const uint8_t *codes, size_t stride, const uint32_t *rows, size_t n,
  int32_t *out
) {
  for (size_t r = 0; r < n && r < CV_AHEAD; r++) vk_prefetch_bytes(codes + rows[r] * stride, stride);
  size_t r = 0;
  for (; r + 4 <= n; r += 4) {
    for (size_t next = r + CV_AHEAD; next < n && next < r + CV_AHEAD + 4; next++) {
      vk_prefetch_bytes(codes + rows[next] * stride, stride);
    }
    cv_dot4(
      query, bias, codes + rows[r] * stride, codes + rows[r + 1] * stride, codes + rows[r + 2] * stride,
      codes + rows[r + 3] * stride, stride, out + r);
  }
  for (; r < n; r++) {
    int32_t same[4];
    const uint8_t *row = codes + rows[r] * stride;
    cv_dot4(query, bias, row, row, row, row, stride, same);
    out[r] = same[0];
  }
}

#include "tile_template.h"

// One row and lane 0 of a group. Products are rounded before they are added where the compiler does not contract them,
// which the bounds allow for.
VK_INLINE vk_code_hit *cv_row_hit(
  const vk_code_group *group, int32_t dot, const vk_code_factors *row, uint32_t position, vk_code_hit *out
) {
  const float slack = row->error * group->error_weight[0] + (row->length * group->length_weight[0] + row->offset);
  const float upper = (float)dot * group->scale[0] * row->scale + slack;
  return upper >= group->least[0] ? cv_write_hits(1, position, &upper, &slack, row->offset, out) : out;
}

// CV_WIDTH rows and lane 0 of a group, one row to a lane. Their positions are `numbers`, or count from `first` without.
VK_INLINE vk_code_hit *cv_rows_hits(
  const vk_code_group *group, const int32_t *dots, const vk_code_factors *rows, const uint32_t *numbers, size_t first,
  vk_code_hit *out
) {
  cv_float scale, error, length, offset;
  CF_COLUMNS((const float *)rows, scale, error, length, offset);
  const cv_float common = CF_FMA(length, CF_SPLAT(group->length_weight[0]), offset);
  const cv_float slack = CF_FMA(error, CF_SPLAT(group->error_weight[0]), common);
  const cv_float value = CF_MUL(CF_INT(CI_LOAD(dots)), CF_SPLAT(group->scale[0]));
  const cv_float upper = CF_FMA(value, scale, slack);
  uint32_t mask = CF_GE(upper, CF_SPLAT(group->least[0]));
  if (mask == 0) return out;
  float uppers[CV_WIDTH], slacks[CV_WIDTH];
  CF_STORE(uppers, upper);
  CF_STORE(slacks, slack);
  for (; mask != 0; mask &= mask - 1) {
    const size_t r = (size_t)__builtin_ctz(mask);
    const uint32_t position = numbers ? numbers[r] : (uint32_t)(first + r);
    out = cv_write_hits(1, position, uppers + r, slacks + r, rows[r].offset, out);
  }
  return out;
}

static size_t row_hits(
  const vk_code_group *group, const int32_t *dots, const vk_code_factors *factors, size_t first, size_t n,
  vk_code_hit *out
) {
  vk_code_hit *end = out;
  size_t r = 0;
  for (; r + CV_WIDTH <= n; r += CV_WIDTH) {
    end = cv_rows_hits(group, dots + r, factors + first + r, NULL, r, end);
  }
  for (; r < n; r++) end = cv_row_hit(group, dots[r], factors + first + r, (uint32_t)r, end);
  return (size_t)(end - out);
}

static size_t gather_hits(
  const vk_code_group *group, const int32_t *dots, const vk_code_factors *factors, const uint32_t *rows, size_t n,
  vk_code_hit *out
) {
  vk_code_hit *end = out;
  for (size_t r = 0; r < n && r < CV_AHEAD; r++) __builtin_prefetch(factors + rows[r]);
  size_t r = 0;
  for (; r + CV_WIDTH <= n; r += CV_WIDTH) {
    vk_code_factors some[CV_WIDTH];
    for (size_t i = 0; i < CV_WIDTH; i++) {
      if (r + i + CV_AHEAD < n) __builtin_prefetch(factors + rows[r + i + CV_AHEAD]);
      some[i] = factors[rows[r + i]];
    }
    end = cv_rows_hits(group, dots + r, some, rows + r, 0, end);
  }
  for (; r < n; r++) end = cv_row_hit(group, dots[r], factors + rows[r], rows[r], end);
  return (size_t)(end - out);
}

#include "sketch_template.h"

#define CV_TABLE(tier_number) \
  { \
    .tier = tier_number, .width = CV_WIDTH, .tile_rows = CV_TILE_ROWS, .tile_query_max = CV_TILE_QUERY_MAX, \
    .dot_rows = dot_rows, .dot_gather = dot_gather, .tile_hits = tile_hits, \
    .tile_peaks = tile_peaks, .row_hits = row_hits, .gather_hits = gather_hits, .sketch_hits = sketch_hits, \
    .sketch_scores = sketch_scores \
  }
