// The tile of a matrix product at each level, and the choice of a level.
#include "ckernels.h"
#include "pack.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Multiply-adds are fused only where the code says so: otherwise the levels could differ.
#pragma STDC FP_CONTRACT OFF

// Loads and stores of the first floats of a vector, for levels without masks.
#define PARTS(type, suffix)                                                              \
  static inline __attribute__((always_inline)) type load_part_##suffix(const float *x, ptrdiff_t count) { \
    type v = {0};                                                                        \
    for (ptrdiff_t i = 0; i < count; i++) v[i] = x[i];                                   \
    return v;                                                                            \
  }                                                                                      \
  static inline __attribute__((always_inline)) void store_part_##suffix(type v, float *y, ptrdiff_t count) { \
    for (ptrdiff_t i = 0; i < count; i++) y[i] = v[i];                                   \
  }

typedef float pair __attribute__((vector_size(8), aligned(4), may_alias));
typedef float eight __attribute__((vector_size(32), aligned(4), may_alias));
PARTS(pair, scalar)
PARTS(eight, vector)

#define NAME scalar
#define LOAD_PART load_part_scalar
#define STORE_PART store_part_scalar
#define PACK_PANEL pack_panel_plain
#define PACK_ROWS pack_rows_plain
#define WIDTH 2
#define ROWS 4
#define TARGET
#include "gemm_tile.h"

#define NAME vector
#define LOAD_PART load_part_vector
#define STORE_PART store_part_vector
#define PACK_PANEL pack_panel_vector
#define PACK_ROWS pack_rows_plain
#define WIDTH 8
#define ROWS 6
#define TARGET
#include "gemm_tile.h"

#if defined(__x86_64__)
#define NAME avx512
#define LOAD_PART(x, count) _mm512_maskz_loadu_ps((__mmask16)((1 << (count)) - 1), x)
#define STORE_PART(v, y, count) _mm512_mask_storeu_ps(y, (__mmask16)((1 << (count)) - 1), v)
#define PACK_PANEL pack_panel_avx512
#define PACK_ROWS pack_rows_avx512
#define WIDTH 16
#define ROWS 14
#define TARGET __attribute__((target("avx512f")))
#include "gemm_tile.h"
#endif

int ck_best_level(void) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return CK_AVX512;
#endif
  return CK_VECTOR;
}

const ck_level *ck_gemm_level(int limit) {
#if defined(__x86_64__)
  if (limit >= CK_AVX512 && ck_best_level() == CK_AVX512) return &level_avx512;
#endif
  return limit >= CK_VECTOR ? &level_vector : &level_scalar;
}
