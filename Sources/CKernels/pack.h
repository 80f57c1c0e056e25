// Packing functions of each level; ckernels.h describes the arguments.
#pragma once
#include <stddef.h>

#define PACK_PANEL(name) \
  void name(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel)
#define PACK_ROWS(name) void name(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed)
#define PACK_ROW(name) void name(ptrdiff_t k, const float *a, float *packed)

PACK_PANEL(pack_panel_plain);
PACK_PANEL(pack_panel_vector);
PACK_PANEL(pack_panel_avx512);
PACK_ROWS(pack_rows_plain);
PACK_ROWS(pack_rows_avx512);

// Of bf16 as floats.
PACK_PANEL(round_panel_plain);
PACK_PANEL(round_panel_vector);
PACK_PANEL(round_panel_avx512);
PACK_ROWS(round_rows_plain);
PACK_ROW(round_row_plain);

// Of bf16 in pairs.
PACK_PANEL(pair_panel_avx512);
PACK_ROWS(pair_rows_avx512);
PACK_ROW(pair_row_plain);
PACK_ROW(pair_row_avx512);
