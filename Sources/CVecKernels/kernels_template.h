// The kernels of one tier, written once over a vector type. A tier's file defines, for its instruction set:
//
//   VK_WIDTH, VK_TILE_ROWS, vk_vec       floats per vector, rows per register tile, the vector type
//   V_ZERO() V_SPLAT(x) V_LOAD(p) V_STORE(p, v) V_ADD(a, b) V_SUB(a, b) V_FMA(a, b, c) = a * b + c, V_SUM(v)
//   V_GE(a, b)                           bit i set when lane i of a >= lane i of b; NaN compares false
//   V_LOAD_F16(p) V_LOAD_BF16(p)         VK_WIDTH 16-bit values as floats
//   V_PART(p, n) V_PART_F16(p, n) V_PART_BF16(p, n)   the first n (1 to VK_WIDTH - 1) lanes, the others 0
//
// Every sum of d terms is a tree in which no term passes more than d + 1 roundings, whatever the width: the error
// bound of ScoreBound.swift rests on that and on the fact that zero lanes add nothing.

#define VK_INLINE static inline __attribute__((always_inline))
#define VK_UNROLL _Pragma("clang loop unroll(full)")

VK_INLINE vk_vec vk_load(const char *row, size_t i, const uint32_t type) {
  if (type == VK_F16) return V_LOAD_F16(row + 2 * i);
  if (type == VK_BF16) return V_LOAD_BF16(row + 2 * i);
  return V_LOAD(row + 4 * i);
}

VK_INLINE vk_vec vk_load_part(const char *row, size_t i, size_t count, const uint32_t type) {
  if (type == VK_F16) return V_PART_F16(row + 2 * i, count);
  if (type == VK_BF16) return V_PART_BF16(row + 2 * i, count);
  return V_PART(row + 4 * i, count);
}

VK_INLINE vk_vec vk_accumulate(vk_vec query, vk_vec row, vk_vec sum, const bool is_l2) {
  if (!is_l2) return V_FMA(query, row, sum);
  const vk_vec difference = V_SUB(query, row);
  return V_FMA(difference, difference, sum);
}

// One query, one row at a time: sequential reads stream best from memory. Four sums hide the latency of the FMA.
VK_INLINE void vk_scan_rows(
  const float *query, const void *rows, size_t n, size_t d, float *out, const uint32_t type, const bool is_l2
) {
  const char *q = (const char *)query;
  const char *row = rows;
  const size_t stride = d * (type == VK_F32 ? 4 : 2);
  vk_float_any *scores = out;
  for (size_t r = 0; r < n; r++, row += stride) {
    vk_vec sum[4] = {V_ZERO(), V_ZERO(), V_ZERO(), V_ZERO()};
    size_t i = 0;
    for (; i + 4 * VK_WIDTH <= d; i += 4 * VK_WIDTH) {
      VK_UNROLL for (size_t j = 0; j < 4; j++) {
        const size_t at = i + j * VK_WIDTH;
        sum[j] = vk_accumulate(V_LOAD(q + 4 * at), vk_load(row, at, type), sum[j], is_l2);
      }
    }
    for (; i + VK_WIDTH <= d; i += VK_WIDTH) {
      sum[0] = vk_accumulate(V_LOAD(q + 4 * i), vk_load(row, i, type), sum[0], is_l2);
    }
    if (i < d) {
      sum[1] = vk_accumulate(
        vk_load_part(q, i, d - i, VK_F32), vk_load_part(row, i, d - i, type), sum[1], is_l2);
    }
    const float total = V_SUM(V_ADD(V_ADD(sum[0], sum[1]), V_ADD(sum[2], sum[3])));
    scores[r] = is_l2 ? -total : total;
  }
}

// A register tile of `height` rows x `vectors` query vectors: broadcast loads of row values, no horizontal sums.
VK_INLINE void vk_register_tile(
  const float *packed, const vk_float_any *rows, size_t d, float *out, const size_t height, const size_t vectors,
  const bool is_l2
) {
  vk_vec sum[VK_TILE_ROWS][2];
  VK_UNROLL for (size_t r = 0; r < height; r++) {
    VK_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = V_ZERO();
  }
  const char *q = (const char *)packed;
  for (size_t i = 0; i < d; i++, q += vectors * VK_WIDTH * 4) {
    vk_vec query[2];
    VK_UNROLL for (size_t v = 0; v < vectors; v++) query[v] = V_LOAD(q + v * VK_WIDTH * 4);
    VK_UNROLL for (size_t r = 0; r < height; r++) {
      const vk_vec value = V_SPLAT(rows[r * d + i]);
      VK_UNROLL for (size_t v = 0; v < vectors; v++) {
        sum[r][v] = vk_accumulate(query[v], value, sum[r][v], is_l2);
      }
    }
  }
  VK_UNROLL for (size_t r = 0; r < height; r++) {
    VK_UNROLL for (size_t v = 0; v < vectors; v++) {
      const vk_vec score = is_l2 ? V_SUB(V_ZERO(), sum[r][v]) : sum[r][v];
      V_STORE((char *)out + (r * vectors + v) * VK_WIDTH * 4, score);
    }
  }
}

