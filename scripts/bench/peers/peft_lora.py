"""peft and transformers: the step of scripts/bench/lora.lua, on a folder of transformers.

    python scripts/bench/peers/peft_lora.py --what lora --folder FOLDER [--seconds 5]

IPO on 2 pairs, two answers of 64 tokens to a prompt of 64, with adapters of rank 16 on q_proj and v_proj, in f32 with
fused attention. The reference is
the model with its adapters switched off. Only the logits that predict answers, the second halves, are computed.
"""
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from turns import options, run

PAIRS, LENGTH = 2, 128


def main(o):
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(o.folder, dtype=torch.float32, attn_implementation="sdpa", use_cache=False)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"]))
    model.train()
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-4)
    ids = torch.randint(model.config.vocab_size, (2 * PAIRS, LENGTH))
    half = LENGTH // 2
    ids[PAIRS:, :half] = ids[:PAIRS, :half]

    def logps():
        logits = model(ids, logits_to_keep=half + 1).logits[:, :-1]
        return torch.log_softmax(logits, -1).gather(2, ids[:, half:, None]).sum((1, 2))

    def step():
        with torch.no_grad(), model.disable_adapter():
            held = logps()
        ratio = logps() - held
        loss = (ratio[:PAIRS] - ratio[PAIRS:] - 5).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    run(o, ids.numel(), step, 1)


if __name__ == "__main__":
    main(options(["lora"]))
