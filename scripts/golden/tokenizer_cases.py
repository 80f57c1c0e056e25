"""Small tokenizers of every kind, and what `tokenizers` does with hard texts, for Tests/FormatsTests.

    pip install tokenizers==0.23.3
    python3 scripts/golden/tokenizer_cases.py Tests/Golden/tokenizers

texts.json holds the texts; each other file a tokenizer.json (`file`) and, text by text, the ids with and without
special tokens and with control tokens split, and both decodings. parts.json holds single normalizers and
pre-tokenizers with what they make of the texts of at most 32 characters. classes.json holds, for every test of a character, the SHA-256 of
the list of all scalars that pass it; --no-classes leaves out this slow part.
"""
import base64
import hashlib
import json
import pathlib
import struct
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog's owner wasn't there. It's 1234567 o'clock!",
    "def main():\n    print('hello world')\n    return 42\n\n\tif x == 3.14159: pass  # comment",
    "Größe café naïve façade — “quotes” … ½ №5 ﬁne. Здравствуй, мир! Καλημέρα κόσμε.",
    "สวัสดีชาวโลก नमस्ते दुनिया 你好世界 こんにちは世界 안녕하세요 세계 مرحبا بالعالم שלום עולם",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽 🙂 are emoji; a\u0301e\u0300o\u0302 are marks. We'll see what they're up to, I'm sure you'd agree.",
    "The the THE the. Dogs and cats and birds. Birds sing; cats sleep; dogs run. 2024-01-02 10:20:30",
] * 3
MARKS = [AddedToken("<a>", normalized=False), AddedToken("<ab>", normalized=False), AddedToken("<abc>", normalized=False),
         AddedToken("<l>", lstrip=True, normalized=False), AddedToken("<r>", rstrip=True, normalized=False),
         AddedToken("whole", single_word=True, normalized=False), AddedToken("Norm Ed", normalized=True),
         AddedToken("ÉTÉ", normalized=True, lstrip=True, rstrip=True)]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace("{1,3}", "")
QWEN35 = QWEN.replace(r"\p{L}+", r"[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
          r"\s+(?!\S)|\s+")

