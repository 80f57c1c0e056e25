"""Writes adapters of PEFT for tiny models of Tests/Golden/models, with the logits that PEFT computes.

    python3 scripts/golden/adapters.py Tests/Golden/models Tests/Golden/adapters

Needs torch, transformers 5 and peft of PyPI; runs in f32 on the CPU. Each folder has the adapter as PEFT saves it and
expected.json: the base, token ids, logits of all positions or the score, sums of squared gradients by the names of what trains,
versions. A, B and copies of modules are random, so that each scale and each row shows.
"""
import json
import os
import shutil
import sys

import peft
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

models, out = sys.argv[1:]
torch.set_num_threads(1)


def adapter(name, base, seed, kind=AutoModelForCausalLM, task="CAUSAL_LM", **settings):
    folder = f"{out}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    model = kind.from_pretrained(f"{models}/{base}", dtype=torch.float32, attn_implementation="eager")
    model = peft.get_peft_model(model, peft.LoraConfig(task_type=task, **settings))
    random = torch.Generator().manual_seed(seed)
    for key, weight in model.named_parameters():
        if "lora_" in key or ".modules_to_save." in key:
            weight.data.copy_(0.3 * torch.randn(weight.shape, generator=random))
    model.eval()
    ids = torch.randint(1, model.config.vocab_size, (1, 12), generator=random)
    logits = model(ids).logits[0]
    # Of minus the sum of log-probabilities, or of the score.
    loss = logits.sum() if task == "SEQ_CLS" else -torch.log_softmax(logits[:-1], -1).gather(1, ids[0, 1:, None]).sum()
    loss.backward()
    squares = {}
    for key, weight in model.named_parameters():
        if weight.grad is not None:
            squares[key] = float(weight.grad.double().square().sum())
    logits = logits.detach()
    model.save_pretrained(folder)
    os.remove(f"{folder}/README.md")
    path = f"{folder}/adapter_config.json"
    with open(path) as file:
        config = json.load(file)
    config["base_model_name_or_path"] = base
    config["target_modules"] = sorted(config["target_modules"]) if isinstance(config["target_modules"], list) else config["target_modules"]
    with open(path, "w") as file:
        json.dump(config, file, indent=1)
    with open(f"{folder}/expected.json", "w") as file:
        json.dump(dict(base=base, tokens=ids[0].tolist(), logits=logits.tolist(), gradient_squares=squares, peft=peft.__version__, torch=torch.__version__,
                       transformers=transformers.__version__), file)


adapter("gpt2", "gpt2-a", 1, r=3, lora_alpha=5, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)
adapter("gpt2-pattern", "gpt2-a", 2, r=2, lora_alpha=8, target_modules=r".*\.1\.(attn\.c_attn|mlp\.c_fc)", fan_in_fan_out=True)
adapter("llama", "llama-a", 3, r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"], use_rslora=True,
        rank_pattern={"k_proj": 2, r"layers\.1\.mlp\.down_proj": 3}, alpha_pattern={"1.self_attn.q_proj": 20})
adapter("gemma3", "gemma3-a", 4, r=2, lora_alpha=3, target_modules="all-linear")

# Copies of modules: of a head and of an embedding that were one, of norms with and without a 1, of a transposed map with a bias.
adapter("qwen2-head", "qwen2-a", 5, r=2, lora_alpha=3, target_modules=["v_proj"], modules_to_save=["lm_head"])
adapter("qwen2-embedding", "qwen2-a", 6, r=2, lora_alpha=3, target_modules=["v_proj"], modules_to_save=["embed_tokens"])
adapter("qwen3-both", "qwen3-a", 7, r=2, lora_alpha=3, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head", "k_norm"])
adapter("gemma3-norm", "gemma3-a", 8, r=2, lora_alpha=3, target_modules=["o_proj"], modules_to_save=["model.norm", "q_norm"])
adapter("gpt2-copies", "gpt2-a", 9, r=2, lora_alpha=3, target_modules=["c_fc"], modules_to_save=["wpe", "attn.c_proj", "ln_f"],
        fan_in_fan_out=True)
REWARD = dict(kind=AutoModelForSequenceClassification, task="SEQ_CLS", r=2, lora_alpha=3)
adapter("reward-llama", "../rewards/llama", 10, target_modules=["q_proj", "v_proj"], **REWARD)
adapter("reward-gpt2", "../rewards/gpt2", 11, target_modules=["c_attn"], fan_in_fan_out=True, **REWARD)
