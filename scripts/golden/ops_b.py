"""PyTorch's values and gradients for views, indexing, joining, products, linear algebra, sorting and convolution.

    python3 scripts/golden/ops_b.py Tests/Golden/ops_b.json

Positions inside tensors are written as Lua counts them, from 1.
"""
import math
import sys

import torch
from golden import File, In, integer, number

file = File()


def attribute(a):
    if a is None or isinstance(a, (bool, str, list)):
        return a
    return integer(a) if isinstance(a, int) else number(a)


def case(op, f, inputs, attributes=(), shown=None, turned=False, single=True):
    """One case: `shown` are the inputs of the operation where they are more than the floating-point ones of `f`."""
    given = inputs if shown is None else shown
    call = f if shown is None else lambda *v: f(*[x for x in v if x.is_floating_point()])
    wrapped = [None if t is None else In(t, "transpose" if turned and t.dim() > 0 else None) for t in given]
    file.add(op, call, wrapped, [attribute(a) for a in attributes], single=single, accepts=True)


def n(*shape):
    return (torch.randn(shape, dtype=torch.float64) * 1000).round() / 1000


def ints(high, *shape):
    return torch.randint(0, high, shape)


def views():
    for turned in (False, True):
        case("transpose", lambda x: x.transpose(0, 1), [n(3, 4)], [0, 1], turned=turned)
        case("transpose", lambda x: x.transpose(0, 2), [n(2, 3, 4)], [0, 2], turned=turned)
        case("transpose", lambda x: x.transpose(1, -1), [n(2, 3, 4)], [1, -1], turned=turned)
        case("t", lambda x: x.t(), [n(3, 4)], turned=turned)
        case("t", lambda x: x.t(), [n(5)], turned=turned)
        case("t", lambda x: x.t(), [n(1, 0)], turned=turned)
        case("permute", lambda x: x.permute(2, 0, 1), [n(2, 3, 4)], [[2, 0, 1]], turned=turned)
        case("permute", lambda x: x.permute(1, 0), [n(2, 3)], [[1, 0]], turned=turned)
        case("permute", lambda x: x.permute(3, 1, 0, 2), [n(2, 3, 1, 2)], [[3, 1, 0, 2]], turned=turned)
        case("movedim", lambda x: x.movedim(0, 2), [n(2, 3, 4)], [0, 2], turned=turned)
        case("movedim", lambda x: x.movedim(2, 0), [n(2, 3, 4)], [2, 0], turned=turned)
        case("movedim", lambda x: x.movedim(-1, 1), [n(2, 3, 4)], [-1, 1], turned=turned)
        case("narrow", lambda x: x.narrow(0, 1, 2), [n(4, 3)], [0, 1, 2], turned=turned)
        case("narrow", lambda x: x.narrow(1, 2, 1), [n(4, 3)], [1, 2, 1], turned=turned)
        case("narrow", lambda x: x.narrow(1, 1, 0), [n(4, 3)], [1, 1, 0], turned=turned)
        case("select", lambda x: x.select(0, 1), [n(4, 3)], [0, 1], turned=turned)
        case("select", lambda x: x.select(1, -1), [n(4, 3)], [1, -1], turned=turned)
        case("select", lambda x: x.select(1, 0), [n(2, 3, 2)], [1, 0], turned=turned)
        case("squeeze", lambda x: x.squeeze(), [n(1, 3, 1, 2)], [None], turned=turned)
        case("squeeze", lambda x: x.squeeze(0), [n(1, 3, 1)], [0], turned=turned)
        case("squeeze", lambda x: x.squeeze(1), [n(1, 3, 1)], [1], turned=turned)
        case("unsqueeze", lambda x: x.unsqueeze(0), [n(2, 3)], [0], turned=turned)
        case("unsqueeze", lambda x: x.unsqueeze(1), [n(2, 3)], [1], turned=turned)
        case("unsqueeze", lambda x: x.unsqueeze(-1), [n(2, 3)], [-1], turned=turned)
        case("expand", lambda x: x.expand(4, 3), [n(1, 3)], [[4, 3]], turned=turned)
        case("expand", lambda x: x.expand(2, -1, 3), [n(2, 1)], [[2, -1, 3]], turned=turned)
        case("expand", lambda x: x.expand(2, 0, 3), [n(1, 3)], [[2, 0, 3]], turned=turned)
        case("diagonal", lambda x: x.diagonal(), [n(3, 4)], [0, 0, 1], turned=turned)
        case("diagonal", lambda x: x.diagonal(-1), [n(3, 4)], [-1, 0, 1], turned=turned)
        case("diagonal", lambda x: x.diagonal(1, 2, 0), [n(3, 2, 4)], [1, 2, 0], turned=turned)
        case("unfold", lambda x: x.unfold(0, 3, 2), [n(8)], [0, 3, 2], turned=turned)
        case("unfold", lambda x: x.unfold(1, 2, 1), [n(2, 5)], [1, 2, 1], turned=turned)
        case("unfold", lambda x: x.unfold(0, 4, 3), [n(4, 2)], [0, 4, 3], turned=turned)
        case("reshape", lambda x: x.reshape(4, -1), [n(2, 6)], [[4, -1]], turned=turned)
        case("reshape", lambda x: x.reshape(24), [n(2, 3, 4)], [[24]], turned=turned)
        case("reshape", lambda x: x.reshape(3, 0), [n(0, 3)], [[3, 0]], turned=turned)
        case("flatten", lambda x: x.flatten(), [n(2, 3, 2)], [None, None], turned=turned)
        case("flatten", lambda x: x.flatten(1), [n(2, 3, 2)], [1, None], turned=turned)
        case("flatten", lambda x: x.flatten(0, 1), [n(2, 3, 2)], [0, 1], turned=turned)
        case("unflatten", lambda x: x.unflatten(1, (2, -1)), [n(2, 6)], [1, [2, -1]], turned=turned)
        case("unflatten", lambda x: x.unflatten(0, (2, 2)), [n(4, 3)], [0, [2, 2]], turned=turned)
        case("unflatten", lambda x: x.unflatten(-1, (3, 1)), [n(4, 3)], [-1, [3, 1]], turned=turned)
        case("contiguous", lambda x: x.contiguous(), [n(3, 2)], turned=turned)
        case("contiguous", lambda x: x.contiguous(), [n(3, 2, 2)], turned=turned)
        case("contiguous", lambda x: x.contiguous(), [n(0, 2)], turned=turned)
        case("clone", lambda x: x.clone(), [n(3, 2)], turned=turned)
        case("clone", lambda x: x.clone(), [n(3)], turned=turned)
        case("clone", lambda x: x.clone(), [n(2, 3, 2)], turned=turned)
        case("tile", lambda x: x.repeat(2, 3), [n(2, 3)], [[2, 3]], turned=turned)
        case("tile", lambda x: x.repeat(2, 1, 2), [n(3, 2)], [[2, 1, 2]], turned=turned)
        case("tile", lambda x: x.tile(2), [n(3, 2)], [[2]], turned=turned)
        case("flip", lambda x: x.flip(0), [n(3, 2)], [[0]], turned=turned)
        case("flip", lambda x: x.flip(0, 1), [n(3, 2)], [[0, 1]], turned=turned)
        case("flip", lambda x: x.flip(1), [n(2, 3, 2)], [[1]], turned=turned)
        case("roll", lambda x: x.roll(1), [n(3, 2)], [1, None], turned=turned)
        case("roll", lambda x: x.roll(-2, 0), [n(3, 2)], [-2, 0], turned=turned)
        case("roll", lambda x: x.roll(7, 1), [n(3, 4)], [7, 1], turned=turned)
    case("view", lambda x: x.view(3, 2, 2), [n(6, 2)], [[3, 2, 2]])
    case("view", lambda x: x.view(-1), [n(2, 3)], [[-1]])
    case("view", lambda x: x.view(1, 6, 1), [n(2, 3)], [[1, 6, 1]])
    case("view", lambda x: x.view([]), [n(1)], [[]])
    case("view", lambda x: x.view(2, 0), [n(0)], [[2, 0]])


