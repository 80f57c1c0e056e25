"""Writes tiny random models as GGUF files into Tests/Golden/gguf, and the logits that transformers gives for them.

    python scripts/golden/gguf_models.py      with gguf 0.19.0, torch 2.15.0, transformers 5.23.0

A model is built by transformers, its weights are drawn wide (0.3) so that a wrong norm, rotation or cap shows, quantised by
gguf, and put back dequantised: the logits in models.json belong to exactly the numbers of the file. Names and arrangement
of the tensors are those of llama.cpp's converter (conversion/llama.py, gemma.py, gpt2.py): rotary rows of "llama" are
permuted, Gemma's norms have 1 added, GPT-2's matrices are transposed. gguf cannot quantise to the K types; the file
"llama-k" has random K blocks instead.
"""
import json
import math
import os
import re
import numpy as np
import torch
import gguf
import transformers
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T

root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
folder = os.path.join(root, "Tests/Golden/gguf")
random = np.random.default_rng(5)
IDS = [[3, 17, 5, 30, 2, 8, 8, 21, 0, 11, 26, 9, 4, 14]]
sizes = dict(vocab_size=37, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
             num_key_value_heads=1, max_position_embeddings=64, head_dim=10)
blocks = dict(sizes, hidden_size=32, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
              num_hidden_layers=1)
wide = dict(sizes, hidden_size=256, intermediate_size=256, num_attention_heads=4, num_key_value_heads=2, head_dim=64,
            num_hidden_layers=1)
LLAMA3 = dict(rope_type="llama3", rope_theta=100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)


def llama(**more):
    return transformers.LlamaConfig(**{**sizes, "rms_norm_eps": 1e-5, "tie_word_embeddings": False, **more})


