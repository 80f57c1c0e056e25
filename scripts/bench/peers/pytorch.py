"""PyTorch on the CPU: scripts/bench's cases in eager mode, and the same shapes under transformers' generate().

    python scripts/bench/peers/pytorch.py --case tiny --what train|logprob_pair|sample|... [--seconds 5]

  train         forward, cross-entropy of every position, backward, AdamW; f32, fused attention
  logprob_pair  IPO on `batch` pairs with a frozen reference; logits of every position, of which the answers, the second
                halves, are taken
  logprob_pair_answers   the same with logits of the answers alone
  sample        `new` tokens after a prompt, temperature 1, keys and values kept
  hf_generate   GPT2LMHeadModel of the same sizes and the same sampling
  sgemm         2048 x 2048 times 2048 x 2048; numpy_sgemm the same in NumPy
  call, op      a method that does nothing much, and an addition of two numbers, each 10,000 times
  read, write   an element by its position, t[i].item() and t[i] = 1.5, each 10,000 times
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from turns import CASES, options, run

PAIRS = ["logprob_pair", "logprob_pair_answers"]
WHATS = ["train", *PAIRS, "sample", "hf_generate", "sgemm", "numpy_sgemm", "call", "op", "read", "write"]


class Layer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.output = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x, cache=None, at=0):
        batch, length, dim = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if cache is not None:
            cache[:, :, :, at:at + length] = qkv.permute(2, 0, 3, 1, 4)[1:]
            k, v = cache[:, :, :, :at + length]
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
        x = x + self.output(mixed.transpose(1, 2).reshape(batch, length, dim))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(c["vocab"], c["dim"]), nn.Embedding(c["positions"], c["dim"])
        self.layers = nn.ModuleList(Layer(c["dim"], c["heads"]) for _ in range(c["layers"]))
        self.norm = nn.LayerNorm(c["dim"])

    def hidden(self, ids, caches=None, at=0):
        x = self.tokens(ids) + self.positions.weight[at:at + ids.shape[1]]
        for i, layer in enumerate(self.layers):
            x = layer(x, None if caches is None else caches[i], at)
        return self.norm(x)

    def head(self, x):
        return F.linear(x, self.tokens.weight)


def cross_entropy(model, ids):
    logits = model.head(model.hidden(ids[:, :-1]))
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def answer_logps(model, ids, answers_alone):
    """The log-probability of the second half of each sequence, summed."""
    half = ids.shape[1] // 2
    states = model.hidden(ids[:, :-1])
    if answers_alone:
        return model.head(states[:, half:]).log_softmax(-1).gather(2, ids[:, half + 1:, None]).sum((1, 2))
    return model.head(states).log_softmax(-1).gather(2, ids[:, 1:, None])[:, half:].sum((1, 2))


def ipo(policy, reference, count):
    """The first half of the rows are the chosen answers; beta is 0.1."""
    ratio = policy - reference
    return (ratio[:count] - ratio[count:] - 5).square().mean()


def main(o):
    c = CASES[o.case]
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    model = Decoder(c) if o.what in ("train", *PAIRS, "sample") else None

    if o.what in ("train", *PAIRS):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

        def update(loss):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    if o.what == "train":
        ids = torch.randint(c["vocab"], (c["batch"], c["length"]))
        run(o, ids.numel(), lambda: update(cross_entropy(model, ids)))
    elif o.what in PAIRS:
        logps = lambda model: answer_logps(model, ids, o.what == "logprob_pair_answers")
        reference = Decoder(c).requires_grad_(False)
        reference.load_state_dict(model.state_dict())
        ids = torch.randint(c["vocab"], (2 * c["batch"], c["length"]))

        def step():
            with torch.no_grad():
                held = logps(reference)
            update(ipo(logps(model), held, c["batch"]))

        run(o, ids.numel(), step)
    elif o.what == "sample":
        prompt = torch.randint(c["vocab"], (c["rows"], c["prompt"]))

        @torch.inference_mode()
        def step():
            size = (2, c["rows"], c["heads"], c["positions"], c["dim"] // c["heads"])
            caches = [torch.zeros(size) for _ in range(c["layers"])]
            next_ids, at = prompt, 0
            for _ in range(c["new"]):
                logits = model.head(model.hidden(next_ids, caches, at)[:, -1])
                at += next_ids.shape[1]
                next_ids = torch.multinomial(logits.softmax(-1), 1)

        run(o, c["rows"] * c["new"], step, 1)
    elif o.what == "hf_generate":
        from transformers import GPT2Config, GPT2LMHeadModel
        model = GPT2LMHeadModel(GPT2Config(
            vocab_size=c["vocab"], n_positions=c["positions"], n_embd=c["dim"], n_layer=c["layers"], n_head=c["heads"],
            bos_token_id=0, eos_token_id=0)).eval()
        prompt = torch.randint(c["vocab"], (c["rows"], c["prompt"]))
        mask = torch.ones_like(prompt)

        @torch.inference_mode()
        def step():
            model.generate(prompt, attention_mask=mask, do_sample=True, top_k=0, min_new_tokens=c["new"],
                           max_new_tokens=c["new"], pad_token_id=0)

        run(o, c["rows"] * c["new"], step, 1)
    elif o.what == "sgemm":
        a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
        run(o, 1, lambda: a @ b)
    elif o.what == "numpy_sgemm":
        import numpy as np
        a, b = (np.random.default_rng(i).standard_normal((2048, 2048), np.float32) for i in range(2))
        run(o, 1, lambda: a @ b)
    else:
        a, b = torch.ones(1), torch.ones(1)

        def calls():
            for _ in range(10000):
                a.numel()

        def ops():
            for _ in range(10000):
                a + b

        t = torch.zeros(10000)

        def reads():
            total = 0
            for i in range(10000):
                total += t[i].item()
            assert total == 0

        def writes():
            for i in range(10000):
                t[i] = 1.5

        run(o, 10000, {"call": calls, "op": ops, "read": reads, "write": writes}[o.what])


if __name__ == "__main__":
    main(options(WHATS))
