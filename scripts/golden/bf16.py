"""Products of bf16 and the gradients of two tiny models in bf16, as PyTorch and ml_dtypes have them, and Q8_0 as gguf has it.

    python3 scripts/golden/bf16.py Tests/Golden/training.json Tests/Golden/bf16.json

The models, their weights and the batch are those of training.json, its first step. Their gradients are recorded twice: under
torch.autocast, and with linear maps whose operands are rounded to bf16, forward and backward, and summed in double precision.
Tests/TensorsTests/BFloat16Tests.swift and Tests/ModelsTests/BFloat16ModelTests.swift read the file.
"""
import importlib.metadata
import json
import sys
import types
import gguf
import gguf.quants
import ml_dtypes
import numpy as np
import torch
import torch.nn.functional as F
import training

torch.manual_seed(0)
torch.set_num_threads(1)


def products():
    """A B of operands that are no bf16, with elements of very different sizes."""
    result = []
    for m, n, k in [(1, 1, 1), (3, 5, 7), (17, 33, 40), (5, 3, 801)]:
        a = torch.randn(m, k, dtype=torch.float32) * torch.exp2(torch.randint(-20, 20, (m, 1)))
        b = torch.randn(k, n, dtype=torch.float32)
        exact = np.matmul(*(x.numpy().astype(ml_dtypes.bfloat16).astype(np.float64) for x in (a, b)))
        torchs = torch.matmul(a.bfloat16(), b.bfloat16()).double()
        result.append(dict(m=m, n=n, k=k, a=a.flatten().tolist(), b=b.flatten().tolist(), exact=exact.flatten().tolist(),
                           torch=torchs.flatten().tolist()))
    return result


def bf16(x):
    return x.bfloat16().to(x.dtype)


class Rounded(torch.autograd.Function):
    """x W^T of operands rounded to bf16, and so the products of its backward pass."""

    @staticmethod
    def forward(context, x, w):
        x, w = bf16(x), bf16(w)
        context.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(context, g):
        x, w = context.saved_tensors
        g = bf16(g)
        return g @ w, g.T @ x


def rounded_linear(x, w, bias=None):
    y = Rounded.apply(x, w)
    return y if bias is None else y + bias


def gradients(golden, batch, dtype, linear=F.linear):
    """The loss of a batch and the gradients of all parameters, in their order."""
    torch.set_default_dtype(dtype)
    training.F = types.SimpleNamespace(linear=linear, layer_norm=F.layer_norm, gelu=F.gelu, silu=F.silu)
    weights = {name: torch.tensor(golden["weights"][name], dtype=dtype).reshape(shape).requires_grad_()
               for name, shape in zip(golden["names"], golden["shapes"])}
    total, count = 0, 0
    for ids, first in zip(batch["sequences"], batch["from"]):
        rows = training.logits(golden["config"], weights, ids[:-1]).to(dtype).log_softmax(-1)[first - 1:]
        total = total - rows.gather(1, torch.tensor(ids[first:])[:, None]).sum()
        count += len(ids) - first
    loss = total / count
    loss.backward()
    return loss.item(), {name: [float(f"{g:.7g}") for g in w.grad.flatten().tolist()] for name, w in weights.items()}


def q8_0():
    """Blocks of 32 as gguf quantises them: random ones, one of ties, one of zeros."""
    blocks = np.random.default_rng(0).normal(size=(4, 32)).astype(np.float32)
    blocks[2] = np.arange(32) - 12.5
    blocks[2, 0] = 127
    blocks[3] = 0
    return dict(x=blocks.flatten().tolist(), bytes=gguf.quants.quantize(blocks, gguf.GGMLQuantizationType.Q8_0).flatten().tolist())


def models(file):
    result = []
    for golden in file["models"]:
        batch = file["batches"][0]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            auto = gradients(golden, batch, torch.float32)
        rounded = gradients(golden, batch, torch.float64, rounded_linear)
        result.append(dict(style=golden["style"], autocast=dict(loss=auto[0], gradients=auto[1]),
                           rounded=dict(loss=rounded[0], gradients=rounded[1])))
    return result


if __name__ == "__main__":
    with open(sys.argv[1]) as source:
        trained = json.load(source)
    with open(sys.argv[2], "w") as to:
        json.dump(dict(torch=torch.__version__, ml_dtypes=ml_dtypes.__version__, gguf=importlib.metadata.version("gguf"),
                       products=products(), q8_0=q8_0(), models=models(trained)), to)
