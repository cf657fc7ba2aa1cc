// Quantises one vector to a byte per dimension with a scale of its own. Plain double arithmetic in a fixed order and no
// contraction, so codes and factors have the same bits on every CPU.
#include "encode.h"

vk_encoded vk_encode(
  const float *given, size_t d, double divisor, int32_t most, size_t stride, uint8_t *codes
) {
  const vk_float_any *values = given;
  const double unit = 1 / divisor;
  const double peak = vk_peak(values, d) * unit;
  const float scale = peak < vk_least_peak ? 0 : (float)(peak / most);
  const double inverse = scale == 0 ? 0 : 1 / (double)scale;
  double error = 0, square = 0;
  int32_t sum = 0, code_square = 0;
  for (size_t i = 0; i < d; i++) {
    const double value = (double)values[i] * unit;
    double code = vk_round(value * inverse);
    code = !(code <= most) ? most : code < -most ? -most : code;  // and NaN, which nothing lets in, is a number
    const double rest = value - (double)scale * code;
    error += rest * rest;
    square += value * value;
    const int32_t whole = (int32_t)code;
    sum += whole;
    code_square += whole * whole;
    codes[i] = (uint8_t)(whole + 128);
  }
  for (size_t i = d; i < stride; i++) codes[i] = 128;
  return (vk_encoded){
    .scale = scale,
    .error = vk_round_up(__builtin_sqrt(error)),
    .length = vk_round_up((double)scale * __builtin_sqrt((double)code_square)),
    .half_square = square / 2,
    .sum = sum,
  };
}
