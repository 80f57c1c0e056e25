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
typedef int int_bits __attribute__((aligned(4), may_alias));
PARTS(pair, scalar)
PARTS(eight, vector)

#define NAME scalar
#define LOAD_PART load_part_scalar
#define STORE_PART store_part_scalar
#define WIDTH 2
#define ROWS 4
#define TARGET
#include "gemm_tile.h"

#define NAME vector
#define LOAD_PART load_part_vector
#define STORE_PART store_part_vector
#define WIDTH 8
#define ROWS 6
#define TARGET
#include "gemm_tile.h"

#if defined(__x86_64__)
#define NAME avx512
#define LOAD_PART(x, count) _mm512_maskz_loadu_ps((__mmask16)((1 << (count)) - 1), x)
#define STORE_PART(v, y, count) _mm512_mask_storeu_ps(y, (__mmask16)((1 << (count)) - 1), v)
#define WIDTH 16
#define ROWS 14
#define TARGET __attribute__((target("avx512f")))
#include "gemm_tile.h"

#define NAME avx512_bf16
#define LOAD_PART(x, count) _mm512_maskz_loadu_ps((__mmask16)((1 << (count)) - 1), x)
#define STORE_PART(v, y, count) _mm512_mask_storeu_ps(y, (__mmask16)((1 << (count)) - 1), v)
#define BROADCAST(pair) (VEC)_mm512_set1_epi32(*(const int_bits *)(pair))
#define FUSED(x, b, sum) (VEC)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(b))
#define WIDTH 16
#define ROWS 14
#define TARGET __attribute__((target("avx512f,avx512bf16")))
#include "gemm_tile.h"
#endif

static const ck_level levels[] = {
    {4, 4, 0, tile_scalar, pack_panel_plain, pack_rows_plain, NULL},
    {6, 16, 0, tile_vector, pack_panel_vector, pack_rows_plain, NULL},
#if defined(__x86_64__)
    {14, 32, 0, tile_avx512, pack_panel_avx512, pack_rows_avx512, NULL},
#endif
};

// Without the instruction, bf16 are multiplied as the floats that they are, two words a pair.
static const ck_level bf16_levels[] = {
    {4, 4, 2, tile_scalar, round_panel_plain, round_rows_plain, round_row_plain},
    {6, 16, 2, tile_vector, round_panel_vector, round_rows_plain, round_row_plain},
#if defined(__x86_64__)
    {14, 32, 2, tile_avx512, round_panel_avx512, round_rows_plain, round_row_plain},
    {14, 32, 1, tile_avx512_bf16, pair_panel_avx512, pair_rows_avx512, pair_row_avx512},
#endif
};

static int at_most(int limit, int level) { return limit < level ? limit : level; }

const ck_level *ck_gemm_level(int limit) { return &levels[at_most(at_most(limit, CK_AVX512), ck_best_level())]; }

const ck_level *ck_bf16_level(int limit) { return &bf16_levels[at_most(limit, ck_best_level())]; }
