"""Writes small tokenizers as GGUF files into Tests/Golden/gguf/vocab, and the ids that tokenizers gives with them.

    python scripts/golden/gguf_tokenizers.py FOLDER      with gguf 0.19.0, tokenizers 0.23.3

FOLDER holds llama.cpp's vocabularies (models/ggml-vocab-*.gguf; in the sdist of PyPI's llama-cpp-python 0.3.36, under
vendor/llama.cpp). Of each the first merges or pieces are kept, as GGUF names them; the truth is a tokenizer of Hugging
Face's tokenizers with the same vocabulary and the cut that the family's tokenizer.json has. Texts are llama.cpp's
(ggml-vocab-gpt-2.gguf.inp) and random ones.
"""
import json
import os
import random
import sys
import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

source = sys.argv[1]
root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
folder = os.path.join(root, "Tests/Golden/gguf/vocab")
os.makedirs(folder, exist_ok=True)
MERGES, PIECES = 400, 500
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def digits():
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False)])


CUTS = {
    "gpt-2": ("gpt-2", pre_tokenizers.ByteLevel(add_prefix_space=False)),
    "smollm": ("gpt-2", digits()),
    "starcoder": ("starcoder", digits()),
    "llama-bpe": ("llama-bpe", split(LLAMA3)),
    "qwen2": ("qwen2", split(LLAMA3.replace("{1,3}", ""))),
}


def field(name, key):
    return gguf.GGUFReader(os.path.join(source, f"ggml-vocab-{name}.gguf")).fields[key].contents()


def texts():
    with open(os.path.join(source, "ggml-vocab-gpt-2.gguf.inp"), encoding="utf-8") as f:
        found = f.read().split("\n__ggml_vocab_test__\n")
    draw = random.Random(7)
    pools = ["abcdefgh ", "0123456789 ", "éàüßñ ", "'sS'tT'llLL'RE ", "\n\r\t \u3000\u00a0", "한국어日本語", "!?.,;:-_()[]",
             "🙂👍🏽🇩🇪\u200d", "\u0300\u0301\u0e48", "<|im_start|>", "</s><s>"]
    for _ in range(60):
        found.append("".join(draw.choice(draw.choice(pools)) for _ in range(draw.randrange(1, 40))))
    return found


def write(name, model, pre, tokens, kinds, extra):
    writer = gguf.GGUFWriter(os.path.join(folder, name + ".gguf"), "llama")
    writer.add_tokenizer_model(model)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    extra(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def byte_level(name):
    vocabulary, cut = CUTS[name]
    tokens, merges = sorted(pre_tokenizers.ByteLevel.alphabet()), []
    for merge in field(vocabulary, "tokenizer.ggml.merges")[:MERGES]:
        left, right = merge.split(" ")
        if left in tokens and right in tokens:  # some lists use a token before the merge that makes it
            merges.append(merge)
            tokens += [left + right] if left + right not in tokens else []
    kinds = [1] * len(tokens) + [3, 3, 4]
    tokens += ["<|im_start|>", "<|im_end|>", "<tool>"]
    ids = {t: i for i, t in enumerate(tokens)}
    bpe = models.BPE(vocab={t: ids[t] for t in tokens[:-3]}, merges=[tuple(m.split(" ")) for m in merges],
                     ignore_merges=name == "llama-bpe")
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer, tokenizer.decoder = cut, decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in tokens[-3:-1]])
    tokenizer.add_tokens([AddedToken(tokens[-1], special=False, normalized=False)])

    def extra(writer):
        writer.add_token_merges(merges)
        writer.add_bos_token_id(ids["<|im_start|>"])
        writer.add_eos_token_id(ids["<|im_end|>"])
    write(name, "gpt2", name, tokens, kinds, extra)
    return tokenizer


def sentence_piece():
    all_tokens = field("llama-spm", "tokenizer.ggml.tokens")
    all_scores = field("llama-spm", "tokenizer.ggml.scores")
    all_kinds = field("llama-spm", "tokenizer.ggml.token_type")
    kept = list(range(259 + PIECES)) + [
        i for i in range(259 + PIECES, len(all_tokens)) if len(all_tokens[i]) == 1 and all_tokens[i] <= "\u2581"]
    tokens, scores, kinds = ([a[i] for i in kept] for a in (all_tokens, all_scores, all_kinds))
    ids = {t: i for i, t in enumerate(tokens)}
    # transformers, convert_slow_tokenizer.py, generate_merges: all cuts of a piece, the best score first.
    merges = []
    for t in tokens[259:]:
        cuts = [(t[:i], t[i:]) for i in range(1, len(t)) if t[:i] in ids and t[i:] in ids]
        merges += [(scores[ids[t]], *c) for c in sorted(cuts, key=lambda c: (ids[c[0]], ids[c[1]]))]
    merges.sort(key=lambda m: -m[0])
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[m[1:] for m in merges], unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ["<unk>", "<s>", "</s>"]])

    def extra(writer):
        writer.add_token_scores(scores)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_add_bos_token(True)
    write("llama-spm", "llama", "default", tokens, kinds, extra)
    return tokenizer


cases, results = texts(), {}
for name in [*CUTS, "llama-spm"]:
    tokenizer = sentence_piece() if name == "llama-spm" else byte_level(name)
    encoded = [tokenizer.encode(text, add_special_tokens=False).ids for text in cases]
    results[name] = {"ids": encoded, "decoded": [tokenizer.decode(ids, skip_special_tokens=True) for ids in encoded]}
with open(os.path.join(folder, "cases.json"), "w", encoding="utf-8") as out:
    json.dump({"made_with": "gguf 0.19.0, tokenizers 0.23.3", "texts": cases, "results": results}, out,
              ensure_ascii=False, separators=(",", ":"))
    out.write("\n")
