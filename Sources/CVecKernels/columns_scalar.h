// The bits of 64 numbers one after the other, without a branch.
#define VK_COLUMN_WORD(name, type) \
  VK_INLINE uint64_t name(const type *values, type least, type span) { \
    uint64_t bits = 0; \
    for (size_t i = 0; i < 64; i++) bits |= (uint64_t)((type)(values[i] - least) <= span) << i; \
    return bits; \
  }

VK_COLUMN_WORD(column_u8, uint8_t)
VK_COLUMN_WORD(column_u16, uint16_t)
VK_COLUMN_WORD(column_u32, uint32_t)
VK_COLUMN_WORD(column_u64, uint64_t)

VK_INLINE uint64_t column_f64(const double *values, double least, double greatest) {
  uint64_t bits = 0;
  for (size_t i = 0; i < 64; i++) bits |= ((uint64_t)(values[i] >= least) & (uint64_t)(values[i] <= greatest)) << i;
  return bits;
}

#include "columns_template.h"