TEXTS = ["", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t x", " \n ", "a", " a", "a ", "  a  b  ", "Hello world",
         " Hello  world ", "Hello, world!", "HELLO World hELLO", "don't DON'T we'll I'M they'RE you'd 's 'S 'ſ", "it's's",
         "1", "12", "123", "1234", "12345678901234567890", "3.14", "1,000,000", "2024-01-02", "a1b2c3", "x²y³ ½ ⅷ Ⅳ ①",
         "\u0000", "a\u0000b", "\u0001\u0002\u001f\u007f", "a\u00a0b", "a\u2003b\u3000c\u2028d\u2029e\u0085f", "a\u000bb\u000cc",
         "zero\u200bwidth\u200cjoin\u200ders\ufeffbom", "soft\u00adhyphen", "\ufffd replaced \ufffd", "▁low▁line ▁ ▁▁", "_under_ __init__",
         "é e\u0301 \u0301 e\u0301\u0300 o\u0328\u0304 \u1eb9\u0302 \u0344", "Å A\u030a \u212b \u2126 \u212a", "ÉTÉ été ÉTÉ ÉTÉ", "Ǆ ǅ ǆ ŉ ß ẞ İ ı ſ ﬀ ﬃ",
         "한국어 각 \u1100\u1161\u11a8 \uac00\u11a8", "สวัสดีชาวโลก", "กำลัง น้ำ", "नमस्ते दुनिया क्ष", "你好世界", "你好, world 世界", "こんにちは カタカナ ｶﾀｶﾅ が か\u3099",
         "مرحبا بالعالم", "שָׁלוֹם", "👍", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️ ☺️", "a👍b", " 👍 ", "🙂🙂🙂", "#️⃣ 1️⃣", "ＦＵＬＬ ｗｉｄｔｈ １２３", "ﬁne ﬀ …", "№ ™ ℃ ㎏ ㍿",
         "𝒜𝓁𝓅𝒽𝒶 𝟙𝟚𝟛", "𐐷𐐨 𠀀𪛖 \U000e0061", "\U00016d40 \ua7cb \u1c89", "\u1dfa\u0897 \u0898",
         "<a>", "<ab>", "<abc>", "<abcd>", "x<a>y", "x <l> y", "x  <l>  y", "x<l>y", "x <r> y", "x\t<r>\n\ny", " <l> <r> <l> ", "<a><ab><abc>", "<abc<a>",
         "whole", "a whole day", "wholesale", "unwhole", "whole.", "(whole)", "whole whole", "éwholeé", "_whole_", "whole\u0301", "\u200dwhole",
         "Norm Ed", "norm ed", "xNorm Edx", "Norm  Ed", "NORM ED", "ÉTÉ à la plage", "l'  ÉTÉ  !", "ete", "x <s> y </s>", "<s>Hello</s>", "<unk>", "[UNK] [CLS] x [SEP]", "<|end|>",
         "Hello<|end|> world <|end|>\n", "<0x41> <0x0A>", "a" * 300, " " * 200 + "x", "ab" * 150, "\n" * 100, "1" * 120, "é" * 100, "!?" * 80, "👍" * 60,
         "aaaa bbbb  aaaa", "def f(x):\n    return x + 1\n", "if (a && b) { c++; } // ok", "https://example.com/a?b=c&d=e#f", "me@example.com", "C:\\Users\\x", "“quotes” ‘single’ — dash – en",
         "a.b,c;d:e!f?g", " .!?, ' n't 'm do not 's 've 're", "$5 €6 £7 ¥8", "the the the THE", "ÀÈÌÒÙ àèìòù ÄÖÜ äöü ñ ç", "Ж ж Ё ё Й й", "Σ σ ς ΑΣ ά", "The quick brown fox jumps over the lazy dog.",
         "word" * 40, "x" * 101, "  leading", "trailing  ", "\n leading newline", "mixed\r\nline\nends\r", " \u3000 wide ", "a\u0301\u0301\u0301\u0301\u0301b", "\u0e33\u0e33", "e\u0301\u0301", "\u200b", "\u0301", "\u00ad"]


SHORT = [text for text in TEXTS if len(text) <= 32]


def charsmap(table):
    """SentencePiece's precompiled_charsmap of a small table: a double array of bytes, and texts."""
    texts, offsets = bytearray(), {}
    for value in sorted(set(table.values())):
        offsets[value] = len(texts)
        texts += value.encode() + b"\0"
    units = {0: 0}
    used = {0}

    def place(node, keys, depth):
        labels = sorted({key[depth] if depth < len(key) else 0 for key in keys})
        base = 1
        while any((base ^ label) in used for label in labels):
            base += 1
        # The offset of a node is relative to it, by exclusive or.
        offset = node ^ base
        assert offset < 1 << 21
        units[node] |= offset << 10
        for label in labels:
            used.add(base ^ label)
        for label in labels:
            child = base ^ label
            inner = [key for key in keys if (key[depth] if depth < len(key) else 0) == label]
            if label == 0:
                units[node] |= 1 << 8
                units[child] = 1 << 31 | offsets[table[inner[0].decode()]]
            else:
                units[child] = label
                place(child, inner, depth + 1)

    place(0, [key.encode() for key in table], 0)
    size = max(units) + 256
    # Units that are free have a label that no byte has.
    array = [units.get(i, 1 << 31 | 0xFF) for i in range(size)]
    data = b"".join(struct.pack("<I", unit) for unit in array)
    return struct.pack("<I", len(data)) + data + bytes(texts)


MAP = charsmap({"\n": " ", "\t": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "ﬁ": "fi", "…": "...", "½": "1/2", "e\u0301": "é", "a\u0301": "á",
                "\u200b": "", "\u00ad": "", "Ａ": "A", "Ｆ": "F", "１": "1", "№": "No", "\u212b": "Å", "ｶ": "カ", "か\u3099": "が", "👍": "+1"})


