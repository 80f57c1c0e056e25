"""Encoding and decoding of one text here and by `tokenizers`, one thread each, in MB of text a second of CPU time.

    pip install tokenizers==0.23.3
    python scripts/bench/peers/tokenizer.py TEXT TOKENIZER.json...

The best of three times, after the tokenizer is loaded; the ids must be equal. A text of 5 MB is drawn from TEXT, which is
read again from the start where it is shorter.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer, __version__  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = """
local tok = require "perilune.tokenizer".load(arg[1])
local text = io.open(arg[2], "rb"):read "a"
local function best(body)
  local least = math.huge
  for _ = 1, 3 do
    local start = os.clock()
    body()
    least = math.min(least, os.clock() - start)
  end
  return #text / 1e6 / least
end
local ids
local encode = best(function() ids = tok:encode(text, { split_special_tokens = false }) end)
local decode = best(function() tok:decode(ids) end)
print(require "perilune.formats".json_encode { ids = ids, encode = encode, decode = decode })
"""
BYTES = 5_000_000


def best(size, body):
    least = float("inf")
    for _ in range(3):
        start = time.process_time()
        body()
        least = min(least, time.process_time() - start)
    return size / 1e6 / least


def main():
    raw = pathlib.Path(sys.argv[1]).read_bytes()
    text = (raw * (BYTES // len(raw) + 1))[:BYTES].decode(errors="ignore")
    size = len(text.encode())
    for path in sys.argv[2:]:
        value = json.loads(pathlib.Path(path).read_text())
        value["truncation"] = None
        tokenizer = Tokenizer.from_str(json.dumps(value))
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "text").write_bytes(text.encode())
            (folder / "run.lua").write_text(SCRIPT)
            here = json.loads(subprocess.run([ROOT / "bin/perilune", folder / "run.lua", path, folder / "text"], check=True,
                                             capture_output=True, text=True).stdout)
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == here["ids"], path
        peer = {"encode": best(size, lambda: tokenizer.encode(text, add_special_tokens=False)),
                "decode": best(size, lambda: tokenizer.decode(ids))}
        print(f"{path}: {size / 1e6:.1f} MB, {len(ids)} ids", *(f"{what} {here[what]:.1f} here, {peer[what]:.1f} tokenizers {__version__}" for what in peer), sep="; ")


main()
