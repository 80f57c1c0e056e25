"""PyTorch's values and gradients for the operations of models: norms, attention, heads, losses.

    python3 scripts/golden/ops_fused.py Tests/Golden/ops_fused.json

Attention is written out, one sequence and one head at a time, with rotary pairs (2i, 2i + 1).
"""
import math
import sys

import torch
import torch.nn.functional as F
from golden import File, In, exactly, integer, number, rand

file = File()
INF, NAN = float("inf"), float("nan")


def add(op, f, inputs, attributes=(), **more):
    file.add(op, f, inputs, attributes, accepts=True, **more)


def ids(count, vocabulary):
    return In(torch.randint(0, vocabulary, count if isinstance(count, list) else [count]))


# Rows: usual, views, several dimensions, no multiple of the vector, one element, no rows, large values.
ROWS = [([3, 8], None), ([4, 11], "transpose"), ([2, 5, 7], "gap"), ([1, 1], None), ([0, 4], None), ([2, 33], None), ([6], None)]
for shape, view in ROWS:
    d = shape[-1]
    for eps in [1e-5, 0.1]:
        add("layer_norm", lambda x, w, b: F.layer_norm(x, [d], w, b, eps), [rand(shape, view=view), rand([d]), rand([d])],
            [number(eps)])
        add("rms_norm", lambda x, w: F.rms_norm(x, [d], w, eps), [rand(shape, view=view), rand([d])], [number(eps)])
for values in [[[1e4, 1e4 + 3, 1e4 - 8]], [[0.0, 0.0, 0.0]], [[1e-4, -1e-4, 3e-4]]]:
    # In f32 the numbers near 1e4 have lost what the norm is about.
    single = values[0][0] < 1e4
    add("layer_norm", lambda x, w, b: F.layer_norm(x, [3], w, b, 1e-5), [exactly(values), rand([3]), rand([3])], [number(1e-5)],
        single=single)
    add("rms_norm", lambda x, w: F.rms_norm(x, [3], w, 1e-5), [exactly(values), rand([3])], [number(1e-5)])
for values in [[[1.0, NAN, 2.0]], [[INF, 1.0, 2.0]]]:
    add("layer_norm", lambda x, w, b: F.layer_norm(x, [3], w, b, 1e-5), [exactly(values), rand([3]), rand([3])], [number(1e-5)],
        gradient=False)
    add("rms_norm", lambda x, w: F.rms_norm(x, [3], w, 1e-5), [exactly(values), rand([3])], [number(1e-5)], gradient=False)


def swiglu(x):
    a, b = x.chunk(2, -1)
    return F.silu(a) * b


def linear(what, eps):
    def f(x, w, b, r, nw, nb):
        if what == "gelu":
            x = F.gelu(x, approximate="tanh")
        elif what == "swiglu":
            x = swiglu(x)
        elif what == "layer_norm":
            x = F.layer_norm(x, [x.shape[-1]], nw, nb, eps)
        elif what == "rms_norm":
            x = F.rms_norm(x, [x.shape[-1]], nw, eps)
        y = F.linear(x, w, b)
        return y if r is None else y + r

    return f


for shape, outputs, view in [([3, 5], 4, None), ([2, 3, 8], 8, "transpose"), ([4, 9], 17, "gap"), ([1, 1], 1, None),
                             ([0, 5], 3, None), ([7], 3, None), ([5, 20], 33, None)]:
    for what in ["none", "gelu", "swiglu", "layer_norm", "rms_norm"]:
        for bias, residual in [(True, True), (True, False), (False, True), (False, False)][:4 if outputs < 9 and what == "none" else 1]:
            inputs = shape[-1]
            rows = shape[:-1] + [2 * inputs if what == "swiglu" else inputs]
            add("linear", linear(what, 1e-5),
                [rand(rows, view=view), rand([outputs, inputs], -1, 1), rand([outputs]) if bias else None,
                 rand(shape[:-1] + [outputs]) if residual else None,
                 rand([inputs]) if "norm" in what else None, rand([inputs]) if what == "layer_norm" else None],
                [what, number(1e-5)])


for shape, view in [([3, 14], None), ([2, 2, 16], "transpose"), ([4, 6], "gap"), ([2], None), ([0, 4], None), ([2, 66], None)]:
    add("swiglu", swiglu, [rand(shape, -5, 5, view)])
add("swiglu", swiglu, [exactly([[-100.0, 100.0, 0.0, 1.0, 2.0, 3.0]])])
add("swiglu", swiglu, [exactly([[NAN, 1.0, INF, 1.0, NAN, 2.0]])], gradient=False)


def attention(lengths, heads, kv_heads, base):
    def turned(x):
        if not base:
            return x
        size = x.shape[1]
        rates = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.arange(x.shape[0], dtype=torch.float64)[:, None] * rates
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        a, b = x[:, 0::2], x[:, 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], 2).flatten(1)

    def f(x):
        size = x.shape[1] // (heads + 2 * kv_heads)
        rows = []
        for part in x.split(lengths):
            parts = part.split(size, 1)
            out = []
            for h in range(heads):
                k = heads + h // (heads // kv_heads)
                scores = turned(parts[h]) @ turned(parts[k]).T / size ** 0.5
                future = torch.ones_like(scores, dtype=torch.bool).triu(1)
                out.append(scores.masked_fill(future, -INF).softmax(1) @ parts[k + kv_heads])
            rows.append(torch.cat(out, 1))
        return torch.cat(rows)

    return f


