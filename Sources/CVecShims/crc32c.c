// CRC32C three ways: x86 SSE4.2, ARMv8 CRC, and a table. The x86 and ARM instructions take eight bytes a step; three
// independent streams hide their latency of three cycles, joined by multiplying with x^(8n) modulo the polynomial.

#include "CVecShims.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u  // reflected Castagnoli
#define STREAM_BYTES 4096       // per stream and step

static uint32_t byte_table[256];
static uint32_t shift_table[4][256];  // multiplies a CRC by x^(8 * STREAM_BYTES)
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static uint32_t table_crc(uint32_t state, const uint8_t *p, size_t n) {
  while (n--) state = byte_table[(state ^ *p++) & 0xFF] ^ (state >> 8);
  return state;
}

static void make_tables(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) c = (c & 1) ? (c >> 1) ^ POLYNOMIAL : c >> 1;
    byte_table[i] = c;
  }
  // Appending zero bytes to a message is linear in the CRC state, so 32 basis states give the whole map.
  static const uint8_t zeros[STREAM_BYTES];
  for (int byte = 0; byte < 4; byte++) {
    for (uint32_t value = 0; value < 256; value++) {
      shift_table[byte][value] = table_crc(value << (8 * byte), zeros, STREAM_BYTES);
    }
  }
}

static inline uint32_t shift(uint32_t c) {
  return shift_table[0][c & 0xFF] ^ shift_table[1][(c >> 8) & 0xFF] ^ shift_table[2][(c >> 16) & 0xFF] ^
         shift_table[3][c >> 24];
}

static inline uint64_t load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC_TARGET __attribute__((target("sse4.2")))
#define CRC64(state, value) ((uint32_t)_mm_crc32_u64((state), (value)))
#define CRC8(state, value) _mm_crc32_u8((state), (value))
static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define CRC_TARGET __attribute__((target("crc")))
#define CRC64(state, value) __crc32cd((state), (value))
#define CRC8(state, value) __crc32cb((state), (value))
static bool has_instruction(void) { return (getauxval(AT_HWCAP) & (1ul << 7)) != 0; }
#endif

#if defined(CRC_TARGET)
CRC_TARGET static uint32_t instruction_crc(uint32_t state, const uint8_t *p, size_t n) {
  while (n >= 3 * STREAM_BYTES) {
    uint32_t a = state, b = 0, c = 0;
    for (size_t i = 0; i < STREAM_BYTES; i += 8) {
      a = CRC64(a, load64(p + i));
      b = CRC64(b, load64(p + STREAM_BYTES + i));
      c = CRC64(c, load64(p + 2 * STREAM_BYTES + i));
    }
    state = shift(shift(a) ^ b) ^ c;
    p += 3 * STREAM_BYTES;
    n -= 3 * STREAM_BYTES;
  }
  for (; n >= 8; n -= 8, p += 8) state = CRC64(state, load64(p));
  for (; n > 0; n--, p++) state = CRC8(state, *p);
  return state;
}
#endif

uint32_t vs_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
  pthread_once(&tables_once, make_tables);
  return ~table_crc(~crc, bytes, count);
}

uint32_t vs_crc32c(uint32_t crc, const void *bytes, size_t count) {
  pthread_once(&tables_once, make_tables);
#if defined(CRC_TARGET)
  if (has_instruction()) return ~instruction_crc(~crc, bytes, count);
#endif
  return ~table_crc(~crc, bytes, count);
}
