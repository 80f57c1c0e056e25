"""Ten steps of AdamW on a tiny GPT-2 and a tiny Llama, and one of IPO, in plain PyTorch in double precision.

    python3 scripts/golden/training.py Tests/Golden/training.json

Parameters have our names and layouts (Sources/Models/TransformerConfig.swift), and no sequence is padded: each runs alone.
Tests/ModelsTests/GoldenTrainingTests.swift describes the file and reads it.
"""
import json
import math
import sys
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
torch.set_num_threads(1)

GPT2 = dict(vocab=17, dim=12, layers=2, heads=2, kv_heads=2, hidden=48, max_length=14, norm="layer", activation="gelu",
            positions="learned", rope_base=10000.0, norm_eps=1e-5, bias=True, tied=True)
LLAMA = dict(vocab=17, dim=16, layers=2, heads=4, kv_heads=2, hidden=24, max_length=14, norm="rms", activation="swiglu",
             positions="rotary", rope_base=100.0, norm_eps=1e-6, bias=False, tied=False)
LR, DECAY, STEPS, BETA = 1e-3, 0.01, 10, 0.1


def shapes(c):
    size = c["dim"] // c["heads"]
    yield "embedding.weight", (c["vocab"], c["dim"])
    if c["positions"] == "learned":
        yield "positions.weight", (c["max_length"], c["dim"])

    def affine(name, outputs, inputs):
        yield f"{name}.weight", (outputs, inputs)
        if c["bias"]:
            yield f"{name}.bias", (outputs,)

    def norm(name):
        yield f"{name}.weight", (c["dim"],)
        if c["norm"] == "layer":
            yield f"{name}.bias", (c["dim"],)

    for i in range(c["layers"]):
        at = f"layers.{i}"
        yield from norm(f"{at}.attention_norm")
        yield from affine(f"{at}.attention.qkv", (c["heads"] + 2 * c["kv_heads"]) * size, c["dim"])
        yield from affine(f"{at}.attention.output", c["dim"], c["dim"])
        yield from norm(f"{at}.mlp_norm")
        yield from affine(f"{at}.mlp.up", c["hidden"] * (2 if c["activation"] == "swiglu" else 1), c["dim"])
        yield from affine(f"{at}.mlp.down", c["dim"], c["hidden"])
    yield from norm("norm")
    if not c["tied"]:
        yield "head.weight", (c["vocab"], c["dim"])


def random_weights(c):
    """Wide enough that probabilities are far from uniform; four decimals, so that the file stays small."""
    weights = {}
    for name, shape in shapes(c):
        w = torch.randn(shape) * (0.1 if name.endswith("bias") else 0.2 if "norm" in name else 0.4)
        if name.endswith("norm.weight"):
            w = w + 1
        weights[name] = ((w * 1e4).round() / 1e4).requires_grad_()
    return weights


def rotated(x, base):
    """x [length, heads, size]: neighbouring elements turn by position * base^(-2 i / size)."""
    length, _, size = x.shape
    angle = torch.arange(length)[:, None] * base ** (-torch.arange(0, size, 2) / size)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(2)


def logits(c, w, ids):
    def affine(name, x):
        return F.linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))

    def norm(name, x):
        if c["norm"] == "layer":
            return F.layer_norm(x, (c["dim"],), w[f"{name}.weight"], w[f"{name}.bias"], c["norm_eps"])
        return x * (x.square().mean(-1, keepdim=True) + c["norm_eps"]).rsqrt() * w[f"{name}.weight"]

    length, heads, kv_heads, size = len(ids), c["heads"], c["kv_heads"], c["dim"] // c["heads"]
    x = w["embedding.weight"][ids]
    if c["positions"] == "learned":
        x = x + w["positions.weight"][:length]
    for i in range(c["layers"]):
        at = f"layers.{i}"
        qkv = affine(f"{at}.attention.qkv", norm(f"{at}.attention_norm", x)).view(length, -1, size)
        q, k, v = qkv.split([heads, kv_heads, kv_heads], 1)
        if c["positions"] == "rotary":
            q, k = rotated(q, c["rope_base"]), rotated(k, c["rope_base"])
        k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(size)
        scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -math.inf)
        mixed = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).reshape(length, -1)
        x = x + affine(f"{at}.attention.output", mixed)
        up = affine(f"{at}.mlp.up", norm(f"{at}.mlp_norm", x))
        if c["activation"] == "gelu":
            up = F.gelu(up, approximate="tanh")
        else:
            gate, value = up.chunk(2, -1)
            up = F.silu(gate) * value
        x = x + affine(f"{at}.mlp.down", up)
    return F.linear(norm("norm", x), w["embedding.weight" if c["tied"] else "head.weight"])


