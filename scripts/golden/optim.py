"""Optimizer steps and learning rates of other libraries, in double precision, for Tests/OptimTests.

    python3 scripts/golden/optim.py Tests/Golden/optim.json

AdamW, SGD and Adafactor are PyTorch's, Lion is lion-pytorch's, the schedules are transformers'. PyTorch's Adafactor
clamps second moments at eps1^2 where the paper adds eps1 to squared gradients; with eps1 = 1e-15 there and 1e-30 here
both change no digit of these numbers.
"""
import json
import sys

import lion_pytorch
import torch
import transformers
from importlib.metadata import version

torch.set_default_dtype(torch.float64)
SHAPES = [[3, 4], [5], [2, 3, 2]]
STEPS = 6

CASES = [
    ("adamw", dict(lr=0.01), torch.optim.AdamW, dict(lr=0.01, weight_decay=0)),
    ("adamw", dict(lr=0.05, beta1=0.8, beta2=0.95, eps=1e-6, weight_decay=0.1), torch.optim.AdamW,
     dict(lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
    ("sgd", dict(lr=0.1), torch.optim.SGD, dict(lr=0.1)),
    ("sgd", dict(lr=0.1, momentum=0.9, weight_decay=0.01), torch.optim.SGD,
     dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    ("sgd", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01), torch.optim.SGD,
     dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("lion", dict(lr=0.01), lion_pytorch.Lion, dict(lr=0.01, betas=(0.9, 0.99))),
    ("lion", dict(lr=0.02, beta1=0.95, beta2=0.98, weight_decay=0.1), lion_pytorch.Lion,
     dict(lr=0.02, betas=(0.95, 0.98), weight_decay=0.1)),
    ("adafactor", dict(lr=0.01), torch.optim.Adafactor, dict(lr=0.01, eps=(1e-15, 1e-3))),
    ("adafactor", dict(lr=0.5, beta2_decay=-0.5, clip=1.1, weight_decay=0.1), torch.optim.Adafactor,
     dict(lr=0.5, beta2_decay=-0.5, d=1.1, eps=(1e-15, 1e-3), weight_decay=0.1)),
]


def drawn(generator, shape):
    return torch.randn(shape, generator=generator)


def main(path):
    generator = torch.Generator().manual_seed(7)
    start = [drawn(generator, shape) for shape in SHAPES]
    gradients = [[drawn(generator, shape) for shape in SHAPES] for _ in range(STEPS)]
    cases = []
    for name, options, rule, settings in CASES:
        weights = [w.clone().requires_grad_() for w in start]
        optimizer = rule(weights, **settings)
        after = []
        for step in gradients:
            for w, g in zip(weights, step):
                w.grad = g.clone()
            optimizer.step()
            after.append([w.detach().flatten().tolist() for w in weights])
        cases.append(dict(rule=name, options={k: float(v) for k, v in options.items()}, after=after))
    schedules = []
    for decay in ("linear", "cosine"):
        for steps, warmup in ((1, 0), (4, 0), (10, 0), (10, 3)):
            w = torch.nn.Parameter(torch.zeros(1))
            optimizer = torch.optim.SGD([w], lr=1.0)
            make = getattr(transformers, f"get_{decay}_schedule_with_warmup")
            schedule = make(optimizer, warmup, steps)
            rates = []
            for _ in range(steps):
                rates.append(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
            schedules.append(dict(decay=decay, steps=steps, warmup=warmup, rates=rates))
    tools = {name: version(name) for name in ("torch", "lion-pytorch", "transformers")}
    with open(path, "w") as file:
        json.dump(dict(tools=tools, shapes=SHAPES, start=[w.flatten().tolist() for w in start],
                       gradients=[[g.flatten().tolist() for g in step] for step in gradients],
                       cases=cases, schedules=schedules), file)
        file.write("\n")


main(sys.argv[1])