VK_INLINE void vk_scan_tile(
  const float *packed, const void *rows, size_t n, size_t d, float *out, const size_t vectors, const bool is_l2
) {
  const vk_float_any *row = rows;
  const size_t lanes = vectors * VK_WIDTH;
  size_t r = 0;
  for (; r + VK_TILE_ROWS <= n; r += VK_TILE_ROWS) {
    vk_register_tile(packed, row + r * d, d, out + r * lanes, VK_TILE_ROWS, vectors, is_l2);
  }
  for (; r < n; r++) vk_register_tile(packed, row + r * d, d, out + r * lanes, 1, vectors, is_l2);
}

#define VK_ROWS_KERNEL(name, type, is_l2) \
  static void name(const float *query, const void *rows, size_t n, size_t d, float *out) { \
    vk_scan_rows(query, rows, n, d, out, type, is_l2); \
  }

VK_ROWS_KERNEL(dot_rows_f32, VK_F32, false)
VK_ROWS_KERNEL(dot_rows_f16, VK_F16, false)
VK_ROWS_KERNEL(dot_rows_bf16, VK_BF16, false)
VK_ROWS_KERNEL(negl2_rows_f32, VK_F32, true)
VK_ROWS_KERNEL(negl2_rows_f16, VK_F16, true)
VK_ROWS_KERNEL(negl2_rows_bf16, VK_BF16, true)

#define VK_TILE_KERNEL(name, is_l2) \
  static void name(const float *packed, size_t vectors, const void *rows, size_t n, size_t d, float *out) { \
    if (vectors == 2) { \
      vk_scan_tile(packed, rows, n, d, out, 2, is_l2); \
    } else { \
      vk_scan_tile(packed, rows, n, d, out, 1, is_l2); \
    } \
  }

VK_TILE_KERNEL(dot_tile, false)
VK_TILE_KERNEL(negl2_tile, true)

VK_INLINE void vk_widen_block(const void *from, size_t count, float *to, const uint32_t type) {
  const char *in = from;
  size_t i = 0;
  for (; i + VK_WIDTH <= count; i += VK_WIDTH) V_STORE((char *)to + 4 * i, vk_load(in, i, type));
  for (; i < count; i++) {
    const uint16_t half = *(const vk_half_any *)(in + 2 * i);
    *(vk_float_any *)((char *)to + 4 * i) = type == VK_F16 ? vk_element_f16(half) : vk_element_bf16(half);
  }
}

static void widen_f16(const void *from, size_t count, float *to) { vk_widen_block(from, count, to, VK_F16); }
static void widen_bf16(const void *from, size_t count, float *to) { vk_widen_block(from, count, to, VK_BF16); }

// Almost every mask is empty once a search has warmed up, so the bits are taken out one by one.
VK_INLINE uint32_t *vk_write_positions(uint32_t mask, size_t first, uint32_t *out) {
  for (; mask != 0; mask &= mask - 1) *out++ = (uint32_t)first + (uint32_t)__builtin_ctz(mask);
  return out;
}

static size_t select_flat(const float *scores, size_t n, float threshold, uint32_t *out) {
  const vk_vec least = V_SPLAT(threshold);
  const vk_float_any *score = scores;
  uint32_t *end = out;
  size_t i = 0;
  for (; i + VK_WIDTH <= n; i += VK_WIDTH) {
    end = vk_write_positions(V_GE(V_LOAD((const char *)(score + i)), least), i, end);
  }
  for (; i < n; i++) {
    if (score[i] >= threshold) *end++ = (uint32_t)i;
  }
  return (size_t)(end - out);
}

static size_t select_tile(
  const float *scores, size_t n, size_t vectors, const float *thresholds, uint32_t *out
) {
  const char *score = (const char *)scores;
  const vk_vec least[2] = {
    V_LOAD((const char *)thresholds), V_LOAD((const char *)thresholds + (vectors - 1) * VK_WIDTH * 4)};
  uint32_t *end = out;
  for (size_t i = 0; i < n * vectors; i++, score += VK_WIDTH * 4) {
    const vk_vec bound = vectors == 2 && (i & 1) ? least[1] : least[0];
    end = vk_write_positions(V_GE(V_LOAD(score), bound), i * VK_WIDTH, end);
  }
  return (size_t)(end - out);
}

static void scale(float *scores, const float *factors, size_t n, size_t lanes) {
  vk_float_any *score = scores;
  const vk_float_any *factor = factors;
  for (size_t r = 0; r < n; r++, score += lanes) {
    for (size_t lane = 0; lane < lanes; lane++) score[lane] *= factor[r];
  }
}

#define VK_TABLE(tier_number) \
  { \
    .tier = tier_number, .width = VK_WIDTH, .dot_rows = {dot_rows_f32, dot_rows_f16, dot_rows_bf16}, \
    .negl2_rows = {negl2_rows_f32, negl2_rows_f16, negl2_rows_bf16}, .dot_tile = dot_tile, \
    .negl2_tile = negl2_tile, .widen_f16 = widen_f16, .widen_bf16 = widen_bf16, .select = select_flat, \
    .select_tile = select_tile, .scale = scale, VK_COLUMN_FIELDS \
  }
