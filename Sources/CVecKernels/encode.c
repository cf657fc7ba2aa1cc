// Quantises one vector to a byte per dimension with a scale of its own. Plain double arithmetic in a fixed order and no
// contraction, so codes and factors have the same bits on every CPU.
//
// Vectors below 2^-100 are coded as zero with their norm as the error: a bound that is still right, and no arithmetic on
// subnormal scales anywhere.
#include "elements.h"

#pragma STDC FP_CONTRACT OFF

static const double least_peak = 0x1p-100;
/// Adding and taking away 1.5 * 2^52 rounds a small double to the nearest integer, ties to even.
static const double rounder = 0x1.8p52;

// The products and sums of double below are right to d * 2^-52, far less than this.
static float round_up(double value) {
  const double safe = value * (1 + 0x1p-36);
  const float nearest = (float)safe;
  return (double)nearest < safe ? vk_from_bits(vk_to_bits(nearest) + 1) : nearest;
}

vk_encoded vk_encode(const float *given, size_t d, double divisor, size_t stride, uint8_t *codes) {
  const vk_float_any *values = given;
  double peak = 0;
  for (size_t i = 0; i < d; i++) {
    const double magnitude = __builtin_fabs((double)values[i]);
    peak = magnitude > peak ? magnitude : peak;
  }
  peak /= divisor;
  const float scale = peak < least_peak ? 0 : (float)(peak / 127);
  double error = 0, square = 0;
  int32_t sum = 0, code_square = 0;
  for (size_t i = 0; i < d; i++) {
    const double value = (double)values[i] / divisor;
    double code = scale == 0 ? 0 : value / (double)scale + rounder - rounder;
    code = code > 127 ? 127 : code < -127 ? -127 : code;
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
    .error = round_up(__builtin_sqrt(error)),
    .length = round_up((double)scale * __builtin_sqrt((double)code_square)),
    .half_square = square / 2,
    .sum = sum,
  };
}
