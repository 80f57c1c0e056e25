// Inner loops over 32-bit floats, of matrix products and of rows, compiled for several levels of vector instructions.
//
// C and not Swift, because some functions are compiled for AVX-512 in a program that also runs on processors without it,
// and Swift has no attribute for that. The code around these loops is in Swift (Tensors/Gemm.swift,
// Tensors/Kernels/ActivationKernels.swift).
//
// Every level gives the same bits: an element of the product is one chain of fused multiply-adds in the order of k,
// independent of the width of the vectors and of the element's position in its tile.
#pragma once
#include <stddef.h>

#pragma clang assume_nonnull begin

// The levels: AVX-512, and with its products of bf16; AVX2 or NEON by the compiler's vectors; and the same code on two floats
// at a time, for tests.
enum { CK_SCALAR = 0, CK_VECTOR = 1, CK_AVX512 = 2, CK_AVX512_BF16 = 3 };

// The destination of a tile: c = alpha * product + beta * add + bias. Without `add`, beta is ignored.
typedef struct ck_sink {
  float *c;
  ptrdiff_t lead;
  const float *_Nullable add;  // may be c
  ptrdiff_t add_lead;
  const float *_Nullable bias;
  float alpha, beta;
} ck_sink;

// At least the rows of the tallest tile.
enum { CK_ROW_STEP = 16 };

typedef struct ck_level {
  int rows;     // largest number of rows of a tile of C
  int columns;  // of a tile of C and of a panel of B
  int pair;     // of bf16: floats in which a packed operand holds two elements of k, one or two; 0 of f32
  // A tile of A times a panel. `a` is read at a[i * row + l * step]; `panel` holds `columns` floats for each l. Only the
  // first `width` columns are written. At each l, `columns` floats at prefetch_b + l * prefetch_stride are prefetched:
  // without that, waiting for memory would take a third of the time.
  void (*_Nonnull tile)(int rows, ptrdiff_t k, const float *a, ptrdiff_t row, ptrdiff_t step, const float *panel,
                        const float *prefetch_b, ptrdiff_t prefetch_stride, int width, const ck_sink *sink);
  // Packs `width` columns of B, k rows deep, into a panel, the rest zeros. B is read at b[l * row + j * step], where
  // row or step is 1.
  void (*_Nonnull pack_panel)(ptrdiff_t k, int width, const float *b, ptrdiff_t row, ptrdiff_t step, float *panel);
  // Packs `rows` rows of an A stored transposed, a[l * lead + i], to packed[l * CK_ROW_STEP + i].
  void (*_Nonnull pack_rows)(ptrdiff_t k, int rows, const float *a, ptrdiff_t lead, float *packed);
  // Packs a row of A that is not transposed. Null of f32, where a tile reads such rows as they are.
  void (*_Nullable pack_row)(ptrdiff_t k, const float *a, float *packed);
} ck_level;

// The best level of the processor, at most `limit`.
const ck_level *ck_gemm_level(int limit);

// The same for products of bf16 with f32 sums. Packing rounds the operands to the nearest bf16, and pads k to an even number
// with zeros. The terms of an element are those of vdpbf16ps (Intel's manual, volume 2): of each pair of k the second and then
// the first, each a fused multiply-add, with denormals as zeros before and after. A processor without the instruction
// multiplies the bf16 as the floats that they are, in that order. A tile must run between the two functions below.
const ck_level *ck_bf16_level(int limit);

// Makes numbers below the least normal one zeros on this thread, as operands and as results; returns the mode before.
unsigned ck_flush_denormals(void);
void ck_restore_denormals(unsigned before);
// The best level of the processor: one of the constants above.
int ck_processor_level(void);
// The level in use: that of the processor, or a lower one where the environment variable PERILUNE_KERNELS names it.
int ck_best_level(void);
// "scalar", "vector", "avx512" or "avx512_bf16"; null beyond the last level.
const char *_Nullable ck_level_name(int level);

