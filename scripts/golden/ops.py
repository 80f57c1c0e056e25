"""PyTorch's values and gradients for elementwise operations, comparisons, reductions and softmaxes.

    python3 scripts/golden/ops.py Tests/Golden/ops_a.json
"""
import sys
import torch
import torch.nn.functional as F
from golden import File, Number, dims, exactly, flags, ints, number, integer, rand

file = File()
add = file.add
INF, NAN = float("inf"), float("nan")
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 1e30, -1e30, INF, -INF, NAN]


def unary(op, f, low=-2.0, high=2.0, special=True, attributes=(), more=()):
    for x in [rand([2, 3], low, high), rand([3, 2], low, high, "transpose"), rand([2, 2], low, high, "gap"),
              rand([1], low, high), rand([], low, high), rand([0, 2], low, high), rand([11], low, high)]:
        add(op, f, [x, *more], attributes)
    if special:
        # PyTorch's vector code gives NaN for gelu(inf) in f32, and inf in f64.
        add(op, f, [exactly(SPECIAL), *more], attributes, gradient=False, single=op != "gelu")


unary("exp", torch.exp)
unary("log", torch.log, 0.1, 3)
unary("log2", torch.log2, 0.1, 3)
unary("log10", torch.log10, 0.1, 3)
unary("log1p", torch.log1p, -0.9, 3)
unary("expm1", torch.expm1)
unary("sqrt", torch.sqrt, 0.1, 3)
unary("rsqrt", torch.rsqrt, 0.1, 3)
unary("reciprocal", torch.reciprocal, 0.2, 3)
unary("square", torch.square)
unary("abs", torch.abs)
unary("sign", torch.sign)
unary("neg", torch.neg)
for name in ["floor", "ceil", "round", "trunc", "cos", "sin", "tan", "sinh", "cosh", "tanh", "atan", "erf", "erfc",
             "sigmoid", "relu"]:
    # Near its poles the tangent's gradient says how an f32 was rounded.
    unary(name, getattr(torch, name), *((-1.4, 1.4) if name == "tan" else ()))
unary("asin", torch.asin, -0.9, 0.9)
unary("acos", torch.acos, -0.9, 0.9)
unary("log_sigmoid", F.logsigmoid)
unary("silu", F.silu)
unary("softplus", F.softplus, attributes=[number(1), number(20)])
unary("softplus", lambda x: F.softplus(x, 3.0, 2.5), attributes=[number(3), number(2.5)])
unary("gelu", F.gelu, attributes=["none"])
unary("gelu", lambda x: F.gelu(x, approximate="tanh"), attributes=["tanh"])
unary("isnan", torch.isnan)
unary("isinf", torch.isinf)
unary("isfinite", torch.isfinite)
unary("logical_not", torch.logical_not)
unary("nan_to_num", lambda x: torch.nan_to_num(x, 1.0, 2.0, 3.0), attributes=[number(1), number(2), number(3)])
unary("nan_to_num", torch.nan_to_num, special=False, attributes=[number(0), None, None])
unary("clamp", torch.clamp, more=[Number(-0.7), Number(1.2)])
unary("clamp", torch.clamp, more=[None, Number(0.3)])
for op, f in [("sqrt", torch.sqrt), ("log", torch.log), ("exp", torch.exp), ("sigmoid", torch.sigmoid)]:
    add(op, f, [ints([4], 1, 9)])
for op, f in [("abs", torch.abs), ("neg", torch.neg), ("sign", torch.sign), ("square", torch.square)]:
    add(op, f, [ints([5], -9, 9)])
add("tanh", torch.tanh, [exactly([-100.0, -9.0, -1e-8, 1e-8, 9.0, 100.0])])
add("log_sigmoid", F.logsigmoid, [exactly([-1e4, -100.0, -30.0, 30.0, 100.0, 1e4])])
add("sigmoid", torch.sigmoid, [exactly([-1e4, -100.0, -30.0, 30.0, 100.0, 1e4])])
add("abs", torch.abs, [exactly([0.0, -0.0])])
add("clamp", torch.clamp, [exactly([-1.0, 1.0, 0.0]), Number(-1.0), Number(1.0)])
add("relu", torch.relu, [exactly([0.0, -0.0])])
add("exp", torch.exp, [exactly([-80.0, -20.0, 20.0, 80.0])], single=False)

