// Several rows against several queries at once; part of codes_template.h. The lanes of a register are queries, so
// nothing is summed across lanes.

// `height` rows x `vectors` query vectors: four bytes of a row in all lanes against four codes of each query.
VK_INLINE void cv_tile_sums(
  const vk_code_group *group, const uint8_t *codes, size_t stride, const size_t height, const size_t vectors,
  cv_int sum[CV_TILE_ROWS][2]
) {
  VK_UNROLL for (size_t v = 0; v < vectors; v++) {
    const cv_int start = CV_TILE_BIASED ? CI_LOAD(group->bias + v * CV_WIDTH) : CI_ZERO();
    VK_UNROLL for (size_t r = 0; r < height; r++) sum[r][v] = start;
  }
  const int8_t *packed = group->packed;
  for (size_t i = 0; i < stride; i += 4, packed += vectors * CV_BYTES) {
    cv_int query[2];
    VK_UNROLL for (size_t v = 0; v < vectors; v++) query[v] = CI_LOAD(packed + v * CV_BYTES);
    VK_UNROLL for (size_t r = 0; r < height; r++) {
      int32_t four;
      __builtin_memcpy(&four, codes + r * stride + i, 4);
      const cv_int row = CI_SPLAT(four);
      VK_UNROLL for (size_t v = 0; v < vectors; v++) sum[r][v] = CI_DOT_TILE(sum[r][v], row, query[v]);
    }
  }
}

typedef struct {
  cv_float scale[2], error_weight[2], length_weight[2], least[2];
} cv_lanes;

VK_INLINE cv_lanes cv_load_lanes(const vk_code_group *group, const size_t vectors) {
  cv_lanes lanes;
  VK_UNROLL for (size_t v = 0; v < vectors; v++) {
    lanes.scale[v] = CF_LOAD(group->scale + v * CV_WIDTH);
    lanes.error_weight[v] = CF_LOAD(group->error_weight + v * CV_WIDTH);
    lanes.length_weight[v] = CF_LOAD(group->length_weight + v * CV_WIDTH);
    lanes.least[v] = CF_LOAD(group->least + v * CV_WIDTH);
  }
  return lanes;
}

static __attribute__((noinline)) vk_code_hit *cv_write_hits(
  uint32_t mask, uint32_t position, const float *upper, const float *slack, float offset, vk_code_hit *out
) {
  const float less = offset < 0 ? offset * 0x1p-19f : -offset * 0x1p-19f;
  for (; mask != 0; mask &= mask - 1, out++) {
    const uint32_t lane = (uint32_t)__builtin_ctz(mask);
    // slack[lane] holds slack + offset, so upper less twice the slack is value - slack + offset.
    *out = (vk_code_hit){position + lane, upper[lane], upper[lane] - 2 * (slack[lane] - offset) + less};
  }
  return out;
}

VK_INLINE vk_code_hit *cv_tile_hits_of(
  const vk_code_group *group, const cv_lanes *lanes, const uint8_t *codes, const vk_code_factors *factors,
  size_t first, size_t at, size_t stride, vk_code_hit *out, const size_t height, const size_t vectors
) {
  cv_int sum[CV_TILE_ROWS][2];
  cv_tile_sums(group, codes + at * stride, stride, height, vectors, sum);
  VK_UNROLL for (size_t r = 0; r < height; r++) {
    const size_t row = first + at + r;
    const cv_float scale = CF_SPLAT(factors[row].scale);
    const cv_float error = CF_SPLAT(factors[row].error);
    const cv_float length = CF_SPLAT(factors[row].length);
    const cv_float offset = CF_SPLAT(factors[row].offset);
    cv_float upper[2], slack[2];
    uint32_t mask[2] = {0, 0};
    VK_UNROLL for (size_t v = 0; v < vectors; v++) {
      slack[v] = CF_FMA(error, lanes->error_weight[v], CF_FMA(length, lanes->length_weight[v], offset));
      upper[v] = CF_FMA(CF_MUL(CF_INT(sum[r][v]), lanes->scale[v]), scale, slack[v]);
      mask[v] = CF_GE(upper[v], lanes->least[v]);
    }
    if (__builtin_expect((mask[0] | mask[1]) != 0, 0)) {
      for (size_t v = 0; v < vectors; v++) {
        float uppers[CV_WIDTH], slacks[CV_WIDTH];
        CF_STORE(uppers, upper[v]);
        CF_STORE(slacks, slack[v]);
        const size_t position = (at + r) * vectors * CV_WIDTH + v * CV_WIDTH;
        out = cv_write_hits(mask[v], (uint32_t)position, uppers, slacks, factors[row].offset, out);
      }
    }
  }
  return out;
}

VK_INLINE size_t cv_tile_hits(
  const vk_code_group *group, const uint8_t *codes, const vk_code_factors *factors, size_t first, size_t n,
  size_t stride, vk_code_hit *out, const size_t vectors
) {
  const cv_lanes lanes = cv_load_lanes(group, vectors);
  vk_code_hit *end = out;
  size_t r = 0;
  for (; r + CV_TILE_ROWS <= n; r += CV_TILE_ROWS) {
    end = cv_tile_hits_of(group, &lanes, codes, factors, first, r, stride, end, CV_TILE_ROWS, vectors);
  }
  for (; r < n; r++) end = cv_tile_hits_of(group, &lanes, codes, factors, first, r, stride, end, 1, vectors);
  return (size_t)(end - out);
}

static size_t tile_hits(
  const vk_code_group *group, const uint8_t *codes, const vk_code_factors *factors, size_t first, size_t n,
  size_t stride, vk_code_hit *out
) {
  return group->vectors == 2 ? cv_tile_hits(group, codes, factors, first, n, stride, out, 2)
    : cv_tile_hits(group, codes, factors, first, n, stride, out, 1);
}

VK_INLINE void cv_tile_peaks(
  const vk_code_group *group, const uint8_t *codes, const vk_code_factors *factors, size_t first, size_t n,
  size_t stride, float *out, const size_t vectors
) {
  for (size_t at = 0; at + CV_TILE_ROWS <= n; at += CV_TILE_ROWS, out += vectors * CV_WIDTH) {
    cv_int sum[CV_TILE_ROWS][2];
    cv_tile_sums(group, codes + at * stride, stride, CV_TILE_ROWS, vectors, sum);
    VK_UNROLL for (size_t v = 0; v < vectors; v++) {
      const cv_float query_scale = CF_LOAD(group->scale + v * CV_WIDTH);
      cv_float peak = CF_SPLAT(-__builtin_inff());
      VK_UNROLL for (size_t r = 0; r < CV_TILE_ROWS; r++) {
        const size_t row = first + at + r;
        const cv_float offset = CF_SPLAT(factors[row].offset);
        const cv_float dot = CF_MUL(CF_INT(sum[r][v]), query_scale);
        peak = CF_MAX(peak, CF_FMA(dot, CF_SPLAT(factors[row].scale), offset));
      }
      CF_STORE(out + v * CV_WIDTH, peak);
    }
  }
}

static void tile_peaks(
  const vk_code_group *group, const uint8_t *codes, const vk_code_factors *factors, size_t first, size_t n,
  size_t stride, float *out
) {
  if (group->vectors == 2) {
    cv_tile_peaks(group, codes, factors, first, n, stride, out, 2);
  } else {
    cv_tile_peaks(group, codes, factors, first, n, stride, out, 1);
  }
}