def joining():
    for turned in (False, True):
        case("cat", lambda *x: torch.cat(x), [n(2, 3), n(1, 3)], [0], turned=turned)
        case("cat", lambda *x: torch.cat(x, 1), [n(2, 3), n(2, 0), n(2, 2)], [1], turned=turned)
        case("cat", lambda *x: torch.cat(x, -1), [n(2, 1, 2), n(2, 1, 3)], [-1], turned=turned)
        case("stack", lambda *x: torch.stack(x), [n(2, 3), n(2, 3)], [0], turned=turned)
        case("stack", lambda *x: torch.stack(x, 1), [n(2, 3), n(2, 3), n(2, 3)], [1], turned=turned)
        case("stack", lambda *x: torch.stack(x, -1), [n(2, 3), n(2, 3)], [-1], turned=turned)
        case("split", lambda x: x.split(2), [n(5, 2)], [[2], 0], turned=turned)
        case("split", lambda x: x.split([1, 3, 1]), [n(5, 2)], [[1, 3, 1], 0], turned=turned)
        case("split", lambda x: x.split(4, 1), [n(2, 6)], [[4], 1], turned=turned)
        case("chunk", lambda x: x.chunk(2), [n(5, 2)], [2, 0], turned=turned)
        case("chunk", lambda x: x.chunk(4, 1), [n(2, 6)], [4, 1], turned=turned)
        case("chunk", lambda x: x.chunk(9, 0), [n(3, 2)], [9, 0], turned=turned)


