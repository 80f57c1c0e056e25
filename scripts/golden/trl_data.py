"""Token ids that TRL's trainers make of each form of data, for Tests/lua/data_test.lua.

    python3 scripts/golden/trl_data.py Tests/Golden/data

trl 1.16.0, transformers 5.23.0, tokenizers 0.23.3. Writes a tokenizer of 384 tokens as a folder of Hugging Face
(tokenizer.json, tokenizer_config.json), and trl.json.gz: for each form, 60 records as JSON lines and the rows that
`_prepare_dataset` of SFTTrainer, DPOTrainer or KTOTrainer makes of them; a label of -100 is a token without loss.
"""
import gzip
import json
import os
import random
import sys
from types import SimpleNamespace

import tokenizers
import transformers
import trl
from datasets import Dataset
from transformers import PreTrainedTokenizerFast
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.kto_trainer import KTOTrainer
from trl.trainer.sft_trainer import SFTTrainer

WORDS = ("the sky is blue and green What color sun moon 1 + 2 = 3 caf\u00e9 na\u00efve \u4f60\u597d \U0001f600 don't it's "
         "Yes, No. \n\n  spaces\ttab question? answer! x_y a-b 42 3.14 we'll end").split(" ")
TEMPLATE = (
    "{%- for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{%- if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{%- else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def make_tokenizer(folder):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=384, special_tokens=["<pad>", "<|im_start|>", "<|im_end|>", "<a>", "<b>"], show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([" ".join(WORDS)] * 8, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<pad>", chat_template=TEMPLATE)
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    config = dict(eos_token="<|im_end|>", pad_token="<pad>", chat_template=TEMPLATE)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    return fast


def main(folder):
    os.makedirs(folder, exist_ok=True)
    tokenizer, draw = make_tokenizer(folder), random.Random(5)

    def text(least=1, most=9):
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(least, most)))

    def turn(role):
        return dict(role=role, content=text())

    def prompt():
        turns = [turn("system")] if draw.random() < 0.3 else []
        for _ in range(draw.randint(0, 2)):
            turns += [turn("user"), turn("assistant")]
        return turns + [turn("user")]

    def rows(make):
        return [make() for _ in range(60)]

    def implicit():
        start = text(2, 6)
        return dict(chosen=start + " " + text(), rejected=start + " " + text())

    def implicit_turns():
        start = prompt()
        return dict(chosen=start + [turn("assistant")], rejected=start + [turn("assistant")])

    dpo = SimpleNamespace(_tokenizer=tokenizer)
    kto = SimpleNamespace(_tokenizer=tokenizer, calculate_KL=False, undesirable_weight=1.0, desirable_weight=1.0)
    sft = SimpleNamespace(
        _tokenizer=tokenizer, chat_template=None, _is_vlm=False, dataset_text_field="text", processing_class=tokenizer,
        completion_only_loss=True)
    args = SimpleNamespace(
        dataset_num_proc=None, max_length=None, truncation_mode="keep_start", dataset_text_field="text",
        assistant_only_loss=False, per_device_train_batch_size=4, packing_strategy="bfd", completion_only_loss=None,
        eval_packing=None, shuffle_dataset=False)

    def by_dpo(data):
        return DPOTrainer._prepare_dataset(dpo, data, tokenizer, args, "eval")

    def by_kto(data):
        return KTOTrainer._prepare_dataset(kto, data, tokenizer, args, "eval")

    def by_sft(data, masks=False):
        args.assistant_only_loss = masks
        return SFTTrainer._prepare_dataset(sft, data, tokenizer, args, False, None, "eval")

    forms = [
        ("text", rows(lambda: dict(text=text())), by_sft),
        ("messages", rows(lambda: dict(messages=prompt() + [turn("assistant")])), lambda data: by_sft(data, True)),
        ("prompt-completion", rows(lambda: dict(prompt=text(), completion=" " + text())), by_sft),
        ("prompt-completion, messages", rows(lambda: dict(prompt=prompt(), completion=[turn("assistant")])), by_sft),
        ("preference", rows(lambda: dict(prompt=text(), chosen=" " + text(), rejected=" " + text())), by_dpo),
        ("preference without a blank", rows(lambda: dict(prompt=text(), chosen=text(), rejected=text())), by_dpo),
        ("preference, implicit", rows(implicit), by_dpo),
        ("preference, messages", rows(lambda: dict(
            prompt=prompt(), chosen=[turn("assistant")], rejected=[turn("assistant")])), by_dpo),
        ("preference, messages, implicit", rows(implicit_turns), by_dpo),
        ("unpaired", rows(lambda: dict(prompt=text(), completion=text(), label=draw.random() < 0.5)), by_kto),
        ("unpaired, messages", rows(lambda: dict(
            prompt=prompt(), completion=[turn("assistant")], label=draw.random() < 0.5)), by_kto),
    ]
    keys = ("input_ids", "labels", "prompt_ids", "completion_ids", "chosen_ids", "rejected_ids", "label")
    cases = []
    for name, records, prepare in forms:
        made = prepare(Dataset.from_list(records))
        cases.append(dict(
            name=name, lines="\n".join(json.dumps(r, ensure_ascii=False) for r in records) + "\n",
            rows=[{k: row[k] for k in keys if k in row} for row in made]))
    record = dict(made_by=f"trl {trl.__version__}, transformers {transformers.__version__}, "
                          f"tokenizers {tokenizers.__version__}", cases=cases)
    with gzip.GzipFile(os.path.join(folder, "trl.json.gz"), "wb", mtime=0) as file:
        file.write(json.dumps(record, ensure_ascii=False).encode())
    print({case["name"]: sorted(case["rows"][0]) for case in cases})


if __name__ == "__main__":
    main(sys.argv[1])
