// The kernels over sketches of one tier; part of codes_template.h. A block's 16 rows lie side by side in the lanes, so
// nothing is summed across lanes: 64 bytes are 8 dimensions of 16 rows, and give two products per lane and load.

enum { CV_PARTS = VK_SKETCH_ROWS / CV_WIDTH, CV_SKETCH_BYTES = 4 * VK_SKETCH_ROWS };

VK_INLINE void cv_sketch_sums(
  const vk_sketch_query *query, const uint8_t *block, size_t groups, cv_int sum[CV_PARTS]
) {
  cv_int low[CV_PARTS], high[CV_PARTS];
  VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) low[p] = high[p] = CI_ZERO();
  const int8_t *codes = query->codes;
  for (size_t g = 0; g < groups; g++, block += CV_SKETCH_BYTES, codes += 8) {
    int32_t four[2];
    __builtin_memcpy(four, codes, 8);
    const cv_int low_query = CI_SPLAT(four[0]), high_query = CI_SPLAT(four[1]);
    VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
      const cv_int bytes = CI_LOAD(block + p * CV_BYTES);
      low[p] = CI_DOT_SMALL(low[p], CI_LOW(bytes), low_query);
      high[p] = CI_DOT_SMALL(high[p], CI_HIGH(bytes), high_query);
    }
  }
  const cv_int bias = CI_SPLAT(query->bias);
  VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
    const cv_int both = CI_ADD(low[p], high[p]);
    sum[p] = CI_ADD(CI_ADD(both, both), bias);
  }
}

// The score, without offset, and the slack of the CV_WIDTH rows of part p.
VK_INLINE cv_float cv_sketch_value(const vk_sketch_query *query, const vk_sketch *rows, size_t row, cv_int sum) {
  return CF_MUL(CF_MUL(CF_INT(sum), CF_SPLAT(query->scale)), CF_LOAD(rows->scale + row));
}

VK_INLINE cv_float cv_sketch_slack(const vk_sketch_query *query, const vk_sketch *rows, size_t row) {
  const float common = rows->length[row / VK_SKETCH_ROWS] * query->length_weight;
  return CF_FMA(CF_LOAD(rows->error + row), CF_SPLAT(query->error_weight), CF_SPLAT(common));
}

VK_INLINE cv_float cv_sketch_offset(const vk_sketch *rows, size_t row) {
  return rows->offset ? CF_LOAD(rows->offset + row) : CF_ZERO();
}

// Lanes of the rows r..<r + 16, counted from `first`, whose upper bound under one query reaches its least.
VK_INLINE uint32_t cv_sketch_mask(
  const vk_sketch_query *query, const vk_sketch *rows, const uint8_t *block, size_t row
) {
  cv_int sum[CV_PARTS];
  cv_sketch_sums(query, block, rows->groups, sum);
  const cv_float least = CF_SPLAT(query->least);
  uint32_t mask = 0;
  VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
    const size_t at = row + p * CV_WIDTH;
    const cv_float slack = CF_ADD(cv_sketch_offset(rows, at), cv_sketch_slack(query, rows, at));
    const cv_float upper = CF_ADD(cv_sketch_value(query, rows, at, sum[p]), slack);
    mask |= CF_GE(upper, least) << (p * CV_WIDTH);
  }
  return mask;
}

// Bits of the rows r..<r + 16 that may be found. A block lies within one word.
VK_INLINE uint32_t cv_sketch_allowed(const uint64_t *allowed, size_t row) {
  return allowed ? (uint32_t)(allowed[row / 64] >> row % 64) & ((1u << VK_SKETCH_ROWS) - 1) : ~0u;
}

static size_t sketch_hits(
  const vk_sketch_query *queries, size_t count, const vk_sketch *rows, const uint64_t *allowed, size_t first, size_t n,
  uint32_t *out
) {
  const size_t block_bytes = rows->groups * CV_SKETCH_BYTES;
  const uint8_t *block = rows->blocks + first / VK_SKETCH_ROWS * block_bytes;
  uint32_t *end = out;
  for (size_t r = 0; r < n; r += VK_SKETCH_ROWS, block += block_bytes) {
    const uint32_t some = cv_sketch_allowed(allowed, first + r);
    if (some == 0) continue;
    uint32_t mask = cv_sketch_mask(queries, rows, block, first + r);
    for (size_t q = 1; q < count; q++) mask |= cv_sketch_mask(queries + q, rows, block, first + r);
    mask &= some;
    if (n - r < VK_SKETCH_ROWS) mask &= (1u << (n - r)) - 1;
    for (; mask != 0; mask &= mask - 1) *end++ = (uint32_t)(first + r) + (uint32_t)__builtin_ctz(mask);
  }
  return (size_t)(end - out);
}

static void sketch_scores(
  const vk_sketch_query *query, const vk_sketch *rows, size_t first, size_t n, float *scores, float *slacks
) {
  const size_t block_bytes = rows->groups * CV_SKETCH_BYTES;
  const uint8_t *block = rows->blocks + first / VK_SKETCH_ROWS * block_bytes;
  for (size_t r = 0; r < n; r += VK_SKETCH_ROWS, block += block_bytes) {
    cv_int sum[CV_PARTS];
    cv_sketch_sums(query, block, rows->groups, sum);
    VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
      const size_t at = r + p * CV_WIDTH;
      const cv_float value = cv_sketch_value(query, rows, first + at, sum[p]);
      CF_STORE(scores + at, CF_ADD(cv_sketch_offset(rows, first + at), value));
      CF_STORE(slacks + at, cv_sketch_slack(query, rows, first + at));
    }
  }
}