def token_logps(c, w, ids, first):
    """log pi of the tokens from position `first` on."""
    rows = logits(c, w, ids[:-1]).log_softmax(-1)[first - 1:]
    return rows.gather(1, torch.tensor(ids[first:])[:, None])[:, 0]


def random_ids(count):
    return torch.randint(0, GPT2["vocab"], (count,)).tolist()


def norm_of(gradients):
    return math.sqrt(sum(g.square().sum().item() for g in gradients))


def short(x, digits=7):
    return float(f"{x:.{digits}g}")


def flat(t, digits=7):
    return [short(x, digits) for x in t.detach().flatten().tolist()]


def train(c, w, batches):
    optimizer = torch.optim.AdamW(w.values(), lr=LR, weight_decay=DECAY)
    losses, norms, first = [], [], None
    for step in range(STEPS):
        batch = batches[step % len(batches)]
        logps = [token_logps(c, w, ids, at) for ids, at in zip(batch["sequences"], batch["from"])]
        loss = -torch.cat(logps).mean()
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        norms.append(norm_of(p.grad for p in w.values()))
        if step == 0:
            first = {name: flat(p.grad) for name, p in w.items()}
        optimizer.step()
    return dict(losses=losses, norms=norms, gradients=first)


def ipo(c, policy, reference, pairs):
    """The loss, and a step of a new AdamW on it."""
    def loss():
        terms = []
        for pair in pairs:
            def ratio(answer):
                ids, at = pair["prompt"] + answer, len(pair["prompt"])
                with torch.no_grad():
                    held = token_logps(c, reference, ids, at).sum()
                return token_logps(c, policy, ids, at).sum() - held
            rho = ratio(pair["chosen"]) - ratio(pair["rejected"])
            terms.append((rho - 1 / (2 * BETA)).square())
        return torch.stack(terms).mean()

    optimizer = torch.optim.AdamW(policy.values(), lr=LR, weight_decay=DECAY)
    optimizer.zero_grad()
    before = loss()
    before.backward()
    norms = {name: p.grad.norm().item() for name, p in policy.items()}
    optimizer.step()
    return dict(loss=before.item(), norms=norms, after=loss().item())


def main():
    batches = [
        {"sequences": [random_ids(n) for n in lengths], "from": first}
        for lengths, first in [([14, 3, 9, 2], [1, 1, 1, 1]), ([7, 11, 5], [2, 6, 4]), ([4, 13, 8, 6, 2], [1, 12, 3, 1, 1])]
    ]
    pairs = [
        dict(prompt=random_ids(p), chosen=random_ids(a), rejected=random_ids(b))
        for p, a, b in [(3, 5, 8), (1, 9, 2), (6, 1, 4), (4, 10, 7)]
    ]
    models = []
    for style, config in [("gpt2", GPT2), ("llama", LLAMA)]:
        weights = random_weights(config)
        start = {name: p.detach().clone() for name, p in weights.items()}
        trained = train(config, weights, batches)
        final = {name: [p.sum().item(), p.square().sum().item()] for name, p in weights.items()}
        models.append(dict(
            style=style, config=config, names=list(start), shapes=[list(p.shape) for p in start.values()],
            weights={name: flat(p, 6) for name, p in start.items()}, **trained, final=final,
            ipo=ipo(config, weights, start, pairs)))

    with open(sys.argv[1], "w") as file:
        json.dump(dict(torch=torch.__version__, lr=LR, weight_decay=DECAY, beta=BETA, batches=batches, pairs=pairs, models=models),
                  file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