// Elementwise functions of rows of n floats. Sums run in sixteen lanes, so that every level gives the same bits.
typedef struct ck_rows {
  // y = gelu(x), in its tanh form.
  void (*_Nonnull gelu)(ptrdiff_t n, const float *x, float *y);
  // y = gelu(x) and dx = dy gelu'(x).
  void (*_Nonnull gelu_both)(ptrdiff_t n, const float *x, const float *dy, float *y, float *dx);
  // y = silu(a) b.
  void (*_Nonnull gate)(ptrdiff_t n, const float *a, const float *b, float *y);
  // The same, with da = dy b silu'(a) and db = dy silu(a).
  void (*_Nonnull gate_both)(ptrdiff_t n, const float *a, const float *b, const float *dy, float *y, float *da, float *db);
  // y = exp(x - max x), which may be x itself; the maximum (-inf of no elements) and the sum of y.
  void (*_Nonnull exponentials)(ptrdiff_t n, const float *x, float *y, float *peak, float *sum);
  // p = exp(p - lse) and ds = p (ds - d).
  void (*_Nonnull softmax_gradient)(ptrdiff_t n, float *p, float *ds, float lse, float d);
} ck_rows;

// The best level of the processor, at most `limit` and at least CK_VECTOR, which every processor has.
const ck_rows *ck_rows_level(int limit);

// The kernels of decoding, for each token. Every level gives the same bits.
typedef struct ck_decode {
  // Keys are stored in blocks of 16 positions, each of `size` elements rounded up to an even number: elements i and i + 1
  // (i even) of position t are at keys[t / 16 * 16 * size + 16 * i + t % 16 * 2]. So a position touches few cache lines,
  // and sixteen positions are multiplied at once.

  // Stores the key of one position.
  void (*_Nonnull place)(int size, ptrdiff_t position, const float *key, float *keys);
  // scores[t] = scale (query . key t) for t < count, and -inf from there to the next multiple of 16.
  void (*_Nonnull scores)(int size, ptrdiff_t count, float scale, const float *query, const float *keys, float *scores);
  // out[i] = factor (sum over t < count of weights[t] values[t * lead + i]), where lead is `size` rounded up to 16.
  void (*_Nonnull mix)(int size, ptrdiff_t count, float factor, const float *weights, const float *values, float *out);
  // Copies rows x[i * lead + l] to the layout that `dots` reads: rows times k rounded up to 16 floats.
  void (*_Nonnull spread)(int rows, ptrdiff_t k, const float *x, ptrdiff_t lead, float *spread);
  // y[i * y_lead + j] += x[i] . w[j] for each row of x and each of `outputs` rows of w, which are `lead` apart. For weights
  // that are read from memory once: they are not packed, and the lanes are summed at the end.
  void (*_Nonnull dots)(int rows, ptrdiff_t k, const float *spread, const float *w, ptrdiff_t lead, int outputs, float *y,
                        ptrdiff_t y_lead);
  // The same of rows x and w of k pairs of bf16, which `spread` treats as k floats. The terms of each lane are those of
  // ck_bf16_level, between the same two functions.
  void (*_Nonnull dots_bf16)(int rows, ptrdiff_t k, const float *spread, const float *w, ptrdiff_t lead, int outputs,
                             float *y, ptrdiff_t y_lead);
  // Rounds k floats to pairs of bf16; the element that an odd k lacks is zero.
  void (*_Nonnull pair_row)(ptrdiff_t k, const float *x, float *pairs);
} ck_decode;

const ck_decode *ck_decode_level(int limit);

// Types of stored weights, by ggml's numbers (GGMLQuantizationType of PyPI's gguf).
enum {
  CK_F32 = 0, CK_F16 = 1, CK_Q4_0 = 2, CK_Q4_1 = 3, CK_Q5_0 = 6, CK_Q5_1 = 7, CK_Q8_0 = 8, CK_Q2_K = 10, CK_Q3_K = 11,
  CK_Q4_K = 12, CK_Q5_K = 13, CK_Q6_K = 14, CK_BF16 = 30
};

// Decodes consecutive blocks of one type; of F32, F16 and BF16 a block is one element. Every level gives the same bits.
typedef void (*ck_blocks)(ptrdiff_t count, const unsigned char *blocks, float *y);

// Null where the type is not known.
ck_blocks _Nullable ck_blocks_level(int limit, int type);

// A workspace of at least `floats` floats for this thread and slot; null if memory is short. The next call for the slot
// returns the same workspace, or a larger one with other contents.
enum { CK_PACKED_B, CK_PACKED_A, CK_SCORES, CK_SCRATCH_SLOTS };
float *_Nullable ck_scratch(int slot, size_t floats);

#pragma clang assume_nonnull end

// OpenBLAS, for products of 64-bit floats and with vectors: blas.c. Sees that `threads` threads can call it at once. Each
// call takes a buffer, which is kept for later calls; where there is no room for one, OpenBLAS asks for it for ever. Gives 0
// where the process's limit of addresses (`ulimit -v`) leaves no room. Not for two threads at once.
int kernel_reserve_blas(int threads);
