#ifndef VEC_KERNELS_H
#define VEC_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CVecCodes.h"

// Distance kernels. No allocation, no state: every function is a pure function of its arguments, and every table is
// constant. Two families:
//
//   tables     fast float32 scores, one table per CPU tier. They differ between tiers in their last bits; how far
//              they can lie from the canonical score is derived in docs/decisions/0002-exact-by-bound-and-settle.md.
//   canonical  the score that callers see: double, fixed summation order, the same bits on every CPU.
//
// Everywhere: d is 1 to 4096; pointers may have any alignment; nothing outside [pointer, pointer + length) is read.
// Element types and metrics are the raw values of VecCore's ElementType and Metric.

enum { VK_F32 = 0, VK_F16 = 1, VK_BF16 = 2 };
enum { VK_IP = 0, VK_COSINE = 1, VK_L2 = 2 };
enum { VK_SCALAR = 0, VK_AVX2 = 1, VK_AVX512 = 2, VK_NEON = 3 };

/// Scores of one query against n rows, row after row without a gap: out[n].
typedef void (*vk_rows_fn)(const float *query, const void *rows, size_t n, size_t d, float *out);

/// Scores of `vectors * width` queries against n float32 rows. packed[d][vectors * width] holds the queries transposed;
/// out[n][vectors * width]. `vectors` is 1 or 2.
typedef void (*vk_tile_fn)(const float *packed, size_t vectors, const void *rows, size_t n, size_t d, float *out);

typedef void (*vk_range_fn)(
  const void *values, size_t n, uint64_t least, uint64_t span, uint64_t kept, uint64_t *out);

typedef struct vk_kernels {
  uint32_t tier;
  /// Floats per vector register: the number of queries packed side by side.
  uint32_t width;
  /// Inner products, by element type.
  vk_rows_fn dot_rows[3];
  /// Negative squared Euclidean distances, by element type.
  vk_rows_fn negl2_rows[3];
  vk_tile_fn dot_tile;
  vk_tile_fn negl2_tile;
  /// 16-bit floats to float32.
  void (*widen_f16)(const void *from, size_t count, float *to);
  void (*widen_bf16)(const void *from, size_t count, float *to);
  /// Positions of scores >= threshold, ascending; returns how many. out has room for n. NaN is never selected.
  size_t (*select)(const float *scores, size_t n, float threshold, uint32_t *out);
  /// The same over scores[n][vectors * width] with a threshold per lane; a position is row * vectors * width + lane.
  size_t (*select_tile)(const float *scores, size_t n, size_t vectors, const float *thresholds, uint32_t *out);
  /// scores[n][lanes] *= factors[n].
  void (*scale)(float *scores, const float *factors, size_t n, size_t lanes);
  /// Which of n unsigned numbers of 1, 2, 4 or 8 bytes lie in least ... least + span: bit i % 64 of out[i / 64], of which
  /// the bits in `kept` stay set. least, span and their sum fit the numbers; the values are aligned to themselves.
  vk_range_fn column_ranges[4];
  /// The same of doubles from least to greatest; NaN lies nowhere.
  void (*column_floats)(const double *values, size_t n, double least, double greatest, uint64_t kept, uint64_t *out);
} vk_kernels;

/// The table of a tier, or NULL when this CPU or its operating system cannot run it.
const vk_kernels *vk_kernels_for(uint32_t tier);

/// Canonical scores of n rows, given by number: larger is better (l2: negative squared distance), computed in double in
/// a fixed order and rounded once to float32. query_norm is vk_norm of the query (used under cosine only).
typedef void (*vk_settle_fn)(
  uint32_t metric, uint32_t type, const float *query, double query_norm, const void *base, size_t d,
  const uint32_t *rows, size_t n, float *out);

/// How a tier settles, or NULL when this CPU cannot run it. All give the same bits.
vk_settle_fn vk_settle_for(uint32_t tier);

/// Euclidean norm in double, in the canonical summation order.
double vk_norm(const float *values, size_t d);

/// What one pass over incoming rows finds.
typedef struct vk_inspection {
  /// First row with a NaN or an infinity, or n when there is none; then its first such component.
  size_t bad_row;
  size_t bad_component;
  /// Whether every value survives a round trip through the type bit by bit.
  bool fits_f16;
  bool fits_bf16;
} vk_inspection;

/// Norms of the rows into norms[n], up to the first row with a value that is not finite.
vk_inspection vk_inspect_rows(const float *rows, size_t n, size_t d, double *norms);

/// Narrowing for values that fit exactly; anything else gives an unspecified value.
void vk_narrow_f16(const float *from, size_t count, uint16_t *to);
void vk_narrow_bf16(const float *from, size_t count, uint16_t *to);

/// Starts to bring the cache line of an address into the cache. Never faults, whatever the address.
static inline void vk_prefetch(const void *address) { __builtin_prefetch(address); }

/// Any element type to float32; exact, and the same on every CPU.
void vk_widen(uint32_t type, const void *from, size_t count, float *to);

#endif
