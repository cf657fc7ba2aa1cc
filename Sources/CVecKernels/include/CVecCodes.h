#ifndef VEC_CODES_H
#define VEC_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Code planes: rows as one byte per dimension. A code byte b stands for the number b - 128; code 128 is zero and pads
// rows to their stride, which is 32 or a multiple of 64. Query codes are int8 between -127 and 127, zero where rows are
// padded. Integer results are exact, so they are the same in every tier, for every byte value.

enum { VK_CODES_SCALAR = 0, VK_CODES_AVX2 = 1, VK_CODES_AVXVNNI = 2, VK_CODES_AVX512VNNI = 3, VK_CODES_NEON = 4 };

/// What turns the integers of a row x into scores and bounds: x is near x^ = scale * (codes - 128), |x - x^| <= error
/// and |x^| <= length. offset is added to scores and may be 0.
typedef struct vk_code_factors {
  float scale;
  float error;
  float length;
  float offset;
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

// Sketches: half a byte per dimension, for scanning only. Blocks of 16 rows, [d / 8 rounded up][16 rows][4 bytes]; byte
// b of group g holds dimension 8 g + b in its low and 8 g + 4 + b in its high half. A half h stands for 2 h - 15, so
// rows are x^ = scale * (2 h - 15). Halves of rows and dimensions that do not exist are 0, and query codes there are 0
// as well.

enum { VK_SKETCH_ROWS = 16 };

/// Arrays are padded to whole blocks; offset is NULL for zeros.
typedef struct vk_sketch {
  const uint8_t *blocks;
  /// Groups of 8 dimensions.
  size_t groups;
  /// Per row.
  const float *scale;
  const float *error;
  const float *offset;
  /// Per block: the greatest of its rows'.
  const float *length;
} vk_sketch;

/// One query; the fields mean what they do in a group.
typedef struct vk_sketch_query {
  /// At least 8 * groups.
  const int8_t *codes;
  /// Minus 15 times the sum of the codes.
  int32_t bias;
  float scale;
  float error_weight;
  float length_weight;
  float least;
} vk_sketch_query;

typedef struct vk_code_kernels {
  uint32_t tier;
  /// Queries that one vector register holds side by side.
  uint32_t width;
  /// Rows per register tile.
  uint32_t tile_rows;
  /// Magnitude that the query codes of a tile have at most: 127, or less where that is faster.
  uint32_t tile_query_max;
  /// Products of one query with n rows, row after row: out[n].
  void (*dot_rows)(const int8_t *query, int32_t bias, const uint8_t *codes, size_t n, size_t stride, int32_t *out);
  /// The same for rows given by number, with prefetches ahead.
  void (*dot_gather)(
    const int8_t *query, int32_t bias, const uint8_t *codes, size_t stride, const uint32_t *rows, size_t n,
    int32_t *out);
  /// Hits of n rows under a group, whose codes are at most `tile_query_max`; position = row * lanes + lane with rows
  /// counted from `first` as 0. Room for n * lanes hits; returns how many there are.
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
  /// The same for rows given by number, one product each; position = row.
  size_t (*gather_hits)(
    const vk_code_group *group, const int32_t *dots, const vk_code_factors *factors, const uint32_t *rows, size_t n,
    vk_code_hit *out);
  /// Numbers of the rows first..<first+n whose upper bound by sketch reaches `least` under one of `count` queries (1 or
  /// more), ascending; `first` is a multiple of 16. Of `allowed`, unless it is null, bit row % 64 of word row / 64 must be set
  /// for a row to be among them; blocks of 16 without any are passed over. Room for n; returns how many there are.
  size_t (*sketch_hits)(
    const vk_sketch_query *queries, size_t count, const vk_sketch *rows, const uint64_t *allowed, size_t first, size_t n,
    uint32_t *out);
  /// Of the same rows the score by sketch, offset included, and how far the true one can lie from it. Room for n
  /// rounded up to whole blocks of 16.
  void (*sketch_scores)(
    const vk_sketch_query *query, const vk_sketch *rows, size_t first, size_t n, float *scores, float *slacks);
} vk_code_kernels;

/// The table of a tier, or NULL when this CPU or its operating system cannot run it.
const vk_code_kernels *vk_code_kernels_for(uint32_t tier);

/// Asks for the cache lines of some bytes.
static inline void vk_prefetch_bytes(const void *bytes, size_t count) {
  const char *at = (const char *)bytes;
  for (size_t i = 0; i < count; i += 64) __builtin_prefetch(at + i, 0, 3);
}

/// What one vector became.
typedef struct vk_encoded {
  float scale;
  float error;
  float length;
  /// Half of the squared norm, in double.
  double half_square;
  int32_t sum;
} vk_encoded;

/// Codes values[d] / divisor as bytes (code + 128) with codes from -most to most, 127 or less, padded to stride. Plain
/// double arithmetic in a fixed order: the same bytes on every CPU. The values are finite; divisor is the norm under
/// cosine and 1 otherwise.
vk_encoded vk_encode(
  const float *values, size_t d, double divisor, int32_t most, size_t stride, uint8_t *codes);

/// What one vector became as a sketch.
typedef struct vk_sketched {
  float scale;
  float error;
  float length;
} vk_sketched;

/// Writes the halves of values[d] / divisor into row `lane` of a block that is still zero there.
vk_sketched vk_sketch_encode(const float *values, size_t d, double divisor, size_t lane, uint8_t *block);

#endif
