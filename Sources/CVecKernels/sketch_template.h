// The kernels over sketches of one tier; part of codes_template.h. A block's 16 rows lie side by side in the lanes, so
// nothing is summed across lanes: 64 bytes are 8 dimensions of 16 rows, and give two products per lane and load.

enum {
  CV_PARTS = VK_SKETCH_ROWS / CV_WIDTH,
  CV_SKETCH_BYTES = 4 * VK_SKETCH_ROWS,
  // Queries that one reading of a block serves at most.
  CV_SKETCH_QUERIES = 4
};

// Adds the products of one group of dimensions.
VK_INLINE void cv_sketch_group(
  const vk_sketch_query *queries, const size_t count, const uint8_t *bytes, size_t g, const size_t apart,
  cv_int sum[CV_SKETCH_QUERIES][CV_PARTS][2]
) {
  cv_int halves[CV_PARTS][2];
  VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
    const cv_int both = CI_LOAD(bytes + p * CV_BYTES);
    halves[p][0] = CI_LOW(both);
    halves[p][1] = CI_HIGH(both);
  }
  VK_UNROLL for (size_t q = 0; q < count; q++) {
    VK_UNROLL for (size_t h = 0; h < 2; h++) {
      const cv_int query = CI_SPLAT_AT(queries[q].codes + 8 * g + 4 * h);
      VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
        cv_int *some = &sum[q][p][h % apart];
        *some = CI_DOT_SMALL(*some, halves[p][h], query);
      }
    }
  }
}

// Sums of a block's rows under some queries. A query on its own adds low and high halves apart, as its few sums would
// wait for one another.
VK_INLINE void cv_sketch_sums(
  const vk_sketch_query *queries, const size_t count, const uint8_t *block, size_t groups,
  cv_int sum[CV_SKETCH_QUERIES][CV_PARTS]
) {
  const size_t apart = count == 1 ? 2 : 1;
  VK_UNROLL for (size_t q = 0; q < count; q++) {
    VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) sum[q][p] = CI_ZERO();
  }
  for (size_t g = 0; g < groups;) {
    cv_int some[CV_SKETCH_QUERIES][CV_PARTS][2];
    VK_UNROLL for (size_t q = 0; q < count; q++) {
      VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) some[q][p][0] = some[q][p][1] = CI_ZERO();
    }
    if (g + CI_SMALL_GROUPS <= groups) {
      VK_UNROLL for (size_t i = 0; i < CI_SMALL_GROUPS; i++) {
        cv_sketch_group(queries, count, block + (g + i) * CV_SKETCH_BYTES, g + i, apart, some);
      }
    } else {
      for (size_t i = g; i < groups; i++) {
        cv_sketch_group(queries, count, block + i * CV_SKETCH_BYTES, i, apart, some);
      }
    }
    g += CI_SMALL_GROUPS;
    VK_UNROLL for (size_t q = 0; q < count; q++) {
      VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
        VK_UNROLL for (size_t h = 0; h < apart; h++) sum[q][p] = CI_ADD(sum[q][p], CI_WHOLE(some[q][p][h]));
      }
    }
  }
  VK_UNROLL for (size_t q = 0; q < count; q++) {
    const cv_int bias = CI_SPLAT(queries[q].bias);
    VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) sum[q][p] = CI_ADD(CI_ADD(sum[q][p], sum[q][p]), bias);
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

// Per query the lanes of the rows r..<r + 16, counted from `first`, whose upper bound reaches its least.
VK_INLINE void cv_sketch_masks(
  const vk_sketch_query *queries, const size_t count, const vk_sketch *rows, const uint8_t *block, size_t row,
  uint32_t mask[CV_SKETCH_QUERIES]
) {
  cv_int sum[CV_SKETCH_QUERIES][CV_PARTS];
  cv_sketch_sums(queries, count, block, rows->groups, sum);
  VK_UNROLL for (size_t q = 0; q < count; q++) mask[q] = 0;
  VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
    const size_t at = row + p * CV_WIDTH;
    const cv_float offset = cv_sketch_offset(rows, at);
    VK_UNROLL for (size_t q = 0; q < count; q++) {
      const cv_float slack = CF_ADD(offset, cv_sketch_slack(queries + q, rows, at));
      const cv_float upper = CF_ADD(cv_sketch_value(queries + q, rows, at, sum[q][p]), slack);
      mask[q] |= CF_GE(upper, CF_SPLAT(queries[q].least)) << (p * CV_WIDTH);
    }
  }
}

