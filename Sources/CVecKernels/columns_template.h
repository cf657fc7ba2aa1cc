// Which numbers of a column lie in a range, a bit each; part of every tier's file, behind the header that says how the tier
// makes the bits of 64 of them: column_u8, column_u16, column_u32, column_u64, column_f64.
//
// Unsigned numbers take one comparison: value - least wraps around to a large number below the range.

#define VK_COLUMN(name, type, word) \
  static void name(const void *from, size_t n, uint64_t least, uint64_t span, uint64_t kept, uint64_t *out) { \
    const type *values = from; \
    const type low = (type)least, width = (type)span; \
    for (; n >= 64; n -= 64, values += 64, out++) *out = (*out & kept) | word(values, low, width); \
    if (n == 0) return; \
    uint64_t bits = 0; \
    for (size_t i = 0; i < n; i++) bits |= (uint64_t)((type)(values[i] - low) <= width) << i; \
    *out = (*out & kept) | bits; \
  }

VK_COLUMN(column_range_u8, uint8_t, column_u8)
VK_COLUMN(column_range_u16, uint16_t, column_u16)
VK_COLUMN(column_range_u32, uint32_t, column_u32)
VK_COLUMN(column_range_u64, uint64_t, column_u64)

static void column_range_f64(
  const double *values, size_t n, double least, double greatest, uint64_t kept, uint64_t *out
) {
  for (; n >= 64; n -= 64, values += 64, out++) *out = (*out & kept) | column_f64(values, least, greatest);
  if (n == 0) return;
  uint64_t bits = 0;
  for (size_t i = 0; i < n; i++) bits |= (uint64_t)(values[i] >= least && values[i] <= greatest) << i;
  *out = (*out & kept) | bits;
}

#define VK_COLUMN_FIELDS \
  .column_ranges = {column_range_u8, column_range_u16, column_range_u32, column_range_u64}, \
  .column_floats = column_range_f64
