// Sketches one vector: half a byte per dimension with a scale of its own. Like encode.c plain double arithmetic in a fixed
// order, so the bytes are the same on every CPU, and small vectors are sketched as scale 0.
//
// The greatest component need not be in range: cutting off the few greatest often lowers |x - x^|, and all that matters
// to a bound is that length. So a few scales are tried.
#include "encode.h"

enum { SCALES = 4, HALF_MAX = 15 };

// Any nearby half would do: what it is off by is measured.
static inline double half_of(double value, double inverse) {
  const double half = vk_round((value * inverse + HALF_MAX) * 0.5);
  return !(half <= HALF_MAX) ? HALF_MAX : half < 0 ? 0 : half;
}

static double square_error(const vk_float_any *values, size_t d, double divisor, double scale) {
  const double inverse = 1 / scale;
  double sum[4] = {0};
  for (size_t i = 0; i < d; i++) {
    const double value = (double)values[i] / divisor;
    const double rest = value - scale * (2 * half_of(value, inverse) - HALF_MAX);
    sum[i % 4] += rest * rest;
  }
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

vk_sketched vk_sketch_encode(const float *given, size_t d, double divisor, size_t lane, uint8_t *block) {
  const vk_float_any *values = given;
  const double peak = vk_peak(values, d) / divisor;
  double error = 0;
  float scale = 0;
  if (peak < vk_least_peak) {
    for (size_t i = 0; i < d; i++) error += ((double)values[i] / divisor) * ((double)values[i] / divisor);
    return (vk_sketched){.scale = 0, .error = vk_round_up(__builtin_sqrt(error)), .length = 0};
  }
  for (int step = 0; step < SCALES; step++) {
    const float tried = (float)(peak * (8 - step) / (8 * HALF_MAX));
    const double found = square_error(values, d, divisor, (double)tried);
    if (step == 0 || found < error) {
      error = found;
      scale = tried;
    }
  }
  const double inverse = 1 / (double)scale;
  int32_t code_square = 0;
  for (size_t i = 0; i < d; i++) {
    const int32_t half = (int32_t)half_of((double)values[i] / divisor, inverse);
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
