#ifndef VEC_CODES_H
#define VEC_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Code planes: rows as one byte per dimension. A code byte b stands for the number b - 128; code 128 is zero and pads
// rows to their stride, which is 32 or a multiple of 64. Query codes are int8 between -127 and 127, zero where rows are
// padded. Integer results are exact, so they are the same in every tier, for every byte value.

enum { VK_CODES_SCALAR = 0, VK_CODES_AVX2 = 1, VK_CODES_AVXVNNI = 2, VK_CODES_AVX512VNNI = 3, VK_CODES_NEON = 4 };

/// What turns integers into scores and bounds, one array per factor, one entry per row: a row x is near
/// x^ = scale * (codes - 128), |x - x^| <= error and |x^| <= length. offset is NULL for zeros.
typedef struct vk_code_factors {
  const float *scale;
  const float *error;
  const float *length;
  const float *offset;
} vk_code_factors;

/// A few queries side by side, lanes = vectors * width; unused lanes have scale 0 and least +infinity.
typedef struct vk_code_group {
  /// [stride / 4][lanes][4] codes.
  const int8_t *packed;
  /// 1 or 2.
  size_t vectors;
  /// Per lane: minus 128 times the sum of the codes.
  const int32_t *bias;
  /// Per lane, natural units: the scale of the codes, and what a row's error and length are multiplied by.
  const float *scale;
  const float *error_weight;
  const float *length_weight;
  /// Per lane: the upper bound a row needs.
  const float *least;
} vk_code_group;

/// A row that may matter. With dot the sum of products of codes, value = (dot * query scale) * row scale and
/// slack = error * error_weight + length * length_weight: upper is value + slack + offset, and lower is
/// value - slack + offset less 2^-19 of |offset|. Both in float32.
typedef struct vk_code_hit {
  uint32_t position;
  float upper;
  float lower;
} vk_code_hit;

typedef struct vk_code_kernels {
  uint32_t tier;
  /// Queries that one vector register holds side by side.
  uint32_t width;
  /// Rows per register tile.
  uint32_t tile_rows;
  /// Products of one query with n rows, row after row: out[n].
  void (*dot_rows)(const int8_t *query, int32_t bias, const uint8_t *codes, size_t n, size_t stride, int32_t *out);
  /// The same for rows given by number, with prefetches ahead.
  void (*dot_gather)(
    const int8_t *query, int32_t bias, const uint8_t *codes, size_t stride, const uint32_t *rows, size_t n,
    int32_t *out);
  /// Hits of n rows under a group, position = row * lanes + lane with rows counted from `first` as 0. Room for
  /// n * lanes hits; returns how many there are.
  size_t (*tile_hits)(
    const vk_code_group *group, const uint8_t *codes, const vk_code_factors *factors, size_t first, size_t n,
    size_t stride, vk_code_hit *out);
  /// The best value + offset per lane of each tile of `tile_rows` rows: out[n / tile_rows][lanes].
  void (*tile_peaks)(
    const vk_code_group *group, const uint8_t *codes, const vk_code_factors *factors, size_t first, size_t n,
    size_t stride, float *out);
  /// Hits of a single query, lane 0 of the group, from the products of n rows; position = row - first.
  size_t (*row_hits)(
    const vk_code_group *group, const int32_t *dots, const vk_code_factors *factors, size_t first, size_t n,
    vk_code_hit *out);
} vk_code_kernels;

/// The table of a tier, or NULL when this CPU or its operating system cannot run it.
const vk_code_kernels *vk_code_kernels_for(uint32_t tier);

/// What one vector became.
typedef struct vk_encoded {
  float scale;
  float error;
  float length;
  /// Half of the squared norm, in double.
  double half_square;
  int32_t sum;
} vk_encoded;

/// Codes values[d] / divisor as bytes (code + 128), padded to stride. Plain double arithmetic in a fixed order: the same
/// bytes on every CPU. The values are finite; divisor is the norm under cosine and 1 otherwise.
vk_encoded vk_encode(const float *values, size_t d, double divisor, size_t stride, uint8_t *codes);

#endif
