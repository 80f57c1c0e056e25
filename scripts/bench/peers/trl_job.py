"""TRL doing the whole job of scripts/bench: IPO on stories260K, with VADER's compound score as gold.

    python scripts/bench/peers/trl_job.py --what offline|offline_kept|online --data stories260K.bin [--seconds 5]

  offline       DPOTrainer on pairs that the start wrote beforehand
  offline_kept  the same with the reference's log-probabilities computed beforehand (precompute_ref_log_probs)
  online        OnlineDPOTrainer, two answers to each prompt, ordered by gold as a reward function

32 pairs a step, prompts of 8 tokens and answers of 32; beta 0.1. A step is timed from on_step_begin to on_step_end, so
that fetching and collating its batch cost TRL nothing. Offline, TRL's "ipo" averages log-ratios over an answer's tokens,
online it sums them: the work is the same.
"""
import os
import struct
import sys
import tempfile
import time

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from turns import options, report, turns
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

BATCH, PROMPTS, PROMPT, ANSWER = 32, 512, 8, 32
WARM = 3


def read_model(path):
    """llama2.c's file as a LlamaForCausalLM. Its rotary pairs are neighbours; transformers wants halves."""
    with open(path, "rb") as file:
        dim, hidden, layers, heads, kv_heads, vocab, length = struct.unpack("7i", file.read(28))
        numbers = torch.from_numpy(np.fromfile(file, np.float32))
    size, at = dim // heads, 0

    def take(*shape):
        nonlocal at
        count = int(np.prod(shape))
        at += count
        return numbers[at - count:at].view(shape)

    def halves(w):
        return w.view(layers, -1, size // 2, 2, dim).transpose(2, 3).reshape(w.shape)

    names = {}

    def each(name, stacked):
        for i in range(layers):
            names[f"model.layers.{i}.{name}.weight"] = stacked[i]

    names["model.embed_tokens.weight"] = names["lm_head.weight"] = take(vocab, dim)
    each("input_layernorm", take(layers, dim))
    each("self_attn.q_proj", halves(take(layers, dim, dim)))
    each("self_attn.k_proj", halves(take(layers, kv_heads * size, dim)))
    each("self_attn.v_proj", take(layers, kv_heads * size, dim))
    each("self_attn.o_proj", take(layers, dim, dim))
    each("post_attention_layernorm", take(layers, dim))
    each("mlp.gate_proj", take(layers, hidden, dim))
    each("mlp.down_proj", take(layers, dim, hidden))
    each("mlp.up_proj", take(layers, hidden, dim))
    names["model.norm.weight"] = take(dim)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab, hidden_size=dim, intermediate_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=length, rms_norm_eps=1e-5,
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=0))
    model.load_state_dict(names)
    return model


def read_tokenizer(path, vocab):
    """llama2.c's tokenizer as a byte-fallback BPE: the best-scored piece that two neighbours make is merged first."""
    pieces = []
    with open(path, "rb") as file:
        file.read(4)
        for _ in range(vocab):
            score, length = struct.unpack("fi", file.read(8))
            pieces.append((file.read(length).decode("utf-8", "replace"), score))
    pieces[:3] = [("<unk>", 0), ("<s>", 0), ("</s>", 0)]
    ids = {}
    for i, (text, _) in enumerate(pieces):
        ids[text if text not in ids else f"<again {i}>"] = i
    merges = []
    for text, score in pieces[259:]:
        for cut in range(1, len(text)):
            a, b = text[:cut], text[cut:]
            if a in ids and b in ids:
                merges.append((-score, ids[a], ids[b], (a, b)))
    merges = [pair for *_, pair in sorted(merges)]
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Prepend(" ")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>",
        padding_side="left")


class Clock(TrainerCallback):
    """Times steps: a turn ends with a step, and between turns the trainer waits in on_step_end."""

    def __init__(self, o):
        self.o, self.left, self.times = o, WARM, []
        self.turns = self.finish = None

    def on_step_begin(self, *_, **__):
        self.begun = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        if self.left > 0:    # warming up
            self.left -= 1
            if self.left > 0:
                return
            self.turns = turns(self.o)
        else:
            self.times.append(time.perf_counter() - self.begun)
            if time.perf_counter() < self.finish or len(self.times) < 3:
                return
            report(self.o, 2 * BATCH * (PROMPT + ANSWER), self.times)
        seconds = next(self.turns, None)
        if seconds is None:
            control.should_training_stop = True
        else:
            self.times, self.finish = [], time.perf_counter() + seconds


def main(o):
    torch.set_num_threads(o.threads)
    torch.manual_seed(0)
    sys.stdout = sys.stderr    # the trainers print about themselves
    folder = tempfile.mkdtemp()
    model = read_model(o.data)
    tokenizer = read_tokenizer(os.path.join(os.path.dirname(o.data), "tok512.bin"), model.config.vocab_size)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    analyzer = SentimentIntensityAnalyzer()
    gold = lambda text: analyzer.polarity_scores(text)["compound"]
    start = torch.full((PROMPTS, 1), 1)
    opened = model.generate(start, attention_mask=torch.ones_like(start), max_new_tokens=PROMPT - 1,
                            min_new_tokens=PROMPT - 1, do_sample=True, top_k=0)
    prompts = [text.lstrip() for text in tokenizer.batch_decode(opened, skip_special_tokens=True)]
    common = dict(
        output_dir=os.path.join(folder, "out"), per_device_train_batch_size=BATCH, max_steps=1_000_000,
        learning_rate=3e-4, logging_steps=1_000_000, report_to=[], save_strategy="no", bf16=False, use_cpu=True,
        gradient_checkpointing=False, disable_tqdm=True, seed=0, beta=0.1, max_length=64)
    clock = Clock(o)

    if o.what == "online":
        from trl.experimental.online_dpo import OnlineDPOConfig, OnlineDPOTrainer
        settings = OnlineDPOConfig(**common, loss_type="ipo", max_new_tokens=ANSWER, temperature=1.0, top_k=0,
                                   missing_eos_penalty=None)

        def reward(prompts=None, completions=None, **_):
            return [gold(text) for text in completions]

        trainer = OnlineDPOTrainer(
            model=folder, ref_model=None, reward_funcs=reward, args=settings, processing_class=tokenizer,
            train_dataset=Dataset.from_dict(dict(prompt=prompts)), callbacks=[clock])
    else:
        from trl import DPOConfig, DPOTrainer
        pairs = []
        for first in range(0, PROMPTS, 64):
            some = prompts[first:first + 64]
            inputs = tokenizer(some, return_tensors="pt", padding=True)
            length = inputs["input_ids"].shape[1]
            inputs.pop("token_type_ids", None)
            a, b = ([text for text in tokenizer.batch_decode(
                model.generate(**inputs, max_new_tokens=ANSWER, do_sample=True, top_k=0)[:, length:],
                skip_special_tokens=True)] for _ in range(2))
            for prompt, *answers in zip(some, a, b):
                answers.sort(key=gold)
                pairs.append(dict(prompt=prompt, chosen=answers[1], rejected=answers[0]))
        settings = DPOConfig(**common, loss_type=["ipo"], precompute_ref_log_probs=o.what == "offline_kept")
        trainer = DPOTrainer(model=folder, args=settings, processing_class=tokenizer,
                             train_dataset=Dataset.from_list(pairs), callbacks=[clock])
    trainer.train()


if __name__ == "__main__":
    main(options(["offline", "offline_kept", "online"]))