PAIRS = [([2, 3], [2, 3]), ([2, 3], [3]), ([2, 1], [1, 3]), ([], [2, 2]), ([2, 2], []), ([1], [1]), ([0, 2], [1, 2])]


def binary(op, f, low=-2.0, high=2.0, low2=None, high2=None, special=True, integers=True):
    low2, high2 = low if low2 is None else low2, high if high2 is None else high2
    for a, b in PAIRS:
        add(op, f, [rand(a, low, high), rand(b, low2, high2)])
    add(op, f, [rand([3, 2], low, high, "transpose"), rand([3, 2], low2, high2, "gap")])
    add(op, f, [rand([2, 3]), rand([4])])
    if integers:
        add(op, f, [ints([6], -9, 9), exactly([-4.0, -3.0, 2.0, 3.0, 4.0, 5.0])])
        add(op, f, [ints([8], -9, 9), ints([8], 1, 5)])
    if special:
        values = [0.0, -0.0, 1.5, -2.0, 1e30, INF, -INF, NAN]
        left = torch.tensor(values, dtype=torch.float64).repeat_interleave(len(values)).tolist()
        add(op, f, [exactly(left), exactly(values * len(values))], gradient=False)


binary("add", torch.add)
binary("sub", torch.sub)
binary("mul", torch.mul)
binary("div", torch.div, low2=0.3, high2=2)
binary("floor_divide", torch.floor_divide, low2=0.3, high2=2)
binary("remainder", torch.remainder, low2=0.3, high2=2)
binary("fmod", torch.fmod, low2=0.3, high2=2)
binary("pow", torch.pow, low=0.2, high=2, low2=-2, high2=2)
binary("maximum", torch.maximum)
binary("minimum", torch.minimum)
binary("logaddexp", torch.logaddexp, integers=False)
for name in ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"]:
    binary(name, getattr(torch, name))
same = exactly([1.0, 2.0, -1.0])
for op, f in [("maximum", torch.maximum), ("minimum", torch.minimum)]:
    add(op, f, [same, exactly([1.0, 3.0, -1.0])])
add("pow", torch.pow, [exactly([0.0, 0.0, 2.0, -2.0, 3.0]), exactly([0.0, 2.0, 0.0, 2.0, 1.0])])
add("pow", torch.pow, [ints([4], -3, 4), ints([4], 0, 4)])
add("floor_divide", torch.floor_divide, [ints([2], 1, 3), ints([2], 0, 1)])
add("remainder", torch.remainder, [ints([2], 1, 3), ints([2], 0, 1)])
add("fmod", torch.fmod, [ints([2], 1, 3), ints([2], 0, 1)])
add("floor_divide", torch.floor_divide, [exactly([7.0, -7.0, 7.0, -7.0, 0.3]), exactly([2.0, 2.0, -2.0, -2.0, 0.1])])
for op in ["add", "mul", "maximum", "minimum", "eq", "lt", "ge"]:
    add(op, getattr(torch, op), [flags([6]), flags([6])])
for a, b, w in [([2, 3], [3], [2, 1]), ([3], [3], []), ([2, 2], [2, 2], [2, 2]), ([1], [1], [1]), ([0], [0], [])]:
    add("lerp", torch.lerp, [rand(a), rand(b), rand(w, 0, 1)])
for a, b in [([2, 3], [2, 3]), ([3], [2, 1]), ([], []), ([0], [0])]:
    for c in [[2, 3] if 3 in a + b else a]:
        add("where", torch.where, [flags(c), rand(a), rand(b)])
add("where", torch.where, [flags([2, 1]), rand([3, 2], view="transpose"), rand([1, 2])])
add("where", torch.where, [flags([3, 1]), rand([3, 2], view="transpose"), rand([1, 2])])
for a, m in [([2, 3], [2, 3]), ([2, 3], [3]), ([2, 3], [2, 1]), ([1], [1]), ([0], [0]), ([3], [2, 3])]:
    add("masked_fill", lambda x, m: x.masked_fill(m, -5.0), [rand(a), flags(m)], [number(-5)])
add("masked_fill", lambda x, m: x.masked_fill(m, -INF), [rand([4]), flags([4])], [number(-INF)])