def metaspace(scheme, split=True):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, "use_regex": False, **options})


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def sequence(*parts):
    kind = {pre_tokenizers.PreTokenizer: pre_tokenizers, normalizers.Normalizer: normalizers, decoders.Decoder: decoders}
    return next(module for base, module in kind.items() if isinstance(parts[0], base)).Sequence(list(parts))


def built(model, trainer, specials, *, normalizer=None, pre=None, post=None, decoder=None, marks=MARKS):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.train_from_iterator(CORPUS, trainer(vocab_size=600, special_tokens=specials, show_progress=False))
    tokenizer.add_tokens(marks)
    if post:
        tokenizer.post_processor = post(tokenizer)
    return tokenizer


def byte_trainer(**options):
    return trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)


def fallback_bpe(specials, **parts):
    """SentencePiece BPE: characters of the corpus, with the bytes as tokens."""
    tokens = specials + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer = built(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True),
                      lambda **o: trainers.BpeTrainer(**{**o, "vocab_size": 700, "limit_alphabet": 60}), tokens, **parts)
    # The bytes are tokens of the model only, not added ones.
    value = json.loads(tokenizer.to_str())
    value["added_tokens"] = [t for t in value["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(value))


def template(single, *names):
    return lambda t: processors.TemplateProcessing(
        single=single, pair=single + " $B", special_tokens=[(name, t.token_to_id(name)) for name in names])


def tokenizers_by_name():
    spm = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    yield "gpt2", built(models.BPE(), byte_trainer, ["<|end|>"], pre=byte_level(use_regex=True), decoder=decoders.ByteLevel(),
                        post=lambda t: processors.ByteLevel(trim_offsets=False))
    yield "llama3", built(models.BPE(ignore_merges=True), byte_trainer, ["<|end|>", "<s>"],
                          pre=sequence(split(LLAMA3), byte_level()), decoder=decoders.ByteLevel(),
                          post=lambda t: processors.Sequence([processors.ByteLevel(trim_offsets=False), template("<s> $A", "<s>")(t)]))
    yield "qwen", built(models.BPE(), byte_trainer, ["<|end|>"], normalizer=normalizers.NFC(),
                        pre=sequence(split(QWEN), byte_level()), decoder=decoders.ByteLevel(), post=lambda t: processors.ByteLevel(trim_offsets=False))
    yield "smollm", built(models.BPE(), byte_trainer, ["<|end|>"], pre=sequence(pre_tokenizers.Digits(True), byte_level(use_regex=True)),
                          decoder=decoders.ByteLevel())
    yield "roberta", built(models.BPE(unk_token="<unk>"), byte_trainer, ["<s>", "</s>", "<unk>"], pre=byte_level(use_regex=True, add_prefix_space=True),
                           decoder=decoders.ByteLevel(), post=lambda t: processors.RobertaProcessing(("</s>", 1), ("<s>", 0)))
    yield "llama2", fallback_bpe(["<unk>", "<s>", "</s>"], normalizer=sequence(normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")),
                                 decoder=sequence(*spm, decoders.Strip(" ", 1, 0)), post=template("<s> $A", "<s>"))
    yield "gemma", fallback_bpe(["<pad>", "<eos>", "<bos>", "<unk>"], normalizer=normalizers.Replace(" ", "▁"),
                                pre=pre_tokenizers.Split(" ", "merged_with_previous"), decoder=sequence(*spm), post=template("<bos> $A", "<bos>"))
    yield "mistral", fallback_bpe(["<unk>", "<s>", "</s>"], pre=metaspace("first", False), decoder=sequence(*spm, decoders.Strip(" ", 1, 0)),
                                  post=template("<s> $A", "<s>"))
    unigram = lambda **o: trainers.UnigramTrainer(unk_token="<unk>", **{**o, "vocab_size": 400})  # noqa: E731
    yield "t5", built(models.Unigram(), unigram, ["<pad>", "</s>", "<unk>"],
                      normalizer=sequence(normalizers.Precompiled(MAP), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")),
                      pre=metaspace("first"), decoder=decoders.Metaspace(), post=template("$A </s>", "</s>"))
    yield "flan", built(models.Unigram(), unigram, ["<pad>", "</s>", "<unk>"], normalizer=normalizers.Precompiled(MAP),
                        pre=sequence(pre_tokenizers.WhitespaceSplit(), metaspace("always")), decoder=decoders.Metaspace(), post=template("$A </s>", "</s>"))
    yield "albert", built(models.Unigram(), unigram, ["<pad>", "<unk>", "[CLS]", "[SEP]"],
                          normalizer=sequence(normalizers.Replace("``", '"'), normalizers.Nmt(), normalizers.NFKD(), normalizers.StripAccents(),
                                              normalizers.Lowercase(), normalizers.Replace(Regex(" {2,}"), " ")),
                          pre=metaspace("never"), decoder=decoders.Metaspace(prepend_scheme="never"), post=template("[CLS] $A [SEP]", "[CLS]", "[SEP]"))
    piece = lambda **o: trainers.WordPieceTrainer(**{**o, "vocab_size": 400, "limit_alphabet": 120})  # noqa: E731
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    yield "bert", built(models.WordPiece(unk_token="[UNK]"), piece, bert, normalizer=normalizers.BertNormalizer(),
                        pre=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece(), post=template("[CLS] $A [SEP]", "[CLS]", "[SEP]"))
    yield "bert_cased", built(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20), piece, bert, normalizer=normalizers.BertNormalizer(lowercase=False),
                              pre=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece(cleanup=False), post=lambda t: processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)))
    yield "clip", built(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), lambda **o: trainers.BpeTrainer(end_of_word_suffix="</w>", **o), ["<unk>", "<s>", "</s>"],
                        normalizer=sequence(normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase(), normalizers.Strip()),
                        pre=pre_tokenizers.Whitespace(), decoder=decoders.BPEDecoder(), post=template("<s> $A </s>", "<s>", "</s>"))
    yield "prefix", built(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), lambda **o: trainers.BpeTrainer(continuing_subword_prefix="##", limit_alphabet=50, **o),
                          ["<unk>"], pre=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece())
    yield "bytes", built(models.BPE(), byte_trainer, ["<|end|>"], normalizer=sequence(normalizers.NFD(), normalizers.ByteLevel()), decoder=decoders.ByteLevel())