MODELS = {
    "llama": ("llama", llama()),
    "llama-rope": ("llama", llama(head_dim=16, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    "llama-bias": ("llama", llama(attention_bias=True, mlp_bias=True)),
    "qwen2": ("qwen2", transformers.Qwen2Config(**{**sizes, "num_attention_heads": 4, "num_key_value_heads": 2,
                                                  "head_dim": 6}, tie_word_embeddings=True)),
    "qwen3": ("qwen3", transformers.Qwen3Config(**sizes, tie_word_embeddings=True)),
    "gpt2": ("gpt2", transformers.GPT2Config(vocab_size=37, bos_token_id=0, eos_token_id=0, n_embd=24, n_layer=2, n_head=3, n_positions=64)),
    "gemma2": ("gemma2", transformers.Gemma2Config(**sizes, sliding_window=5, query_pre_attn_scalar=10,
                                                   attn_logit_softcapping=2.0, final_logit_softcapping=5.0)),
    "gemma3": ("gemma3", transformers.Gemma3TextConfig(**{**sizes, "num_hidden_layers": 7}, sliding_window=5,
                                                       query_pre_attn_scalar=10)),
}
for kind in ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]:
    MODELS["llama-" + kind.lower()] = ("llama", llama(**blocks))
MODELS["llama-k"] = ("llama", llama(**wide))

NAMES = [
    (r"^(model|transformer)\.", ""), (r"^embed_tokens|^wte", "token_embd"), (r"^wpe", "position_embd"),
    (r"^norm|^ln_f", "output_norm"), (r"^lm_head", "output"), (r"^(layers|h)\.(\d+)\.", r"blk.\2."),
    (r"input_layernorm|ln_1", "attn_norm"), (r"pre_feedforward_layernorm|ln_2", "ffn_norm"),
    (r"post_feedforward_layernorm", "post_ffw_norm"), (r"self_attn\.([qkv])_proj", r"attn_\1"),
    (r"self_attn\.o_proj|attn\.c_proj", "attn_output"), (r"self_attn\.([qk])_norm", r"attn_\1_norm"),
    (r"attn\.c_attn", "attn_qkv"), (r"mlp\.(gate|up|down)_proj", r"ffn_\1"), (r"mlp\.c_fc", "ffn_up"),
    (r"mlp\.c_proj", "ffn_down"),
]


def gguf_name(name, arch):
    after = "post_attention_norm" if arch.startswith("gemma") else "ffn_norm"
    for pattern, replacement in NAMES + [(r"post_attention_layernorm", after)]:
        name = re.sub(pattern, replacement, name)
    return name


def permute(w, heads):
    """conversion/llama.py: the two halves of each head side by side."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def k_blocks(shape, kind):
    """Random blocks whose numbers are about 0.1 wide."""
    elements, width = GGML_QUANT_SIZES[kind]
    made = random.integers(0, 256, (*shape[:-1], shape[-1] // elements, width), dtype=np.uint8)
    scale = {T.Q2_K: 80, T.Q3_K: 108, T.Q4_K: 0, T.Q5_K: 0, T.Q6_K: 208}[kind]
    size = {T.Q2_K: 0.01, T.Q3_K: 0.004, T.Q4_K: 0.001, T.Q5_K: 0.0005, T.Q6_K: 0.00015}[kind]
    made[..., scale:scale + 2] = np.array([size], np.float16).view(np.uint8)
    if kind in (T.Q2_K, T.Q4_K, T.Q5_K):
        minimum = {T.Q2_K: 0.012, T.Q4_K: 0.007, T.Q5_K: 0.007}[kind]
        made[..., scale + 2:scale + 4] = np.array([minimum], np.float16).view(np.uint8)
    return made.reshape(*shape[:-1], -1)


def metadata(writer, arch, c):
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(4 * c.n_embd if arch == "gpt2" else c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_file_type(0)
    if arch == "gpt2":
        return writer.add_layer_norm_eps(c.layer_norm_epsilon)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    width = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    if arch != "qwen2":
        writer.add_key_length(width)
        writer.add_value_length(width)
    if arch == "llama":
        writer.add_vocab_size(c.vocab_size)
        writer.add_rope_dimension_count(width)
    if arch == "gemma3":
        writer.add_rope_freq_base(c.rope_parameters["full_attention"]["rope_theta"])
    elif arch != "gemma2":
        writer.add_rope_freq_base(c.rope_parameters["rope_theta"])
    if arch.startswith("gemma"):
        writer.add_sliding_window(c.sliding_window)
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(c.attn_logit_softcapping)
        writer.add_final_logit_softcapping(c.final_logit_softcapping)


def rope_freqs(c):
    """conversion/llama.py, generate_extra_tensors."""
    p = c.rope_parameters
    factors = []
    for i in range(0, c.head_dim, 2):
        wavelength = 2 * math.pi * p["rope_theta"] ** (i / c.head_dim)
        smooth = (p["original_max_position_embeddings"] / wavelength - p["low_freq_factor"]) / (
            p["high_freq_factor"] - p["low_freq_factor"])
        smooth = min(max(smooth, 0), 1)
        factors.append(1 / ((1 - smooth) / p["factor"] + smooth))
    return np.array(factors, np.float32)


def kind_of(name, file, tensor):
    suffix = file.split("-")[1] if "-" in file else ""
    if tensor.ndim == 1 or suffix in ("", "rope", "bias"):
        return T.F32
    if suffix == "k":
        return {"token_embd": T.Q6_K, "output": T.Q3_K, "attn_q": T.Q4_K, "attn_k": T.Q5_K, "attn_v": T.Q6_K,
                "attn_output": T.Q2_K, "ffn_gate": T.Q3_K, "ffn_up": T.Q4_K, "ffn_down": T.Q5_K}[name.split(".")[-2]]
    return T[suffix.upper()]


def write(file, arch, config):
    torch.manual_seed(len(file))
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.3 + (0.5 if p.ndim == 1 else 0))
    path = os.path.join(folder, file + ".gguf")
    writer = gguf.GGUFWriter(path, arch)
    metadata(writer, arch, config)
    if file == "llama-rope":
        writer.add_tensor("rope_freqs.weight", rope_freqs(config))
    for name, p in model.named_parameters():
        w, stored = p.detach().numpy(), gguf_name(name, arch)
        heads = {"attn_q": config.num_attention_heads, "attn_k": getattr(config, "num_key_value_heads", 0)}.get(
            stored.split(".")[-2]) if arch == "llama" else None
        is_shifted = arch.startswith("gemma") and "norm" in stored
        is_turned = arch == "gpt2" and re.search(r"attn_qkv|attn_output|ffn_", stored) and w.ndim == 2
        w = permute(w, heads) if heads else w + 1 if is_shifted else w.T if is_turned else w
        kind = kind_of(stored, file, w)
        data = k_blocks(w.shape, kind) if file == "llama-k" and w.ndim == 2 else gguf.quants.quantize(
            np.ascontiguousarray(w), kind)
        back = gguf.quants.dequantize(data, kind).astype(np.float32).reshape(w.shape)
        back = unpermute(back, heads) if heads else back - 1 if is_shifted else back.T if is_turned else back
        with torch.no_grad():
            p.copy_(torch.from_numpy(np.ascontiguousarray(back)))
        writer.add_tensor(stored, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with torch.no_grad():
        logits = model(torch.tensor(IDS)).logits[0]
    print(f"{file:12} {os.path.getsize(path):7} bytes, logits of deviation {logits.std():.2f}")
    return [float(f"{x:.7g}") for x in logits.flatten().tolist()]


torch.set_num_threads(1)
results = {file: write(file, *model) for file, model in MODELS.items()}
with open(os.path.join(folder, "models.json"), "w") as out:
    made = f"gguf 0.19.0, torch {torch.__version__}, transformers {transformers.__version__}"
    json.dump({"made_with": made, "ids": IDS[0], "logits": results}, out, separators=(",", ":"))
    out.write("\n")
