"""Records what PyTorch gives for a list of cases; Tests/AutogradTests/Golden.swift describes the format and reads it."""
import json
import math
import torch

torch.manual_seed(0)
torch.set_num_threads(1)
DTYPES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.bool: "bool"}


class In:
    """An input: its values (torch.float64, int64 or bool) and how they lie in memory."""

    def __init__(self, values, view=None):
        self.values = values
        self.view = view


class Number(In):
    """A number in the place of a tensor: recorded as a tensor without dimensions, and without a gradient."""

    def __init__(self, x):
        super().__init__(torch.tensor(x, dtype=torch.float64))
        self.number = x


def rand(shape, low=-2.0, high=2.0, view=None):
    """Uniform numbers of three decimals, so that the file stays small."""
    return In(((torch.rand(shape, dtype=torch.float64) * (high - low) + low) * 1000).round() / 1000, view)


def exactly(values, view=None):
    return In(torch.tensor(values, dtype=torch.float64), view)


def ints(shape, low, high):
    return In(torch.randint(low, high, shape, dtype=torch.int64))


def flags(shape):
    return In(torch.rand(shape) < 0.5)


def dims(*d):
    return list(d)


def integer(i):
    return {"i": i}


def number(x):
    return {"n": encode(x)}


def encode(x):
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, int):
        return x
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return int(x) if x == int(x) and abs(x) < 1e15 and not (x == 0 and math.copysign(1, x) < 0) else x


def flat(t, single=False):
    values = t.detach().reshape(-1).tolist()
    return [encode(float("%.8g" % v)) if single and isinstance(v, float) else encode(v) for v in values]


def tensor(t, view=None):
    record = {"s": list(t.shape), "d": DTYPES[t.dtype], "v": flat(t)}
    if view:
        record["view"] = view
    return record


class File:
    def __init__(self):
        self.cases = []

    def add(self, op, function, inputs, attributes=(), gradient=True, single=True, shift=None, accepts=False, tolerance=None):
        """Runs `function` on the inputs. `shift` says which outputs hold positions, to be counted from 1; `tolerance`
        is for an operation that computes a part in f32 even where its inputs are f64."""
        record = {"op": op, "in": [None if x is None else tensor(x.values, x.view) for x in inputs],
                  "at": list(attributes)}
        if tolerance:
            record["tol"] = tolerance
        self.cases.append(record)

        def run(dtype):
            values = [None if x is None else x.number if isinstance(x, Number) else
                      (x.values.to(dtype).clone().requires_grad_(gradient) if x.values.is_floating_point() else x.values)
                      for x in inputs]
            result = function(*values)
            result = [result] if isinstance(result, torch.Tensor) else list(result)
            return values, [r + 1 if shift and i in shift else r for i, r in enumerate(result)]

        try:
            values, outputs = run(torch.float64)
        except (RuntimeError, IndexError, ValueError) as error:
            if accepts:
                raise
            record["refused"] = str(error).splitlines()[0][:80]
            return
        record["out"] = [tensor(o) for o in outputs]
        wanted = [i for i, o in enumerate(outputs) if o.requires_grad and o.is_floating_point()]
        if gradient and wanted:
            weights = [(((torch.rand(o.shape, dtype=torch.float64) * 4 - 2) * 100).round() / 100) if i in wanted else None
                       for i, o in enumerate(outputs)]
            leaves = [v for v in values if isinstance(v, torch.Tensor) and v.is_floating_point()]
            try:
                found = iter(torch.autograd.grad([outputs[i] for i in wanted], leaves, [weights[i] for i in wanted],
                                                 allow_unused=True))
            except RuntimeError:  # "derivative ... is not implemented"
                found = None
        if gradient and wanted and found:
            record["g"] = [None if w is None else flat(w) for w in weights]
            record["gin"] = [None if not isinstance(v, torch.Tensor) or not v.is_floating_point() else
                             (lambda g: flat(torch.zeros_like(v) if g is None else g))(next(found)) for v in values]
        if single and any(x is not None and x.values.is_floating_point() for x in inputs):
            record["out32"] = [flat(o, single=True) for o in run(torch.float32)[1]]

    def write(self, path):
        head = '{"torch":%s,"cases":[\n' % json.dumps(torch.__version__)
        body = ",\n".join(json.dumps(c, separators=(",", ":")) for c in self.cases)
        with open(path, "w") as f:
            f.write(head + body + "\n]}\n")
        counts = {}
        for c in self.cases:
            counts[c["op"]] = counts.get(c["op"], 0) + 1
        few = [op for op, n in counts.items() if n < 5]
        print("%d cases of %d operations, %d bytes" % (len(self.cases), len(counts), len(head) + len(body)))
        if few:
            print("fewer than 5 cases:", " ".join(few))
