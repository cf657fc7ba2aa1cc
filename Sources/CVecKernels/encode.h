// What the coders of rows share. Everything is double arithmetic without contraction: see encode.c.
#ifndef VEC_ENCODE_H
#define VEC_ENCODE_H

#include "elements.h"

#pragma STDC FP_CONTRACT OFF

/// Vectors whose greatest component is below this are coded as zero with their norm as the error: a bound that is still
/// right, and no arithmetic on subnormal scales anywhere.
static const double vk_least_peak = 0x1p-100;

/// The nearest integer of a small double, ties to even.
static inline double vk_round(double value) { return value + 0x1.8p52 - 0x1.8p52; }

// Errors and lengths are computed in double and right to d * 2^-52, far less than this.
static inline float vk_round_up(double value) {
  const double safe = value * (1 + 0x1p-36);
  const float nearest = (float)safe;
  return (double)nearest < safe ? vk_from_bits(vk_to_bits(nearest) + 1) : nearest;
}

/// The greatest magnitude.
static inline double vk_peak(const vk_float_any *values, size_t d) {
  float peak = 0;
  for (size_t i = 0; i < d; i++) {
    const float magnitude = __builtin_fabsf(values[i]);
    peak = magnitude > peak ? magnitude : peak;
  }
  return (double)peak;
}

#endif
