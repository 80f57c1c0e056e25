"""What small operations cost in PyTorch: the lines of scripts/bench/small.lua, nanoseconds of the processor."""
import gc
import time

import torch

torch.set_num_threads(1)
COUNT = 100_000
a, b, s, v = torch.tensor([1.5]), torch.tensor([2.5]), torch.tensor(3.0), torch.rand(1000)
r = torch.tensor([1.5], requires_grad=True)


def assign(i):
    v[i] = 0.5


LINES = {
    "a + b": lambda i: a + b,
    "a + 1.0": lambda i: a + 1.0,
    "a.exp()": lambda i: a.exp(),
    "a + b, recorded": lambda i: r + b,
    "a.add_(b)": lambda i: a.add_(b),
    "a.numel()": lambda i: a.numel(),
    "s.item()": lambda i: s.item(),
    "v[i]": lambda i: v[i],
    "v[i].item()": lambda i: v[i].item(),
    "v[i] = x": assign,
}
for name, run in LINES.items():
    least = float("inf")
    for _ in range(12):
        gc.collect()
        start = time.process_time()
        for i in range(COUNT):
            run(i % 1000)
        least = min(least, time.process_time() - start)
    print(f"{name:16} {least / COUNT * 1e9:6.0f} ns")
