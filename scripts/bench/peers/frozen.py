"""A GGUF model sampled by llama.cpp, transformers and CTranslate2: the rows frozen16 and frozen64 of scripts/bench.

    python scripts/bench/peers/frozen.py --what llama16 --model SmolLM2-135M-Instruct.Q4_1.gguf [--seconds 5]

64 new tokens after 16 or 64 prompts of 32 random tokens, temperature 1 over the whole vocabulary. llama.cpp multiplies
the file's blocks with activations of eight bits; transformers and CTranslate2 have the dequantised weights as f32, or
CTranslate2 its own eight bits. The end token is kept from coming, so that every row has 64 tokens.
"""
import multiprocessing
import os
import random
import tempfile

from turns import options, run

PROMPT, NEW = 32, 64


def prompts_of(rows, vocab):
    draw = random.Random(0)
    return [[draw.randrange(100, vocab) for _ in range(PROMPT)] for _ in range(rows)]


def llama_f32(o, rows):
    """llama.cpp on the same weights as f32."""
    import ctypes
    import llama_cpp as lc
    with tempfile.TemporaryDirectory() as folder:
        how = lc.llama_model_quantize_default_params()
        how.ftype, how.allow_requantize = lc.LLAMA_FTYPE_ALL_F32, True
        whole = folder + "/whole.gguf"
        assert lc.llama_model_quantize(o.model.encode(), whole.encode(), ctypes.byref(how)) == 0
        return llama(o, rows, whole)


def llama(o, rows, path=None):
    """All rows as sequences of one batch, as in llama.cpp's examples/batched."""
    import ctypes
    import llama_cpp as lc
    lc.llama_backend_init()
    quiet = lc.llama_log_callback(lambda level, text, data: None)
    lc.llama_log_set(quiet, ctypes.c_void_p(0))
    model = lc.llama_model_load_from_file((path or o.model).encode(), lc.llama_model_default_params())
    settings = lc.llama_context_default_params()
    settings.n_ctx = rows * (PROMPT + NEW + 32)
    settings.n_batch = rows * PROMPT
    settings.n_ubatch = 512
    settings.n_seq_max = rows
    settings.n_threads = settings.n_threads_batch = o.threads
    context = lc.llama_init_from_model(model, settings)
    vocab = lc.llama_model_get_vocab(model)
    prompts = prompts_of(rows, lc.llama_vocab_n_tokens(vocab))
    batch = lc.llama_batch_init(rows * PROMPT, 0, 1)
    samplers = []
    for row in range(rows):
        chain = lc.llama_sampler_chain_init(lc.llama_sampler_chain_default_params())
        lc.llama_sampler_chain_add(chain, lc.llama_sampler_init_dist(row))
        samplers.append(chain)

    def read(tokens):
        """Tokens as (id, row, position, whether its logits are wanted)."""
        for i, (token, row, position, wanted) in enumerate(tokens):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, row
            batch.logits[i] = wanted
        batch.n_tokens = len(tokens)
        assert lc.llama_decode(context, batch) == 0

    def step():
        lc.llama_memory_clear(lc.llama_get_memory(context), True)
        read([(token, row, k, k == PROMPT - 1) for row in range(rows) for k, token in enumerate(prompts[row])])
        places = [(row + 1) * PROMPT - 1 for row in range(rows)]
        for k in range(NEW):
            drawn = [lc.llama_sampler_sample(samplers[row], context, places[row]) for row in range(rows)]
            if k + 1 < NEW:
                read([(drawn[row], row, PROMPT + k, True) for row in range(rows)])
            places = list(range(rows))

    return step


def dequantised(o):
    """The weights as f32, in a model that transformers does not take for a quantised one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    folder, name = os.path.split(os.path.abspath(o.model))
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    if hasattr(read.config, "quantization_config"):
        del read.config.quantization_config
    model = AutoModelForCausalLM.from_config(read.config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    return model, AutoTokenizer.from_pretrained(folder, gguf_file=name)


def transformers(o, rows):
    import torch
    torch.set_num_threads(o.threads)
    model = dequantised(o)[0].eval()
    ids = torch.tensor(prompts_of(rows, model.config.vocab_size))

    def step():
        with torch.no_grad():
            made = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, temperature=1.0,
                                  min_new_tokens=NEW, max_new_tokens=NEW, pad_token_id=0)
        assert made.shape[1] == PROMPT + NEW

    return step


def convert(o, folder, quantization):
    """In a process of its own, whose memory is not that of sampling."""
    import ctranslate2
    model, tokenizer = dequantised(o)
    model.save_pretrained(folder + "/whole")
    tokenizer.save_pretrained(folder + "/whole")
    ctranslate2.converters.TransformersConverter(folder + "/whole").convert(
        folder + "/converted", quantization=quantization)


def ctranslate(o, rows, kind):
    import json
    import ctranslate2
    with tempfile.TemporaryDirectory() as folder:
        converter = multiprocessing.get_context("spawn").Process(target=convert, args=(o, folder, kind))
        converter.start()
        converter.join()
        generator = ctranslate2.Generator(folder + "/converted", device="cpu", compute_type=kind, inter_threads=1,
                                          intra_threads=o.threads)
        words = json.load(open(folder + "/converted/vocabulary.json"))
    prompts = [[words[i] for i in row] for row in prompts_of(rows, len(words))]

    def step():
        made = generator.generate_batch(prompts, max_length=NEW, min_length=NEW, sampling_topk=0, sampling_temperature=1,
                                        include_prompt_in_result=False)
        assert all(len(row.sequences_ids[0]) == NEW for row in made)

    return step


MAKERS = {
    "llama": llama, "llama_f32_": llama_f32, "transformers": transformers,
    "ctranslate": lambda o, rows: ctranslate(o, rows, "float32"),
    "ctranslate_int8_": lambda o, rows: ctranslate(o, rows, "int8"),
}


def main(o):
    rows = int(o.what[-2:])
    run(o, rows * NEW, MAKERS[o.what[:-2]](o, rows), 1)


if __name__ == "__main__":
    main(options([name + count for name in MAKERS for count in ("16", "64")]))