# Reductions: all, one and several dimensions, kept or not, views, one element, none.
REDUCTIONS = [([2, 3], [], False), ([2, 3], [], True), ([2, 3], [1], False), ([2, 3], [0], True), ([2, 3, 2], [1], False),
              ([2, 3, 2], [0, 2], True), ([2, 3, 2], [-1], False), ([1], [0], False), ([], [], False)]
EMPTY = [([0], [], False), ([0, 2], [0], False), ([2, 0], [0], True), ([2, 0], [1], False)]


def reduction(op, f, extra=(), empty=EMPTY, low=-2.0, high=2.0, special=True, before=()):
    for shape, d, keep in REDUCTIONS + empty:
        g = lambda x, d=d, keep=keep: f(x, d if d else list(range(x.dim())), keep)
        add(op, g, [rand(shape, low, high)], list(before) + [dims(*d), keep] + list(extra))
    for view in ["transpose", "gap"]:
        add(op, lambda x: f(x, [1], False), [rand([3, 2], low, high, view)], list(before) + [dims(1), False] + list(extra))
    add(op, lambda x: f(x, [0], False), [rand([40], low, high)], list(before) + [dims(0), False] + list(extra))
    if special:
        add(op, lambda x: f(x, [1], False),
            [exactly([[1.0, NAN, 2.0], [INF, 1.0, 2.0], [-INF, INF, 0.0], [-0.0, 0.0, -0.0], [1e30, 1e30, -1e30]])],
            list(before) + [dims(1), False] + list(extra), gradient=False)


def over(x, d, keep, f, start):
    for i in sorted(d, reverse=True):
        x = f(x, i, keep)
    return x if d else start(x)


reduction("sum", lambda x, d, k: torch.sum(x, d, k))
reduction("mean", lambda x, d, k: torch.mean(x, d, k))
for c in [1, 0]:
    reduction("var", lambda x, d, k: torch.var(x, d, correction=c, keepdim=k), [number(c)], special=c == 1)
    reduction("std", lambda x, d, k: torch.std(x, d, correction=c, keepdim=k), [number(c)], special=c == 1)
reduction("amax", lambda x, d, k: torch.amax(x, d, k))
reduction("amin", lambda x, d, k: torch.amin(x, d, k))
reduction("logsumexp", lambda x, d, k: torch.logsumexp(x, d, k))
add("logsumexp", lambda x: torch.logsumexp(x, 0), [exactly([1000.0, 1000.5, -1000.0])], [dims(0), False])
for p in [2.0, 1.0, 3.0, 0.0, INF, -INF]:
    reduction("norm", lambda x, d, k: torch.linalg.vector_norm(x, p, d, k), before=[number(p)], low=0.1,
              empty=EMPTY if p in (1.0, 2.0) else [], special=p == 2.0)
add("norm", lambda x: torch.linalg.vector_norm(x), [exactly([0.0, 0.0])], [number(2), dims(), False])
reduction("prod", lambda x, d, k: over(x, d, k, lambda x, i, k: torch.prod(x, i, k), torch.prod))
for zeros in [[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]]:
    add("prod", lambda x: torch.prod(x, 0), [exactly(zeros)], [dims(0), False])
    add("cumprod", lambda x: torch.cumprod(x, 0), [exactly(zeros)], [integer(0)])
reduction("all", lambda x, d, k: over(x, d, k, lambda x, i, k: torch.all(x, i, k), torch.all))
reduction("any", lambda x, d, k: over(x, d, k, lambda x, i, k: torch.any(x, i, k), torch.any))
add("sum", lambda x: torch.sum(x), [ints([5], -9, 9)], [dims(), False])
add("sum", lambda x: torch.sum(x), [flags([7])], [dims(), False])
add("prod", lambda x: torch.prod(x), [ints([5], -4, 9)], [dims(), False])
add("amax", lambda x: torch.amax(x), [exactly([3.0, 1.0, 3.0])], [dims(), False])

for x, d in [(rand([2, 3]), 1), (rand([2, 3]), 0), (rand([2, 3, 2]), -2), (rand([3, 2], view="transpose"), 1),
             (rand([3, 2], view="gap"), -1), (rand([1]), 0), (rand([0, 2]), 1), (rand([2, 0]), 1), (rand([21], -9, 9), 0),
             (exactly([1000.0, 1001.0, -1000.0]), 0)]:
    add("softmax", lambda x: torch.softmax(x, d), [x], [integer(d)])
    add("log_softmax", lambda x: torch.log_softmax(x, d), [x], [integer(d)])
    add("cumsum", lambda x: torch.cumsum(x, d), [x], [integer(d)])
    add("cumprod", lambda x: torch.cumprod(x, d), [x], [integer(d)])
