// One level of the elementwise kernels of a row. Included once for each level with NAME, TARGET,
// LOAD_PART and STORE_PART, as gemm_tile.h.
//
// Vectors have sixteen lanes at every level; on processors with eight lanes the compiler uses two registers. So sums have
// the same order and all levels give the same bits. The formulas and bits are those of VectorMath in Swift.

#define CAT2(a, b) a##b
#define CAT(a, b) CAT2(a, b)
#define FN(name) TARGET static inline __attribute__((always_inline)) v16 CAT(name##_, NAME)
#define LOOP(name) TARGET static void CAT(name##_, NAME)

LANE_FUNCTIONS(CAT(part_, NAME), CAT(sum_, NAME))

TARGET static inline __attribute__((always_inline)) float CAT(most_, NAME)(v16 v) {
  const float __attribute__((ext_vector_type(8))) a = v.hi > v.lo ? v.hi : v.lo;
  const float __attribute__((ext_vector_type(4))) b = a.hi > a.lo ? a.hi : a.lo;
  const float x = b[2] > b[0] ? b[2] : b[0], y = b[3] > b[1] ? b[3] : b[1];
  return y > x ? y : x;
}

FN(exp)(v16 x) {
  x = x > 89.0f ? (v16)89.0f : x;
  // Zero below this argument. The multiplication would underflow to 0 too, but slowly.
  const i16 gone = x < -104.0f;
  x = gone ? (v16)0.0f : x;
  const v16 shift = (v16)12582912.0f;
  const v16 shifted = FMA(x, 1.44269504f, shift), n = shifted - shift;
  const v16 r = FMA(n, -0x1.7f7d1cp-20f, FMA(n, -0x1.62e4p-1f, x));
  v16 p = FMA((v16)1.37805939e-3f, r, 8.37312452e-3f);
  p = FMA(p, r, 4.16695364e-2f);
  p = FMA(p, r, 1.66664720e-1f);
  p = FMA(p, r, 4.99999851e-1f);
  p = FMA(p, r, 1.0f);
  p = FMA(p, r, 1.0f);
  // Scaling in two steps reaches denormal results.
  const i16 whole = (i16)shifted - (i16)shift, half = whole >> 1;
  p = p * (v16)((half + 127) << 23);
  p = p * (v16)((whole - half + 127) << 23);
  return gone ? (v16)0.0f : p;
}

// Computed from e^-|x|, which cannot overflow.
FN(sigmoid)(v16 x) {
  const v16 e = CAT(exp_, NAME)((v16)((i16)x | (int)0x80000000));
  return (x < 0.0f ? e : (v16)1.0f) / (1.0f + e);
}

FN(gelu)(v16 x) {
  const v16 cube = x * x * x;
  return x * CAT(sigmoid_, NAME)(FMA(cube, GELU_B, x) * (2 * GELU_A));
}

LOOP(gelu_row)(ptrdiff_t n, const float *x, float *y) {
  EACH(n) {
    const v16 v = LOAD(x);
    STORE(CAT(gelu_, NAME)(v), y);
  }
}

// d gelu / dx = s + x s (1 - s) 2a (1 + 3 b x^2), s = sigmoid(2a (x + b x^3)).
LOOP(gelu_both)(ptrdiff_t n, const float *x, const float *dy, float *y, float *dx) {
  EACH(n) {
    const v16 v = LOAD(x), square = v * v, cube = square * v;
    const v16 s = CAT(sigmoid_, NAME)(FMA(cube, GELU_B, v) * (2 * GELU_A));
    const v16 value = v * s, slope = FMA(square, 6 * GELU_A * GELU_B, 2 * GELU_A);
    const v16 falling = value * (1.0f - s);
    const v16 derivative = FMA(falling, slope, s), up = LOAD(dy);
    STORE(value, y);
    STORE(up * derivative, dx);
  }
}

LOOP(gate)(ptrdiff_t n, const float *a, const float *b, float *y) {
  EACH(n) {
    const v16 x = LOAD(a), silu = x * CAT(sigmoid_, NAME)(x);
    STORE(silu * LOAD(b), y);
  }
}

// d silu / dx = s + x s (1 - s).
LOOP(gate_both)(ptrdiff_t n, const float *a, const float *b, const float *dy, float *y, float *da, float *db) {
  EACH(n) {
    const v16 x = LOAD(a), other = LOAD(b), up = LOAD(dy), s = CAT(sigmoid_, NAME)(x), silu = x * s;
    const v16 slope = FMA(silu, 1.0f - s, s), product = silu * other, downstream = up * other;
    STORE(product, y);
    STORE(downstream * slope, da);
    STORE(up * silu, db);
  }
}

// y = exp(x - max x), the maximum and the sum of y.
LOOP(exponentials)(ptrdiff_t n, const float *x, float *y, float *peak, float *sum) {
  v16 most = -__builtin_inff();
  EACH(n) {
    const v16 v = LOAD_OR(x, -__builtin_inff());
    most = v > most ? v : most;
  }
  const float top = CAT(most_, NAME)(most);
  v16 total = 0.0f;
  EACH(n) {
    const v16 e = CAT(exp_, NAME)(LOAD_OR(x, -__builtin_inff()) - top);
    STORE(e, y);
    total += e;
  }
  *peak = top;
  *sum = CAT(sum_, NAME)(total);
}

// p = exp(scores - lse) and ds = p (dp - d).
LOOP(softmax_gradient)(ptrdiff_t n, float *p, float *ds, float lse, float d) {
  EACH(n) {
    const v16 e = CAT(exp_, NAME)(LOAD(p) - lse), up = LOAD(ds) - d;
    STORE(e, p);
    STORE(e * up, ds);
  }
}

static const ck_rows CAT(rows_of_, NAME) = {
    CAT(gelu_row_, NAME), CAT(gelu_both_, NAME), CAT(gate_, NAME), CAT(gate_both_, NAME), CAT(exponentials_, NAME),
    CAT(softmax_gradient_, NAME)};

#undef LOAD_PART
#undef STORE_PART
#undef LOOP
#undef FN
#undef CAT
#undef CAT2
#undef NAME
#undef TARGET
