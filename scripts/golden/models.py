"""Writes tiny models of every architecture as folders of transformers, with what transformers computes of them.

    python3 scripts/golden/models.py Tests/Golden/models [FAMILY...]

Needs torch, transformers 5 and safetensors of PyPI; runs in f32 on the CPU. Each folder has, beside config.json and the weights:
expected.json (token ids, 32 greedy tokens, sum of log-probabilities, versions), logits.safetensors and gradients.safetensors (of
minus that sum, by the names of the weights). With families named, only their folders are written. An encoder-decoder also has a
prompt for its encoder, and the tokens are those of the response.

Default weights would hide faults: here they are drawn with deviation 0.3, with random norms and biases, heads of a width that is
not dim / heads, fewer key heads than query heads, windows and original lengths shorter than the text, and settings far from the
defaults. The second folder of a family has the older spellings of its settings and the quirks of files in the wild.
"""
import itertools
import json
import os
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.models.t5.modeling_t5 import T5Attention

SEED = 20261128
torch.set_num_threads(1)
out, families = sys.argv[1], sys.argv[2:]

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
        if "embed_tokens" in name or name == "shared.weight":
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


def write_record(folder, model, logits, **expected):
    gradients = {name: p.grad.contiguous().clone() for name, p in model.named_parameters()}
    save_file({"logits": logits.detach().contiguous()}, f"{folder}/logits.safetensors")
    save_file(gradients, f"{folder}/gradients.safetensors")
    with open(f"{folder}/expected.json", "w") as file:
        json.dump(dict(expected, torch=torch.__version__, transformers=transformers.__version__), file)


def record(folder, model, seed):
    """Logits, greedy tokens and gradients of the folder's model, which is in f32."""
    model.eval()
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, model.config.vocab_size, (1, TEXT), generator=random)
    logits = model(ids).logits[0]
    logps = torch.log_softmax(logits[:-1].double(), -1).gather(1, ids[0, 1:, None]).sum()
    model.zero_grad()
    (-torch.log_softmax(logits[:-1], -1).gather(1, ids[0, 1:, None]).sum()).backward()
    tokens = ids[0, :PROMPT].tolist()
    with torch.no_grad():
        for _ in range(NEW):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
    write_record(folder, model, logits, tokens=ids[0].tolist(), prompt=PROMPT, greedy=tokens[PROMPT:], sum_logp=float(logps),
                 seed=seed)


def record_encoder_decoder(folder, model, seed, length):
    """The same of a response of TEXT tokens to a prompt of `length`."""
    model.eval()
    random = torch.Generator().manual_seed(seed)
    source = torch.randint(1, model.config.vocab_size, (1, length), generator=random)
    ids = torch.randint(1, model.config.vocab_size, (1, TEXT), generator=random)
    start = model.config.decoder_start_token_id
    read = torch.cat([torch.tensor([[start]]), ids[:, :-1]], 1)
    logits = model(input_ids=source, decoder_input_ids=read).logits[0]
    logps = torch.log_softmax(logits.double(), -1).gather(1, ids[0, :, None]).sum()
    model.zero_grad()
    (-torch.log_softmax(logits, -1).gather(1, ids[0, :, None]).sum()).backward()
    tokens = [start]
    with torch.no_grad():
        for _ in range(NEW):
            tokens.append(int(model(input_ids=source, decoder_input_ids=torch.tensor([tokens])).logits[0, -1].argmax()))
    distances = torch.arange(-4096, 4097)
    buckets = {kind: T5Attention._relative_position_bucket(distances, kind == "both", model.config.relative_attention_num_buckets,
                                                           model.config.relative_attention_max_distance).tolist()
               for kind in ("both", "causal")}
    write_record(folder, model, logits, source=source[0].tolist(), tokens=ids[0].tolist(), prompt=0, greedy=tokens[1:],
                 sum_logp=float(logps.detach()), buckets={kind: runs(values) for kind, values in buckets.items()}, seed=seed)


def runs(values):
    """Pairs of a value and how often it repeats."""
    return [[value, len(list(same))] for value, same in itertools.groupby(values)]


count = 0


def model(name, kind, settings, dtype=torch.float32, embedding=1.0, shard=None, spelling=None, tensors=None, bare=False, lie=None,
          source=None):
    """One folder. `spelling` changes its config.json, `tensors` its weights; both are read again for the record, `lie` is not.
    `source` is the length of the prompt that an encoder reads."""
    global count
    count += 1
    folder = f"{out}/{name}"
    if families and name.rsplit("-", 1)[0] not in families:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    config = AutoConfig.for_model(kind, attn_implementation="eager", **settings)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    made = auto.from_config(config, attn_implementation="eager")
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
    read = auto.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    if source:
        record_encoder_decoder(folder, read, SEED + 100 + count, source)
    else:
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


if folder:
    rewrite(f"{folder}/config.json", as_part)
    weights = {f"language_model.{name}": w for name, w in load_file(f"{folder}/model.safetensors").items()}
    weights["vision_tower.vision_model.embeddings.patch_embedding.bias"] = torch.zeros(3)
    weights["multi_modal_projector.mm_soft_emb_norm.weight"] = torch.zeros(3)
    save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})


def t5(**changes):
    return {**dict(vocab_size=43, d_model=18, d_kv=5, d_ff=22, num_heads=4, num_layers=2, num_decoder_layers=3), **changes}


def published(config):
    """As the folders of T5 1.0 are: without the settings that came later."""
    for key in ("relative_attention_max_distance", "scale_decoder_outputs", "dense_act_fn", "is_gated_act", "is_decoder",
                "tie_word_embeddings"):
        config.pop(key, None)
    config.update(n_positions=512, output_past=True)


def aliases(weights):
    """As files of older versions hold the embedding, with the bias of cross-attention that no version reads."""
    shared = weights.pop("shared.weight")
    weights["encoder.embed_tokens.weight"], weights["decoder.embed_tokens.weight"] = shared, shared.clone()
    weights["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(12, 3)
    weights["lm_head.weight"] = 0.3 * torch.randn(shared.shape, generator=torch.Generator().manual_seed(SEED))


# The prompt is longer than the distance from which on all share a bucket.
model("t5-a", "t5", t5(layer_norm_epsilon=1e-3, decoder_start_token_id=7), spelling=published, source=150)
# A head of its own in a folder that transformers saved again: tie_word_embeddings is true there.
model("t5-b", "t5", t5(d_model=14, d_kv=6, num_heads=3, num_layers=3, num_decoder_layers=2, feed_forward_proj="gated-gelu",
                       relative_attention_num_buckets=12, relative_attention_max_distance=20, tie_word_embeddings=False,
                       scale_decoder_outputs=False, decoder_start_token_id=5), embedding=0.01, tensors=aliases, source=40)
print(sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(out) for f in files), "bytes")
