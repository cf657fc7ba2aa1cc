// Sketches one vector: half a byte per dimension with a scale of its own. Like encode.c plain double arithmetic in a
// fixed order, so the bytes are the same on every CPU, and small vectors are sketched as scale 0.
//
// The greatest component need not be in range: cutting off the few greatest often lowers |x - x^|, and all that matters
// to a bound is that length. So a few scales are tried.
#include "encode.h"

enum { SCALES = 4, HALF_MAX = 15 };

// Any nearby half would do: what it is off by is measured. NaN, which nothing lets in, becomes a number.
static inline double half_of(double value, double inverse) {
  double half = vk_round((value * inverse + HALF_MAX) * 0.5);
  half = half < HALF_MAX ? half : HALF_MAX;
  return half > 0 ? half : 0;
}

static inline double square_rest(double value, double scale, double inverse) {
  const double rest = value - scale * (2 * half_of(value, inverse) - HALF_MAX);
  return rest * rest;
}

// Four sums, so that they can be computed side by side.
static double square_error(const vk_float_any *values, size_t d, double unit, double scale) {
  const double inverse = 1 / scale;
  double sum[4] = {0};
  size_t i = 0;
  for (; i + 4 <= d; i += 4) {
    for (size_t j = 0; j < 4; j++) sum[j] += square_rest((double)values[i + j] * unit, scale, inverse);
  }
  for (size_t j = 0; i + j < d; j++) sum[j] += square_rest((double)values[i + j] * unit, scale, inverse);
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static vk_sketched too_small(const vk_float_any *values, size_t d, double unit) {
  double square = 0;
  for (size_t i = 0; i < d; i++) square += ((double)values[i] * unit) * ((double)values[i] * unit);
  return (vk_sketched){.scale = 0, .error = vk_round_up(__builtin_sqrt(square)), .length = 0};
}

vk_sketched vk_sketch_encode(const float *given, size_t d, double divisor, size_t lane, uint8_t *block) {
  const vk_float_any *values = given;
  const double unit = 1 / divisor;
  const double peak = vk_peak(values, d) * unit;
  if (peak < vk_least_peak) return too_small(values, d, unit);
  double error = 0;
  float scale = 0;
  for (int step = 0; step < SCALES; step++) {
    const float tried = (float)(peak * (8 - step) / (8 * HALF_MAX));
    const double found = square_error(values, d, unit, (double)tried);
    if (step == 0 || found < error) {
      error = found;
      scale = tried;
    }
  }
  const double inverse = 1 / (double)scale;
  int32_t code_square = 0;
  for (size_t i = 0; i < d; i++) {
    const int32_t half = (int32_t)half_of((double)values[i] * unit, inverse);
    code_square += (2 * half - HALF_MAX) * (2 * half - HALF_MAX);
    uint8_t *byte = block + i / 8 * 4 * VK_SKETCH_ROWS + lane * 4 + i % 4;
    *byte = (uint8_t)(*byte | half << (i % 8 < 4 ? 0 : 4));
  }
  return (vk_sketched){
    .scale = scale,
    .error = vk_round_up(__builtin_sqrt(error)),
    .length = vk_round_up((double)scale * __builtin_sqrt((double)code_square)),
  };
}
