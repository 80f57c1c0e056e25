// See ckernels.h.
#include "ckernels.h"
#include "pack.h"
#include "vectors.h"
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define AT(p) (*(const v16u *)(p))

// Two floats as one element, loaded, broadcast and stored together.
typedef double float_pair __attribute__((aligned(4), may_alias));
typedef double v8d __attribute__((ext_vector_type(8)));
typedef uint32_t words __attribute__((ext_vector_type(16)));

// Elements of a key, rounded up to an even number.
#define PAIRED(size) (((size) + 1) & ~1)
#define UNROLLED _Pragma("clang loop unroll(full)")

// Elements of k in one block of `dots`: eight rows of a block fit in the L1 cache together with the weights.
#define DOT_DEPTH 768
// Rows of weights between a prefetch and its use: 9 KB for k = 768.
#define DOT_AHEAD 3

// A pair of bf16 in each lane: the second of each, and then the first. Products of bf16 are exact.
#define UPPER(x) ((v16)((words)(x) & 0xffff0000u))
#define LOWER(x) ((v16)((words)(x) << 16))
#define FUSED_PAIRS(x, w, sum) FMA(LOWER(x), LOWER(w), FMA(UPPER(x), UPPER(w), sum))

#define NAME vector
#define LANES vector
#define TARGET
#define SCORE_BLOCKS 2
#define MIX_VECTORS 1
#define DOT_ROWS 2
#include "decode.h"
#define FUSED FMA
#include "dots.h"
#define NAME vector_pairs
#define FUSED FUSED_PAIRS
#include "dots.h"
#undef LANES
#undef TARGET
#undef DOT_ROWS

#define LEVEL(name, dots, pair_row) \
  {place_##name, scores_##name, mix_##name, spread_##name, dots_##name, dots_##dots, pair_row_##pair_row}
static const ck_decode level_vector = LEVEL(vector, vector_pairs, plain);

#if defined(__x86_64__)
// VL, since the sums over lanes could otherwise use only half of the registers.
#define NAME avx512
#define LANES avx512
#define TARGET __attribute__((target("avx512f,avx512vl")))
#define SCORE_BLOCKS 4
#define MIX_VECTORS 4
#define DOT_ROWS 8
#include "decode.h"
#define FUSED FMA
#include "dots.h"
#define NAME avx512_pairs
#define FUSED FUSED_PAIRS
#include "dots.h"
#undef TARGET
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bf16")))
#define NAME avx512_bf16
#define FUSED(x, w, sum) (v16)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(w))
#include "dots.h"
#undef LANES
#undef TARGET
#undef DOT_ROWS

static const ck_decode level_avx512 = LEVEL(avx512, avx512_pairs, plain);
static const ck_decode level_avx512_bf16 = LEVEL(avx512, avx512_bf16, avx512);
#endif

const ck_decode *ck_decode_level(int limit) {
#if defined(__x86_64__)
  const int has_vl = __builtin_cpu_supports("avx512vl");
  if (limit >= CK_AVX512_BF16 && ck_best_level() == CK_AVX512_BF16 && has_vl) return &level_avx512_bf16;
  if (limit >= CK_AVX512 && ck_best_level() >= CK_AVX512 && has_vl) return &level_avx512;
#endif
  return &level_vector;
}
