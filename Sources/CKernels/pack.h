// Packing functions of each level; ckernels.h describes the arguments.
#pragma once
#include <stddef.h>

void pack_panel_plain(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel);
void pack_panel_vector(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel);
void pack_panel_avx512(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel);
void pack_rows_plain(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed);
void pack_rows_avx512(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed);
