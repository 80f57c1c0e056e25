// See ckernels.h.
#include "ckernels.h"
#include "pack.h"

#define NAME scalar
#define PACK_PANEL pack_panel_plain
#define PACK_ROWS pack_rows_plain
#define WIDTH 2
#define ROWS 4
#define TARGET
#include "gemm_tile.h"

#define NAME vector
#define PACK_PANEL pack_panel_vector
#define PACK_ROWS pack_rows_plain
#define WIDTH 8
#define ROWS 6
#define TARGET
#include "gemm_tile.h"

#if defined(__x86_64__)
#define NAME avx512
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
