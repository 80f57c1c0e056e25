"""Writes adapters of PEFT for tiny models of Tests/Golden/models, with the logits that PEFT computes.

    python3 scripts/golden/adapters.py Tests/Golden/models Tests/Golden/adapters

Needs torch, transformers 5 and peft of PyPI; runs in f32 on the CPU. Each folder has the adapter as PEFT saves it and
expected.json: the base, token ids, logits of all positions, versions. A and B are random, so that each scale and each row shows.
"""
import json
import os
import shutil
import sys

import peft
import torch
import transformers
from transformers import AutoModelForCausalLM

models, out = sys.argv[1:]
torch.set_num_threads(1)


def adapter(name, base, seed, **settings):
    folder = f"{out}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(f"{models}/{base}", dtype=torch.float32, attn_implementation="eager")
    model = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    random = torch.Generator().manual_seed(seed)
    for key, weight in model.named_parameters():
        if "lora_" in key:
            weight.data.copy_(0.3 * torch.randn(weight.shape, generator=random))
    model.eval()
    ids = torch.randint(1, model.config.vocab_size, (1, 12), generator=random)
    with torch.no_grad():
        logits = model(ids).logits[0]
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
        json.dump(dict(base=base, tokens=ids[0].tolist(), logits=logits.tolist(), peft=peft.__version__, torch=torch.__version__,
                       transformers=transformers.__version__), file)


adapter("gpt2", "gpt2-a", 1, r=3, lora_alpha=5, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)
adapter("gpt2-pattern", "gpt2-a", 2, r=2, lora_alpha=8, target_modules=r".*\.1\.(attn\.c_attn|mlp\.c_fc)", fan_in_fan_out=True)
adapter("llama", "llama-a", 3, r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"], use_rslora=True,
        rank_pattern={"k_proj": 2, r"layers\.1\.mlp\.down_proj": 3}, alpha_pattern={"1.self_attn.q_proj": 20})
adapter("gemma3", "gemma3-a", 4, r=2, lora_alpha=3, target_modules="all-linear")