def indexing():
    def select(op, f, more=lambda index, shape, dim: ()):
        for turned in (False, True):
            for shape, dim, count in [((4, 3), 0, 5), ((4, 3), 1, 2), ((2, 3, 2), 1, 4)]:
                index = ints(shape[dim], count)
                at(op, f, n(*shape), index, dim, more(index, shape, dim), turned)

    def at(op, f, x, index, dim, more, turned):
        case(op, lambda x, *m: f(x, dim, index, *m), [x, *more], [dim], shown=[x, index + 1, *more], turned=turned)

    def lines(shape, dim, count):
        shape = list(shape)
        shape[dim] = count
        return shape

    select("index_select", lambda x, d, i: x.index_select(d, i))
    select("index_add", lambda x, d, i, m: x.index_add(d, i, m), lambda i, s, d: (n(*lines(s, d, len(i))),))
    for turned in (False, True):
        for shape, dim, taken in [((4, 3), 0, (2, 3)), ((4, 3), 1, (4, 2)), ((2, 3, 2), 2, (2, 2, 3))]:
            index = ints(shape[dim], *taken)
            at("gather", lambda x, d, i: x.gather(d, i), n(*shape), index, dim, (), turned)
            at("scatter_add", lambda x, d, i, m: x.scatter_add(d, i, m), n(*shape), index, dim, (n(*taken),), turned)
            apart = torch.argsort(torch.rand(*shape), dim).narrow(dim, 0, 2).contiguous()
            at("scatter", lambda x, d, i, m: x.scatter(d, i, m), n(*shape), apart, dim, (n(*apart.shape),), turned)
        for shape, taken in [((3, 4), (5,)), ((2, 2, 2), (2, 3)), ((6,), (0,))]:
            index = ints(math.prod(shape), *taken)
            x = n(*shape)
            case("take", lambda x: x.take(index), [x], shown=[x, index + 1], turned=turned)
            mask = torch.rand(*shape) < 0.5
            y = n(*shape)
            case("masked_select", lambda x: x.masked_select(mask), [y], shown=[y, mask], turned=turned)
            case("nonzero", lambda x: x.nonzero() + 1, [ints(2, *shape)], turned=turned)
    for shape, ids in [((5, 3), (2, 4)), ((5, 1), (6,)), ((2, 3), ()), ((7, 2), (0,)), ((4, 4), (3, 2, 2))]:
        w, i = n(*shape), ints(shape[0], *ids)
        case("embedding", lambda w: torch.nn.functional.embedding(i, w), [w], shown=[w, i])
        lead = n(*i.shape, shape[0])
        case("gather_id", lambda x: x.gather(-1, i.unsqueeze(-1)).squeeze(-1), [lead], shown=[lead, i])
        case("one_hot", lambda i: torch.nn.functional.one_hot(i, shape[0]), [i], [shape[0]])


def products():
    for turned in (False, True):
        for a, b in [
            ((2, 3), (3, 4)), ((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 4, 3), (3, 2)), ((2, 3), (5, 3, 2)),
            ((2, 1, 2, 3), (4, 3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,)), ((2, 0), (0, 3)), ((40, 50), (50, 30)),
        ]:  # fmt: skip
            case("matmul", torch.matmul, [n(*a), n(*b)], turned=turned)
        case("matmul", torch.matmul, [ints(9, 3, 4), ints(9, 4, 2)], turned=turned)
        for b, m, k, c in [(2, 2, 3, 4), (1, 5, 1, 2), (3, 1, 4, 1)]:
            case("bmm", torch.bmm, [n(b, m, k), n(b, k, c)], turned=turned)
            case("mv", torch.mv, [n(m, k), n(k)], turned=turned)
            case("dot", torch.dot, [n(k), n(k)], turned=turned)
            case("outer", torch.outer, [n(m), n(c)], turned=turned)
        for equation, shapes in [
            ("ij,jk->ik", [(2, 3), (3, 4)]), ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]), ("ii", [(3, 3)]),
            ("ii->i", [(3, 3)]), ("ij->ji", [(2, 3)]), ("i,j", [(2,), (3,)]), ("ij,ij->", [(2, 3), (2, 3)]),
            ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 2, 4)]), ("...ij,...jk->...ik", [(2, 2, 3), (3, 2)]),
            ("i,ij,j->", [(2,), (2, 3), (3,)]), ("ba", [(2, 3)]), ("iij->j", [(2, 2, 3)]),
        ]:  # fmt: skip
            case("einsum", lambda *x: torch.einsum(equation, *x), [n(*s) for s in shapes], [equation], turned=turned)
        for offset in (0, 1, -1):
            case("tril", lambda x: x.tril(offset), [n(3, 4)], [offset], turned=turned)
            case("triu", lambda x: x.triu(offset), [n(2, 4, 3)], [offset], turned=turned)
            case("diag", lambda x: x.diag(offset), [n(3, 4)], [offset], turned=turned)
            case("diag", lambda x: x.diag(offset), [n(3)], [offset], turned=turned)
            case("trace", torch.trace, [n(3, 4 + offset)], turned=turned)


