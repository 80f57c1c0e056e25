"""Writes tiny reward models as folders of transformers, with the scores, gradients and one training step that PyTorch computes.

    python3 scripts/golden/rewards.py Tests/Golden/models Tests/Golden/rewards

Needs torch, transformers 5 and safetensors of PyPI; runs in f32 on the CPU. Each folder is a ForSequenceClassification of one label
over the settings of a folder of Tests/Golden/models, with config.json, the weights and expected.json: texts of token ids, their
scores in one batch padded on the right, the losses of Bradley and Terry of the texts as pairs (chosen, rejected, chosen, ...), the
scores after one step of AdamW on the mean loss, versions. gradients.safetensors has gradients of that loss, by the names of weights.

Texts have the padding id inside, at both ends, alone, and as the last of real tokens: a score is read at the last token that is not
it. Weights are drawn with deviation 0.3.
"""
import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForSequenceClassification

models, out = sys.argv[1:]
torch.set_num_threads(1)
SEED, PAD = 20261129, 5
ADAMW = dict(lr=1e-2, betas=(0.9, 0.95), eps=1e-3)


def draw(model, seed, is_gemma):
    random = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        x = 0.3 * torch.randn(weight.shape, generator=random)
        if ("norm" in name or "ln_" in name) and name.endswith("weight") and not is_gemma:
            x += 1
        weight.data.copy_(x)


def texts(seed, vocab, pad):
    """Pairs, chosen before rejected, with pads inside, at the end, at both ends and alone."""
    random = torch.Generator().manual_seed(seed)

    def some(count):
        ids = torch.randint(0, vocab, (count,), generator=random).tolist()
        return [id if id != pad else pad + 1 for id in ids]

    return [some(9), some(4), some(3) + [pad] + some(4), some(5) + [pad] * 3, [pad] + some(6) + [pad], [pad, pad] + some(2),
            [pad] * 3, some(1), some(12), some(12)]


def padded(rows, pad):
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


count = 0


def reward(name, base, pad=PAD, dtype=torch.float32, change=None):
    """One folder. `pad` None is no padding id, and texts one by one. `change` edits its config.json, which is read again."""
    global count
    count += 1
    folder = f"{out}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.from_pretrained(f"{models}/{base}", attn_implementation="eager", num_labels=1)
    config.pad_token_id = pad
    made = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    draw(made, SEED + count, base.startswith("gemma"))
    made.to(dtype).save_pretrained(folder)
    if change:
        with open(f"{folder}/config.json") as file:
            settings = json.load(file)
        change(settings)
        with open(f"{folder}/config.json", "w") as file:
            json.dump(settings, file, indent=1)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    # PyTorch gives the row of padding_idx no gradient, though a pad inside a text is read as any token.
    model.get_input_embeddings().padding_idx = None
    pad = model.config.pad_token_id
    pad = None if pad is not None and pad < 0 else pad
    rows = texts(SEED + 100 + count, config.vocab_size, PAD if pad is None else pad)

    def scores():
        if pad is None:
            return torch.stack([model(torch.tensor([row])).logits[0, 0] for row in rows])
        ids, mask = padded(rows, pad)
        return model(ids, attention_mask=mask).logits[:, 0]

    found = scores()
    losses = -torch.nn.functional.logsigmoid(found[0::2] - found[1::2])
    losses.mean().backward()
    save_file({n: p.grad.contiguous().clone() for n, p in model.named_parameters()}, f"{folder}/gradients.safetensors")
    # The scales of Gemma's norms are 1 less in its files, where decay pulls them to another place.
    decay = 0.0 if base.startswith("gemma") else 0.1
    with torch.no_grad():
        torch.optim.AdamW(model.parameters(), weight_decay=decay, **ADAMW).step()
        after = scores()
    with open(f"{folder}/expected.json", "w") as file:
        json.dump(dict(texts=rows, scores=found.tolist(), losses=losses.tolist(), after=after.tolist(),
                       adamw={**ADAMW, "betas": list(ADAMW["betas"]), "weight_decay": decay}, seed=SEED + count, torch=torch.__version__,
                       transformers=transformers.__version__), file)


def without_pad(config):
    """The family's own default is read: Gemma's is 0."""
    config.pop("pad_token_id", None)


def older(config):
    """As transformers 4 wrote it."""
    config["torch_dtype"] = config.pop("dtype", "float32")
    config["pad_token_id"] = -1
    config["tie_word_embeddings"] = True


reward("gpt2", "gpt2-a")
reward("llama", "llama-a")
reward("llama-unpadded", "llama-b", pad=None, dtype=torch.bfloat16)
reward("mistral", "mistral-b", dtype=torch.float16)
reward("qwen2", "qwen2-a")
reward("qwen2-older", "qwen2-b", pad=None, change=older)
reward("qwen3", "qwen3-b")
reward("gemma2", "gemma2-a")
reward("gemma3", "gemma3-a", pad=0, change=without_pad)
print(sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(out) for f in files), "bytes")