for values in [[1.0, INF, 0.0], [-INF, -INF, -INF], [1.0, -INF, 0.0], [NAN, 1.0, 2.0]]:
    add("softmax", lambda x: torch.softmax(x, 0), [exactly(values)], [integer(0)], gradient=False)
    add("log_softmax", lambda x: torch.log_softmax(x, 0), [exactly(values)], [integer(0)], gradient=False)
    add("cumsum", lambda x: torch.cumsum(x, 0), [exactly(values)], [integer(0)], gradient=False)

for op, whole, along in [("max", torch.max, torch.max), ("min", torch.min, torch.min),
                         ("median", torch.median, torch.median)]:
    for x in [rand([2, 3]), rand([3, 2], view="transpose"), rand([1]), rand([]), rand([0]), rand([17])]:
        add(op, lambda x: whole(x), [x], [None, False])
    for x, d, k in [(rand([2, 3]), 1, False), (rand([2, 3]), 0, True), (rand([2, 3, 2]), -2, False),
                    (rand([3, 2], view="transpose"), 1, False), (rand([3, 2], view="gap"), 0, False),
                    (rand([1]), 0, True), (rand([0, 2]), 1, False), (rand([2, 0]), 1, False), (rand([2, 16]), 1, False)]:
        add(op, lambda x: along(x, d, k), [x], [integer(d), k], shift=[1])
    add(op, lambda x: along(x, 1), [exactly([[1.0, NAN, 2.0], [INF, 1.0, -INF]])], [integer(1), False], shift=[1],
        gradient=False)
for op, f in [("argmax", torch.argmax), ("argmin", torch.argmin), ("argmax_id", torch.argmax)]:
    shift = None if op == "argmax_id" else [0]
    for x in [rand([2, 3]), rand([3, 2], view="transpose"), rand([1]), rand([]), rand([0]), ints([7], -3, 3)]:
        add(op, lambda x: f(x), [x], [None, False], shift=shift, gradient=False)
    for x, d, k in [(rand([2, 3]), 1, False), (rand([2, 3]), 0, True), (rand([2, 3, 2]), -2, False),
                    (rand([3, 2], view="gap"), 0, False), (rand([2, 0]), 1, False), (rand([2, 16]), 1, False)]:
        add(op, lambda x: f(x, d, k), [x], [integer(d), k], shift=shift, gradient=False)
    add(op, lambda x: f(x, 1), [exactly([[1.0, NAN, 2.0], [INF, 1.0, INF]])], [integer(1), False], shift=shift,
        gradient=False)
for q in [0.0, 0.3, 0.5, 1.0]:
    add("quantile", lambda x: torch.quantile(x, q), [rand([2, 3])], [number(q), None, False])
    add("quantile", lambda x: torch.quantile(x, q, 1), [rand([2, 4])], [number(q), integer(1), False])
    add("quantile", lambda x: torch.quantile(x, q, 0, True), [rand([3, 2], view="transpose")],
        [number(q), integer(0), True])
add("quantile", lambda x: torch.quantile(x, 0.5), [rand([0])], [number(0.5), None, False])
add("quantile", lambda x: torch.quantile(x, 0.5), [exactly([1.0, NAN])], [number(0.5), None, False], gradient=False)
for a, b in [(rand([2]), rand([2])), (rand([0]), rand([0])), (rand([2]), rand([3])), (ints([3], 0, 1), ints([3], 0, 1)),
             (exactly([NAN]), exactly([NAN]))]:
    add("equal", lambda a, b: torch.tensor(torch.equal(a, b)), [a, b], gradient=False)
near = exactly([1.0, 1e-9, INF, -INF])
for a, b, n in [(near, exactly([1.000001, 0.0, INF, -INF]), False), (near, exactly([1.1, 0.0, INF, -INF]), False),
                (exactly([NAN]), exactly([NAN]), True), (exactly([NAN]), exactly([NAN]), False), (rand([0]), rand([0]), False)]:
    add("allclose", lambda a, b: torch.tensor(torch.allclose(a, b, equal_nan=n)), [a, b],
        [number(1e-5), number(1e-8), n], gradient=False)