def linear_algebra(shapes=((3, 3), (2, 4, 4), (1, 1), (5, 5), (2, 1, 2, 2)), wide=((3, 3), (4, 2), (2, 2, 4), (5, 1), (2, 3)),
                   turned=False):
    def exact(op, f, inputs, attributes=()):
        # In f32 PyTorch's own rounding is larger than what is compared.
        case(op, f, inputs, attributes, single=False, turned=turned)

    def signs(columns):
        """The signs that make the largest component of each column positive, as the core does."""
        return columns.detach().gather(-2, columns.detach().abs().argmax(-2, keepdim=True)).sign()

    def eigh(x):
        w, v = torch.linalg.eigh((x + x.mT) / 2)
        return w, v * signs(v)

    def svd(x):
        u, s, vt = torch.linalg.svd(x, full_matrices=False)
        return u * signs(u), s, vt * signs(u).mT

    for shape in shapes:
        eye = torch.eye(shape[-1], dtype=torch.float64)
        a = n(*shape)
        a = a @ a.mT + eye
        b = n(*shape) * 0.3 + 2 * eye
        exact("cholesky", torch.linalg.cholesky, [a])
        exact("eigh", eigh, [a])
        exact("inverse", torch.linalg.inv, [b])
        exact("det", torch.linalg.det, [b])
        exact("slogdet", torch.linalg.slogdet, [b])
        exact("logdet", torch.logdet, [b])
        right = n(*shape[:-1], 2)
        exact("solve", torch.linalg.solve, [b, right])
        exact("solve", torch.linalg.solve, [b, n(*shape[:-1])])
        for upper in (False, True):
            tri = b.triu() if upper else b.tril()
            exact("solve_triangular", lambda a, b: torch.linalg.solve_triangular(a, b, upper=upper), [tri, right], [upper])
    for shape in wide:
        a = n(*shape)
        exact("svd", svd, [a])
        exact("qr", torch.linalg.qr, [a if shape[-2] >= shape[-1] else a.mT])


def sorting():
    def ranked(f):
        def g(x):
            values, places = f(x)
            return values, places + 1

        return g

    for turned in (False, True):
        for shape, dim in [((5,), 0), ((3, 60), 1), ((70, 2), 0)]:
            x = torch.randperm(math.prod(shape)).double().reshape(shape) / 8 - 3
            for descending in (False, True):
                case("sort", ranked(lambda x: x.sort(dim, descending=descending)), [x], [dim, descending], turned=turned)
                case("argsort", lambda x: x.argsort(dim, descending=descending) + 1, [x], [dim, descending], turned=turned)
                case("topk", ranked(lambda x: x.topk(3, dim, descending)), [x], [3, dim, descending], turned=turned)
        tied = ints(4, 3, 9)
        case("sort", ranked(lambda x: x.sort(stable=True, dim=1)), [tied], [1, False], turned=turned)
        special = torch.tensor([[1.0, math.nan, -math.inf, 0.0], [math.nan, math.inf, -1.0, math.nan]], dtype=torch.float64)
        case("argsort", lambda x: x.argsort(stable=True, dim=1) + 1, [special], [1, False], turned=turned)

        def distinct(x):
            values, inverse, counts = x.detach().unique(return_inverse=True, return_counts=True)
            return values, inverse + 1, counts

        for x in [ints(5, 3, 4), ints(3, 7).double(), torch.rand(5) < 0.5, ints(2, 1), n(0)]:
            case("unique", distinct, [x], turned=turned)
    for right in (False, True):
        line = torch.sort(ints(6, 8).double()).values
        lines = torch.sort(ints(6, 2, 5)).values
        case("searchsorted", lambda s, v: torch.searchsorted(s, v, right=right) + 1, [line, ints(8, 2, 3).double()], [right])
        case("searchsorted", lambda s, v: torch.searchsorted(s, v, right=right) + 1, [lines, ints(7, 2, 4)], [right])
        case("searchsorted", lambda s, v: torch.searchsorted(s, v, right=right) + 1, [line, n(3)], [right])
    for count, least in [(9, 0), (4, 8), (0, 3), (1, 0), (30, 2)]:
        case("bincount", lambda x, _: x.bincount(minlength=least), [ints(5, count), None], [least])
    for bins, low, high in [(4, -1.0, 1.0), (10, -2.0, 2.0), (1, 0.0, 1.0), (7, -0.5, 3.0), (100, -3.0, 3.0)]:
        case("histc", lambda x: x.detach().histc(bins, low, high), [n(50)], [bins, low, high])


