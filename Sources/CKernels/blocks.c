// The decoding of stored weights at each level, and the choice of a level.
#include "ckernels.h"
#include "vectors.h"
#include <stdint.h>
#include <string.h>

typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x16u __attribute__((ext_vector_type(16), aligned(1), may_alias));
typedef int8_t s8x16 __attribute__((ext_vector_type(16)));
typedef int32_t s32x16 __attribute__((ext_vector_type(16)));

// Sixteen bytes, and as floats: unsigned, or signed.
#define BYTES(p) (*(const u8x16u *)(p))
#define FLOATS(bytes) __builtin_convertvector((u8x16)(bytes), v16)
#define SIGNED(bytes) __builtin_convertvector((s8x16)(bytes), v16)
#define STORE(y, v) (*(v16u *)(y) = (v))
// Low halves with their fifth bits, which are the sixteen lower bits of `high`.
#define FIFTH(low, high) \
  (__builtin_convertvector((u8x16)(low), s32x16) | ((s32x16)(int)(high) >> lanes & 1) << 4)

// Numbers of files, which need not be aligned.
typedef uint16_t half_bits __attribute__((aligned(1), may_alias));
typedef uint32_t float_bits __attribute__((aligned(4), may_alias));
typedef uint32_t word_bits __attribute__((aligned(1), may_alias));

// An f16 as f32. A number below the least normal one is a whole multiple of it divided by 1024.
static inline __attribute__((always_inline)) float widened(uint16_t bits) {
  const uint32_t magnitude = bits & 0x7fff, sign = (uint32_t)(bits & 0x8000) << 16;
  const uint32_t wide = (magnitude << 13) + (magnitude >= 0x7c00 ? 0x70000000 : 0x38000000);
  const float small = (float)(int)magnitude * 0x1p-24f;
  uint32_t tiny;
  memcpy(&tiny, &small, 4);
  const uint32_t result = sign | (magnitude < 0x400 ? tiny : wide);
  float y;
  memcpy(&y, &result, 4);
  return y;
}

static inline __attribute__((always_inline)) float half(const uint8_t *p) { return widened(*(const half_bits *)p); }

static inline __attribute__((always_inline)) uint32_t word(const uint8_t *p) { return *(const word_bits *)p; }

static const s32x16 lanes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// Scale and minimum of a sub-block of 32: eight pairs of six bits in 12 bytes.
static inline __attribute__((always_inline)) float scale_of(const uint8_t *s, int sub) {
  return (float)(sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | s[sub - 4] >> 6 << 4);
}

static inline __attribute__((always_inline)) float minimum_of(const uint8_t *s, int sub) {
  return (float)(sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | s[sub] >> 6 << 4);
}

#define NAME vector
#define TARGET
#include "blocks.h"

#if defined(__x86_64__)
#define NAME avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#include "blocks.h"
#endif

ck_blocks ck_blocks_level(int limit, int type) {
#if defined(__x86_64__)
  const int has_all = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  if (limit >= CK_AVX512 && ck_best_level() >= CK_AVX512 && has_all) return blocks_of_avx512(type);
#endif
  return blocks_of_vector(type);
}