# Limits that are tensors: broadcast both ways, views, one side only, ties, limits that cross, infinities and NaN.
for x, low, high in [([2, 3], [2, 3], [2, 3]), ([2, 3], [3], [2, 1]), ([], [2, 2], []), ([1], [1], [1]), ([0, 2], [2], [1])]:
    add("clamp", torch.clamp, [rand(x), rand(low, -1.5, 0), rand(high, 0, 1.5)])
    add("clamp", torch.clamp, [rand(x), rand(low, -1, 1), None])
    add("clamp", torch.clamp, [rand(x), None, rand(high, -1, 1)])
    add("clamp", torch.clamp, [rand(x), rand(low, -2, 2), rand(high, -2, 2)])
add("clamp", torch.clamp, [rand([3, 2], view="transpose"), rand([3, 2], -1, 0, "gap"), rand([2], 0, 1)])
add("clamp", torch.clamp, [exactly([-1.0, 1.0, 0.0, 3.0]), exactly([-1.0, -1.0, 0.0, 2.0]), exactly([1.0, 1.0, 3.0, 2.5])])
add("clamp", torch.clamp, [exactly([1.0, NAN, 1.0, INF, -INF]), exactly([NAN, 0.0, 0.0, -INF, INF]),
                           exactly([2.0, 2.0, NAN, INF, -1.0])], gradient=False)
add("clamp", torch.clamp, [rand([2]), rand([3]), None])
for mode in ["floor", "trunc"]:
    f = lambda a, b: torch.div(a, b, rounding_mode=mode)
    for a, b in PAIRS:
        add("div", f, [rand(a, -9, 9), rand(b, 0.3, 2)], [mode])
    add("div", f, [rand([3, 2], -9, 9, "transpose"), rand([3, 2], 0.3, 2, "gap")], [mode])
    add("div", f, [ints([9], -9, 9), ints([9], 1, 4)], [mode])
    add("div", f, [ints([6], -9, 9), exactly([-4.0, -3.0, 2.0, 3.0, 4.0, 5.0])], [mode])
    add("div", f, [ints([2], 1, 3), ints([2], 0, 1)], [mode])
    add("div", f, [exactly([7.0, -7.0, 7.0, -7.0, 0.3]), exactly([2.0, 2.0, -2.0, -2.0, 0.1])], [mode])
    values = [0.0, -0.0, 1.5, -2.0, 1e30, INF, -INF, NAN]
    left = torch.tensor(values, dtype=torch.float64).repeat_interleave(len(values)).tolist()
    add("div", f, [exactly(left), exactly(values * len(values))], [mode], gradient=False)

# Random otherwise: PyTorch draws other masks.
for p in [0.0, 1.0]:
    for x in [rand([2, 3]), rand([3, 2], view="transpose"), rand([1]), rand([0, 2]), rand([3, 2], view="gap"), rand([40])]:
        add("dropout", lambda x: F.dropout(x, p), [x], [number(p), integer(0), integer(0)])
for name, dtype in [("f32", torch.float32), ("f64", torch.float64), ("i64", torch.int64), ("bool", torch.bool)]:
    for x in [rand([2, 3]), rand([3, 2], view="transpose"), rand([]), rand([0, 2]), ints([5], -3, 3), flags([4]),
              exactly([0.0, -0.0, 0.999, -1.999, 1e15])]:
        add("to", lambda x: x.to(dtype), [x], [{"d": name}], gradient=name == "f64")
for name, dtype in [("f32", torch.float32), ("f64", torch.float64), ("bool", torch.bool)]:
    add("to", lambda x: x.to(dtype), [exactly([INF, -INF, NAN])], [{"d": name}], gradient=False)

for decimals in [1, 2, -1]:
    for x in [rand([2, 3], -99, 99), rand([3, 2], -99, 99, "transpose"), rand([]), rand([0]), exactly([INF, -INF, NAN, 0.5, -0.0])]:
        # In f32 a product near a half may fall on its other side.
        add("round", lambda x: torch.round(x, decimals=decimals), [x], [integer(decimals)], single=False)

file.write(sys.argv[1])