// Lanes that reach it under any of the queries.
VK_INLINE uint32_t cv_sketch_joined(
  const vk_sketch_query *queries, size_t count, const vk_sketch *rows, const uint8_t *block, size_t row
) {
  uint32_t joined = 0;
  uint32_t mask[CV_SKETCH_QUERIES];
  size_t q = 0;
  for (; q + 4 <= count; q += 4) {
    cv_sketch_masks(queries + q, 4, rows, block, row, mask);
    joined |= mask[0] | mask[1] | mask[2] | mask[3];
  }
  for (; q + 2 <= count; q += 2) {
    cv_sketch_masks(queries + q, 2, rows, block, row, mask);
    joined |= mask[0] | mask[1];
  }
  if (q < count) {
    cv_sketch_masks(queries + q, 1, rows, block, row, mask);
    joined |= mask[0];
  }
  return joined;
}

// Bits of the rows r..<r + 16 that may be found. A block lies within one word.
VK_INLINE uint32_t cv_sketch_allowed(const uint64_t *allowed, size_t row) {
  return allowed ? (uint32_t)(allowed[row / 64] >> row % 64) & ((1u << VK_SKETCH_ROWS) - 1) : ~0u;
}

// Of the lanes of rows r..<r + 16 of n those that exist.
VK_INLINE uint32_t cv_sketch_existing(size_t r, size_t n) {
  return n - r < VK_SKETCH_ROWS ? (1u << (n - r)) - 1 : ~0u;
}

VK_INLINE uint32_t *cv_write_rows(uint32_t mask, size_t row, uint32_t *out) {
  for (; mask != 0; mask &= mask - 1) *out++ = (uint32_t)row + (uint32_t)__builtin_ctz(mask);
  return out;
}

static size_t sketch_hits(
  const vk_sketch_query *queries, size_t count, const vk_sketch *rows, const uint64_t *allowed, size_t first, size_t n,
  uint32_t *out
) {
  const size_t block_bytes = rows->groups * CV_SKETCH_BYTES;
  const uint8_t *block = rows->blocks + first / VK_SKETCH_ROWS * block_bytes;
  uint32_t *end = out;
  for (size_t r = 0; r < n; r += VK_SKETCH_ROWS, block += block_bytes) {
    const uint32_t some = cv_sketch_allowed(allowed, first + r) & cv_sketch_existing(r, n);
    if (some == 0) continue;
    end = cv_write_rows(cv_sketch_joined(queries, count, rows, block, first + r) & some, first + r, end);
  }
  return (size_t)(end - out);
}

static void sketch_scores(
  const vk_sketch_query *query, const vk_sketch *rows, size_t first, size_t n, float *scores, float *slacks
) {
  const size_t block_bytes = rows->groups * CV_SKETCH_BYTES;
  const uint8_t *block = rows->blocks + first / VK_SKETCH_ROWS * block_bytes;
  for (size_t r = 0; r < n; r += VK_SKETCH_ROWS, block += block_bytes) {
    cv_int sum[CV_SKETCH_QUERIES][CV_PARTS];
    cv_sketch_sums(query, 1, block, rows->groups, sum);
    VK_UNROLL for (size_t p = 0; p < CV_PARTS; p++) {
      const size_t at = r + p * CV_WIDTH;
      const cv_float value = cv_sketch_value(query, rows, first + at, sum[0][p]);
      CF_STORE(scores + at, CF_ADD(cv_sketch_offset(rows, first + at), value));
      CF_STORE(slacks + at, cv_sketch_slack(query, rows, first + at));
    }
  }
}