for lengths, heads, kv_heads, size, base, view in [
    ([5], 1, 1, 4, 0, None), ([2, 3], 2, 2, 2, 0, "transpose"), ([3, 0, 4], 4, 2, 4, 100, None), ([1], 1, 1, 1, 0, None),
    ([4, 1, 2], 4, 1, 6, 10000, "gap"), ([17], 2, 1, 8, 500, None), ([1, 1, 1], 2, 2, 8, 10, None), ([40], 1, 1, 3, 0, None),
]:  # fmt: skip
    f = attention(lengths, heads, kv_heads, base)
    x = rand([sum(lengths), (heads + 2 * kv_heads) * size], view=view)
    # The table of angles is f32.
    add("attention", f, [x], [lengths, integer(heads), integer(kv_heads), number(base)])
add("attention", attention([3], 1, 1, 0), [exactly([[30.0, 9, 1], [-30, 5, 2], [40, -20, 3]])],
    [[3], integer(1), None, number(0)])


def logps(t):
    return lambda h, w, i: (h @ w.T / t).log_softmax(1).gather(1, i[:, None]).squeeze(1)


# The temperature is f32: 0.5 and 2 lose nothing by it.
for rows, width, vocabulary, t, view in [(4, 5, 7, 1.0, None), (3, 8, 16, 0.5, "transpose"), (6, 9, 33, 2.0, "gap"),
                                         (1, 1, 1, 1.0, None), (0, 5, 7, 1.0, None), (2, 3, 130, 0.7, None)]:
    add("token_logps", logps(t), [rand([rows, width], view=view), rand([vocabulary, width]), ids(rows, vocabulary)],
        [number(t)])
add("token_logps", logps(1.0), [exactly([[100.0, 0.0], [0.0, -100.0]]), exactly([[1.0, 2.0], [-1.0, 3.0]]), ids(2, 2)],
    [number(1)])
for rows, vocabulary, view in [(4, 5, None), (3, 8, "transpose"), (6, 33, "gap"), (1, 1, None), (1, 7, None)]:
    add("cross_entropy", F.cross_entropy, [rand([rows, vocabulary], -5, 5, view), ids(rows, vocabulary)])
add("cross_entropy", F.cross_entropy, [exactly([[1000.0, 0.0, -1000.0], [-1e4, 1e4, 0.0]]), ids(2, 3)])
add("cross_entropy", F.cross_entropy, [exactly([[NAN, 0.0, 1.0]]), ids(1, 3)], gradient=False)
for lengths, view in [([2, 1, 3], None), ([0, 4], "gap"), ([7], None), ([], None), ([1], None), ([0, 0, 5, 0], None)]:
    add("segment_sum", lambda x: torch.stack([p.sum() for p in x.split(lengths)]) if lengths else x.sum(0, keepdim=True)[:0],
        [rand([sum(lengths)], view=view)], [lengths])
add("segment_sum", lambda x: torch.stack([p.sum() for p in x.split([2, 2])]), [exactly([1.0, INF, NAN, 1.0])], [[2, 2]],
    gradient=False)


def cross_attention(lengths, memory, heads, scale, causal, distance):
    """T5's attention, with the buckets of its relative positions."""
    def bucket(relative, buckets):
        half = buckets if causal else buckets // 2
        first = 0 if causal else (relative > 0).long() * half
        away = (-relative).clamp(min=0) if causal else relative.abs()
        exact = half // 2
        far = exact + ((away.float() / exact).log() / math.log(distance / exact) * (half - exact)).long()
        return first + torch.where(away < exact, away, far.clamp(max=half - 1))

    def f(q, kv, bias):
        size = q.shape[1] // heads
        rows = []
        for queries, part in zip(q.split(lengths), kv.split(memory)):
            relative = torch.arange(part.shape[0])[None, :] - torch.arange(queries.shape[0])[:, None]
            out = []
            for h in range(heads):
                k, v = (part[:, (h + i) * size:(h + i + 1) * size] for i in (0, heads))
                scores = queries[:, h * size:(h + 1) * size] @ k.T * (scale or size ** -0.5)
                if bias is not None:
                    scores = scores + bias[bucket(relative, bias.shape[0]), h]
                out.append((scores.masked_fill(relative > 0, -INF) if causal else scores).softmax(1) @ v)
            rows.append(torch.cat(out, 1))
        return torch.cat(rows)

    return f


for lengths, memory, heads, size, buckets, scale, causal, distance, view in [
    ([5], [7], 1, 4, None, 0, False, 128, None), ([2, 3], [4, 1], 2, 3, 8, 1, False, 6, "transpose"),
    ([9, 0, 4], [9, 0, 4], 3, 2, 4, 1, True, 5, None), ([1], [1], 1, 1, None, 0, True, 128, None),
    ([30], [40], 2, 5, 12, 0.5, False, 20, "gap"), ([40], [40], 2, 2, 32, 1, True, 128, None),
]:  # fmt: skip
    width = heads * size
    add("cross_attention", cross_attention(lengths, memory, heads, scale, causal, distance),
        [rand([sum(lengths), width], view=view), rand([sum(memory), 2 * width], view=view),
         rand([buckets, heads]) if buckets else None],
        [lengths, memory, integer(heads), number(scale), causal, integer(distance)])

file.write(sys.argv[1])
