"""Writes tiny models of every architecture as folders of transformers, with what transformers computes of them.

    python3 scripts/golden/models.py Tests/Golden/models

Needs torch, transformers 5 and safetensors of PyPI; runs in f32 on the CPU. Each folder has, beside config.json and the weights:
expected.json (token ids, 32 greedy tokens, sum of log-probabilities, versions), logits.safetensors and gradients.safetensors (of
minus that sum, by the names of the weights).

Default weights would hide faults: here they are drawn with deviation 0.3, with random norms and biases, heads of a width that is
not dim / heads, fewer key heads than query heads, windows and original lengths shorter than the text, and settings far from the
defaults. The second folder of a family has the older spellings of its settings and the quirks of files in the wild.
"""
import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

SEED = 20261128
torch.set_num_threads(1)
out = sys.argv[1]

TEXT, PROMPT, NEW = 24, 7, 32
SIZES = dict(vocab_size=43, hidden_size=18, intermediate_size=22, num_hidden_layers=2, num_attention_heads=6,
             num_key_value_heads=2, head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-3,
             bos_token_id=None, eos_token_id=None, pad_token_id=None)


def sized(**changes):
    return {**SIZES, **changes}


def draw(model, seed, is_gemma, embedding):
    random = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        x = 0.3 * torch.randn(weight.shape, generator=random)
        is_norm = "norm" in name or "ln_" in name
        if is_norm and name.endswith("weight") and not is_gemma:
            x += 1
        if "embed_tokens" in name:
            x *= embedding
        weight.data.copy_(x)


def rewrite(path, change):
    with open(path) as file:
        config = json.load(file)
    change(config)
    with open(path, "w") as file:
        json.dump(config, file, indent=1)


def old_spelling(config):
    """As transformers 4 wrote it."""
    rope = config.pop("rope_parameters", None)
    config["torch_dtype"] = config.pop("dtype", "float32")
    if rope and "full_attention" in rope:
        config["rope_theta"] = rope["full_attention"].pop("rope_theta")
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    if rope:
        config["rope_theta"] = rope.pop("rope_theta", config.get("rope_theta"))
        kind = rope.pop("rope_type", "default")
        if kind != "default":
            config["rope_scaling"] = {"type": kind, **rope}


def record(folder, model, seed):
    """Logits, greedy tokens and gradients of the folder's model, which is in f32."""
    model.eval()
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, model.config.vocab_size, (1, TEXT), generator=random)
    logits = model(ids).logits[0]
    logps = torch.log_softmax(logits[:-1].double(), -1).gather(1, ids[0, 1:, None]).sum()
    model.zero_grad()
    (-torch.log_softmax(logits[:-1], -1).gather(1, ids[0, 1:, None]).sum()).backward()
    gradients = {name: p.grad.contiguous().clone() for name, p in model.named_parameters()}
    tokens = ids[0, :PROMPT].tolist()
    with torch.no_grad():
        for _ in range(NEW):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    save_file({"logits": logits.detach().contiguous()}, f"{folder}/logits.safetensors")
    save_file(gradients, f"{folder}/gradients.safetensors")
    with open(f"{folder}/expected.json", "w") as file:
        json.dump(dict(tokens=ids[0].tolist(), prompt=PROMPT, greedy=tokens[PROMPT:], sum_logp=float(logps), seed=seed,
                       torch=torch.__version__, transformers=transformers.__version__), file)


count = 0


def model(name, kind, settings, dtype=torch.float32, embedding=1.0, shard=None, spelling=None, tensors=None, bare=False, lie=None):
    """One folder. `spelling` changes its config.json, `tensors` its weights; both are read again for the record, `lie` is not."""
    global count
    count += 1
    folder = f"{out}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model(kind, attn_implementation="eager", **settings)
    made = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    draw(made, SEED + count, kind.startswith("gemma"), embedding)
    saved = made.base_model if bare else made
    saved.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    generation = f"{folder}/generation_config.json"
    if os.path.exists(generation):
        os.remove(generation)
    if spelling:
        rewrite(f"{folder}/config.json", spelling)
    if tensors:
        path = f"{folder}/model.safetensors"
        weights = load_file(path)
        tensors(weights)
        save_file(weights, path, metadata={"format": "pt"})
    read = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    record(folder, read, SEED + 100 + count)
    if lie:
        rewrite(f"{folder}/config.json", lie)
    return folder


def gpt2(**changes):
    return {**dict(vocab_size=43, n_embd=18, n_layer=2, n_head=3, n_positions=64, layer_norm_epsilon=1e-3, bos_token_id=None,
                   eos_token_id=None), **changes}