def parts():
    for normalizer in [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(), normalizers.Strip(),
                       normalizers.Strip(right=False), normalizers.StripAccents(), normalizers.Nmt(), normalizers.Prepend("▁"), normalizers.ByteLevel(),
                       normalizers.Precompiled(MAP), normalizers.Replace("a", ""), normalizers.Replace(Regex(r"\s+|\d"), "<>"),
                       normalizers.BertNormalizer(), normalizers.BertNormalizer(lowercase=False, strip_accents=True, clean_text=False), normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=False)]:
        yield "normalizer", normalizer, [normalizer.normalize_str(text) for text in SHORT]
    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    splits = [split(pattern, behavior, invert) for pattern in [r"\s", r"[aeiou]+", r"\w+|[^\w\s]+"] for behavior in behaviors for invert in [False, True]]
    patterns = [GPT2, LLAMA3, QWEN, QWEN35, O200K, CL100K, r"\p{Han}+|[ぁ-ゟ]+|\p{Katakana}+", r"(?<=[a-z])(?=[A-Z0-9])|\b", r"(?<!\S)\S+?(?=\s|$)", r"^.+?$|\n",
                r"[[:space:]]+|[[:digit:]]|\h{2}", r"x*", r"(?>a+)b|(ab){2,3}|a{,2}c?", r"\p{P}|\p{S}+|\P{^N}", r"(?i)the|DOG", r"[^\s]|\R?"[:5]]
    for pre in [*splits, *(split(pattern) for pattern in patterns), *(pre_tokenizers.Split(" ", behavior) for behavior in behaviors),
                *(pre_tokenizers.Punctuation(behavior) for behavior in behaviors), pre_tokenizers.Digits(False), pre_tokenizers.Digits(True), pre_tokenizers.Whitespace(),
                pre_tokenizers.WhitespaceSplit(), pre_tokenizers.BertPreTokenizer(), byte_level(use_regex=True), byte_level(use_regex=True, add_prefix_space=True),
                metaspace("always"), metaspace("first"), metaspace("never"), metaspace("always", False), pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.FixedLength(3)]:
        yield "pre_tokenizer", pre, [[piece for piece, _ in pre.pre_tokenize_str(text)] for text in SHORT]


