"""CTranslate2 on the CPU, in f32: the sampling row of scripts/bench, on a random GPT-2 converted from transformers.

    python scripts/bench/peers/ctranslate.py --case tiny --what sample [--seconds 5]

Temperature 1 over the whole vocabulary; the end token is kept from coming, so that every row has `new` tokens.
"""
import multiprocessing
import os
import random
import tempfile

import ctranslate2
from turns import CASES, options, run


def convert(c, folder, converted):
    """A model with random weights and words "0", "1" ... for its tokens, in CTranslate2's format. Run in a process of
    its own, whose memory is not that of sampling."""
    from tokenizers import Tokenizer, models
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
    model = GPT2LMHeadModel(GPT2Config(
        vocab_size=c["vocab"], n_positions=c["positions"], n_embd=c["dim"], n_layer=c["layers"], n_head=c["heads"],
        bos_token_id=0, eos_token_id=0))
    model.save_pretrained(folder)
    words = Tokenizer(models.WordLevel({str(i): i for i in range(c["vocab"])}, unk_token="0"))
    PreTrainedTokenizerFast(tokenizer_object=words, bos_token="0", eos_token="0", unk_token="0").save_pretrained(folder)
    ctranslate2.converters.TransformersConverter(folder).convert(converted)


def main(o):
    c = CASES[o.case]
    with tempfile.TemporaryDirectory() as folder:
        converted = os.path.join(folder, "converted")
        converter = multiprocessing.get_context("spawn").Process(target=convert, args=(c, folder, converted))
        converter.start()
        converter.join()
        generator = ctranslate2.Generator(converted, device="cpu", compute_type="float32", inter_threads=1,
                                          intra_threads=o.threads)
    draw = random.Random(0)
    prompts = [[str(draw.randrange(1, c["vocab"])) for _ in range(c["prompt"])] for _ in range(c["rows"])]

    def step():
        made = generator.generate_batch(
            prompts, max_length=c["new"], min_length=c["new"], sampling_topk=0, sampling_temperature=1,
            include_prompt_in_result=False)
        assert all(len(row.sequences_ids[0]) == c["new"] for row in made)

    run(o, c["rows"] * c["new"], step, 1)


if __name__ == "__main__":
    main(options(["sample"]))