def rope(kind, theta=100.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


def mask_buffers(weights):
    """What GPT-2 files of older versions hold."""
    for layer in range(2):
        weights[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 8, 8)
        weights[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)


model("gpt2-a", "gpt2", gpt2(n_inner=26))
model("gpt2-b", "gpt2", gpt2(scale_attn_weights=False), bare=True, tensors=mask_buffers)

LLAMA3 = rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=3.0, original_max_position_embeddings=16)
model("llama-a", "llama", sized(rope_parameters=LLAMA3, attention_bias=True, mlp_bias=True))


def without_eps(config):
    old_spelling(config)
    del config["rms_norm_eps"]


def inverse_frequencies(weights):
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)


# The norm of the first layer sees small embeddings, so that an eps of 1e-5 in place of the default 1e-6 is seen.
model("llama-b", "llama", sized(rope_parameters=rope("linear", factor=3.0), rms_norm_eps=1e-6), embedding=0.01,
      dtype=torch.bfloat16, spelling=without_eps, tensors=inverse_frequencies)



def denied_tie(config):
    config["tie_word_embeddings"] = False


YARN = rope("yarn", 10.0, factor=4.0, original_max_position_embeddings=16, beta_fast=1.0, beta_slow=0.5)
model("mistral-a", "mistral", sized(rope_parameters=YARN, sliding_window=None, tie_word_embeddings=True), shard="20KB", lie=denied_tie)
model("mistral-b", "mistral", sized(head_dim=None, hidden_size=24, rope_parameters=rope("default", 50.0), sliding_window=5),
      spelling=old_spelling)

model("qwen2-a", "qwen2", sized(rope_parameters=rope("default"), tie_word_embeddings=True), dtype=torch.float16)


def lying_tie(config):
    old_spelling(config)
    config["tie_word_embeddings"] = True
    config.pop("layer_types", None)


model("qwen2-b", "qwen2", sized(rope_parameters=rope("default"), use_sliding_window=True, sliding_window=6, max_window_layers=1),
      spelling=lying_tie, dtype=torch.float64)

model("qwen3-a", "qwen3", sized(rope_parameters={**YARN, "attention_factor": 1.3}))
model("qwen3-b", "qwen3", sized(num_hidden_layers=3, rope_parameters=rope("default"), attention_bias=True, tie_word_embeddings=True,
                                use_sliding_window=True, sliding_window=4, intermediate_size=14,
                                layer_types=["full_attention", "sliding_attention", "full_attention"]), spelling=old_spelling)

GEMMA2 = dict(query_pre_attn_scalar=20, attn_logit_softcapping=2.0, final_logit_softcapping=1.5, sliding_window=5)
model("gemma2-a", "gemma2", sized(rope_parameters=rope("default"), **GEMMA2))


def without_types(config):
    old_spelling(config)
    del config["layer_types"]


model("gemma2-b", "gemma2", sized(rope_parameters=rope("default"), **{**GEMMA2, "attn_logit_softcapping": None}),
      spelling=without_types)

GEMMA3 = dict(query_pre_attn_scalar=20, sliding_window=5, num_hidden_layers=3, intermediate_size=14)
LOCAL = {"sliding_attention": rope("default", 20.0), "full_attention": rope("linear", 400.0, factor=4.0)}
model("gemma3-a", "gemma3_text",
      sized(rope_parameters=LOCAL, layer_types=["sliding_attention", "full_attention", "sliding_attention"], **GEMMA3))


def pattern(config):
    old_spelling(config)
    del config["layer_types"]
    config["sliding_window_pattern"] = 2


folder = model("gemma3-b", "gemma3_text",
               sized(rope_parameters={"sliding_attention": rope("default", 20.0), "full_attention": rope("default", 400.0)},
                     layer_types=["sliding_attention", "full_attention", "sliding_attention"], **GEMMA3), spelling=pattern)


def as_part(config):
    """As the text part of a model with a vision tower."""
    text = dict(config)
    text.pop("architectures")
    config.clear()
    config.update(architectures=["Gemma3ForConditionalGeneration"], model_type="gemma3", text_config=text)


rewrite(f"{folder}/config.json", as_part)
weights = {f"language_model.{name}": w for name, w in load_file(f"{folder}/model.safetensors").items()}
weights["vision_tower.vision_model.embeddings.patch_embedding.bias"] = torch.zeros(3)
weights["multi_modal_projector.mm_soft_emb_norm.weight"] = torch.zeros(3)
save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
print(sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(out) for f in files), "bytes")
