// See ckernels.h.
#include "ckernels.h"
#include "vectors.h"

#define AT(p) (*(const v16u *)(p))

// Two floats as one element, loaded, broadcast and stored together.
typedef double float_pair __attribute__((aligned(4), may_alias));
typedef double v8d __attribute__((ext_vector_type(8)));

// Elements of a key, rounded up to an even number.
#define PAIRED(size) (((size) + 1) & ~1)
#define UNROLLED _Pragma("clang loop unroll(full)")

// Elements of k in one block of `dots`: eight rows of a block fit in the L1 cache together with the weights.
#define DOT_DEPTH 768
// Rows of weights between a prefetch and its use: 9 KB for k = 768.
#define DOT_AHEAD 3

#define NAME vector
#define TARGET
#define SCORE_BLOCKS 2
#define MIX_VECTORS 1
#define DOT_ROWS 2
#include "decode.h"

#if defined(__x86_64__)
// VL, since the sums over lanes could otherwise use only half of the registers.
#define NAME avx512
#define TARGET __attribute__((target("avx512f,avx512vl")))
#define SCORE_BLOCKS 4
#define MIX_VECTORS 4
#define DOT_ROWS 8
#include "decode.h"
#endif

const ck_decode *ck_decode_level(int limit) {
#if defined(__x86_64__)
  const int has_vl = __builtin_cpu_supports("avx512vl");
  if (limit >= CK_AVX512 && ck_best_level() == CK_AVX512 && has_vl) return &decode_of_avx512;
#endif
  return &decode_of_vector;
}