def written(part):
    """The JSON of a part, as a tokenizer.json holds it."""
    tokenizer = Tokenizer(models.BPE())
    if isinstance(part, normalizers.Normalizer):
        tokenizer.normalizer = part
        return json.loads(tokenizer.to_str())["normalizer"]
    tokenizer.pre_tokenizer = part
    return json.loads(tokenizer.to_str())["pre_tokenizer"]


def classes():
    scalars = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]

    def digest(passes):
        return hashlib.sha256(",".join(f"{ord(c):x}" for c in scalars if passes(c)).encode()).hexdigest()

    removed = lambda part: lambda c: not part.pre_tokenize_str(c)  # noqa: E731
    bert = lambda **o: normalizers.BertNormalizer(**{"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False, **o})  # noqa: E731
    clean, accents, chinese = bert(clean_text=True), bert(strip_accents=True), bert(handle_chinese_chars=True)
    found = {pattern: digest(removed(split(pattern, "removed"))) for pattern in [r"\p{L}", r"\p{N}", r"\p{M}", r"\p{P}", r"\p{S}", r"\p{Lu}", r"\p{Ll}", r"\s", r"\w", r"\d", r"\p{Han}"]}
    found["numeric"] = digest(lambda c: len(pre_tokenizers.Digits(True).pre_tokenize_str("a" + c)) == 2)
    found["whitespace"] = digest(removed(pre_tokenizers.WhitespaceSplit()))
    found["word"] = digest(lambda c: len(pre_tokenizers.Whitespace().pre_tokenize_str("a" + c)) == 1 and pre_tokenizers.Whitespace().pre_tokenize_str(c) != [])
    found["punctuation"] = digest(removed(pre_tokenizers.Punctuation("removed")))
    found["bert removes"] = digest(lambda c: clean.normalize_str("a" + c) == "a")
    found["nonspacing mark"] = digest(lambda c: accents.normalize_str("a" + c) == "a")
    found["chinese"] = digest(lambda c: chinese.normalize_str(c) == f" {c} ")
    found["combining mark"] = digest(lambda c: normalizers.StripAccents().normalize_str("a" + c) == "a")
    forms = {name: getattr(normalizers, name)() for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase"]}
    for name, form in forms.items():
        found[name] = hashlib.sha256("".join(form.normalize_str(c) + "\n" for c in scalars).encode()).hexdigest()
    return found


def main():
    folder = pathlib.Path(sys.argv[1])

    def write(name, value):
        text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
        (folder / f"{name}.json").write_text(text.replace('],"', '],\n"') + "\n")

    write("texts", TEXTS)
    write("parts", {"tokenizers": tokenizers.__version__, "parts": [{"kind": kind, "part": written(part), "results": results} for kind, part, results in parts()]})
    if "--no-classes" not in sys.argv:
        write("classes", {"tokenizers": tokenizers.__version__, "classes": classes()})
    for name, tokenizer in tokenizers_by_name():
        plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        tokenizer.encode_special_tokens = True
        divided = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        tokenizer.encode_special_tokens = False
        whole = [tokenizer.encode(text).ids for text in TEXTS]
        write(name, {"tokenizers": tokenizers.__version__, "file": json.loads(tokenizer.to_str()), "ids": whole, "ids_plain": plain, "ids_split": divided,
                     "decoded": [tokenizer.decode(ids, skip_special_tokens=False) for ids in whole], "decoded_skip": [tokenizer.decode(ids) for ids in whole]})


main()
