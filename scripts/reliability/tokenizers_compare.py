"""Compares tokenizers here with `tokenizers` on random Unicode texts.

    pip install tokenizers==0.23.3
    python3 scripts/reliability/tokenizers_compare.py COUNT FILE...

Each FILE is a tokenizer.json, or a file of Tests/Golden/tokenizers. COUNT texts are drawn for each: letters, marks,
digits, white space, emoji, control characters, scalars from all of Unicode, and added tokens. Ids with and without
special tokens, ids with control tokens split, and both decodings must be equal.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, __version__

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = """
local formats, tokenizer = require "perilune.formats", require "perilune.tokenizer"
local t, rows = tokenizer.load(arg[1]), {}
for i, text in ipairs(formats.load_json(arg[2])) do
  local ids = t:encode(text, { add_special_tokens = true, split_special_tokens = false })
  rows[i] = { ids = ids, plain = t:encode(text, { split_special_tokens = false }), split = t:encode(text),
    decoded = t:decode(ids, { skip_special_tokens = false }), skipped = t:decode(ids) }
end
formats.save_json_lines(arg[3], rows)
"""
POOLS = ["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789²½Ⅷ①٣", " \t\n\r\u00a0\u3000\u2028\u0085\u000b",
         ".,;:!?'\"()-_/\\&#@$%^*+=<>[]{}|~`“”‘’…—", "\u0300\u0301\u0302\u0308\u0327\u0328\u0345\u093f\u094d\u0e33\u0e48\u3099\u200d\ufe0f\u20e3",
         "àéîöüñçßÉŁøŒ", "абвгдеёжзийАБВ", "αβγδΑΒΓάς", "你好世界漢字", "こんにちはカタカナがプ", "한국어각\u1100\u1161\u11a8", "สวัสดีกำ", "नमस्तेक्षि", "مرحباשלום",
         "😀👍🏽👩‍👧🇩🇪❤", "\u0000\u0001\u001f\u007f\u200b\u200c\ufeff\ufffd\u00ad\u2581", "ﬁﬀ№℃ＡＢ１𝒜𝟙ſıİŉǅΩK"]


def drawn(generator, tokens):
    text = ""
    for _ in range(generator.randrange(12)):
        kind = generator.randrange(10)
        if kind < 6:
            pool = generator.choice(POOLS)
            text += "".join(generator.choice(pool) for _ in range(generator.randrange(1, 8)))
        elif kind < 7:
            text += generator.choice([" ", "  ", "\n", "'s", "'LL", "\r\n", "'ſ"])
        elif kind < 8 and tokens:
            text += generator.choice(tokens)
        elif kind < 9:
            value = generator.randrange(0x110000)
            text += "" if 0xD800 <= value < 0xE000 else chr(value)
        else:
            text += generator.choice(POOLS[0] + POOLS[2]) * generator.randrange(1, 60)
    return text


def compare(path, count):
    value = json.loads(pathlib.Path(path).read_text())
    value = value.get("file", value)
    value["truncation"] = None
    generator = random.Random(f"{pathlib.Path(path).stem} {count}")
    tokens = [token["content"] for token in value["added_tokens"]][:40]
    texts = [drawn(generator, tokens) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tokenizer.json").write_text(json.dumps(value))
        (folder / "texts.json").write_text(json.dumps(texts))
        (folder / "run.lua").write_text(SCRIPT)
        subprocess.run([ROOT / "bin/perilune", folder / "run.lua", folder, folder / "texts.json", folder / "rows.jsonl"], check=True)
        rows = [json.loads(line) for line in (folder / "rows.jsonl").open(encoding="utf-8")]
    tokenizer = Tokenizer.from_str(json.dumps(value))
    different = 0
    for text, row in zip(texts, rows, strict=True):
        ids = tokenizer.encode(text).ids
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        split = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = False
        wanted = {"ids": ids, "plain": plain, "split": split, "decoded": tokenizer.decode(ids, skip_special_tokens=False), "skipped": tokenizer.decode(ids)}
        if wanted != row:
            different += 1
            if different <= 3:
                print(f"  {text!r}", *(f"    {key}: {wanted[key]!r}, here {row[key]!r}" for key in wanted if wanted[key] != row[key]), sep="\n")
    print(f"{pathlib.Path(path).stem}: {count - different} of {count} equal (tokenizers {__version__})")
    return different


if __name__ == "__main__":
    sys.exit(min(1, sum(compare(path, int(sys.argv[1])) for path in sys.argv[2:])))