def convolutions():
    for turned in (False, True):
        for x, w, bias, stride, padding, dilation, groups in [
            ((2, 3, 7), (4, 3, 3), True, 1, 0, 1, 1), ((3, 7), (2, 3, 2), False, 2, 1, 1, 1),
            ((1, 4, 9), (6, 2, 3), True, 2, 2, 2, 2), ((2, 4, 5), (4, 1, 5), False, 1, 4, 1, 4),
            ((1, 1, 1), (1, 1, 1), True, 1, 0, 1, 1),
        ]:  # fmt: skip
            f = lambda x, w, b: torch.nn.functional.conv1d(x, w, b, stride, padding, dilation, groups)
            settings = [stride, padding, dilation, groups]
            case("conv1d", f, [n(*x), n(*w), n(w[0]) if bias else None], settings, turned=turned)


def repeats():
    for turned in (False, True):
        for shape, times, dim in [
            ((2, 3), 2, None), ((2, 3), 0, 1), ((2, 3), [2, 0, 1], 1), ((3, 2), [1, 3, 2], -2), ((2, 2, 2), [2, 1], 1),
            ((4,), [1, 0, 2, 5], None), ((3,), [2], 0), ((1,), 3, 0), ((), 2, None), ((0, 2), 2, 0), ((0, 2), 3, None),
        ]:  # fmt: skip
            x, count = n(*shape), torch.tensor(times)
            f = lambda x: torch.repeat_interleave(x, count, dim)
            case("repeat_interleave", f, [x], [dim], shown=[x, count], turned=turned)


def more():
    """Views, no matrix at all, matrices of no row; then ids and elements of which there are none, one, and many."""
    linear_algebra([(4, 4), (2, 3, 3)], [(3, 3), (4, 3)], turned=True)
    linear_algebra([(0, 3, 3)], [(0, 3, 2)])
    for turned in (False, True):
        for a, b in [((2, 3), (3,)), ((2, 1), (1, 4)), ((0, 3), (1, 3)), ((1,), (1,))]:
            case("lerp", torch.lerp, [n(*a), n(*b), torch.tensor(0.25, dtype=torch.float64)], turned=turned)
        case("view", lambda x: x.view(0, 4), [n(4, 0)], [[0, 4]])
        for shape, ids in [((4, 3), (0, 2)), ((1, 3), (5,)), ((6, 1), (1,)), ((3, 5), (2, 2))]:
            w, i = n(*shape), ints(shape[0], *ids)
            case("embedding", lambda w: torch.nn.functional.embedding(i, w), [w], shown=[w, i], turned=turned)
            lead = n(*i.shape, shape[0])
            case("gather_id", lambda x: x.gather(-1, i.unsqueeze(-1)).squeeze(-1), [lead], shown=[lead, i], turned=turned)
            case("one_hot", lambda i: torch.nn.functional.one_hot(i, shape[0]), [i], [shape[0]], turned=turned)
        for bins, low, high, x in [(4, -1.0, 1.0, n(0)), (3, 0.0, 1.0, n(1)), (5, -2.0, 2.0, n(8, 5))]:
            case("histc", lambda x: x.detach().histc(bins, low, high), [x], [bins, low, high], turned=turned)
        case("histc", lambda x: x.detach().histc(4, -1.0, 1.0), [torch.tensor([-1.0, 1.0, 0.0, 0.5, 1e30, -1e30], dtype=torch.float64)],
             [4, -1.0, 1.0])


for group in (views, joining, indexing, products, linear_algebra, sorting, convolutions, repeats, more):
    group()
file.write(sys.argv[1])
