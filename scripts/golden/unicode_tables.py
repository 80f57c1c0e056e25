"""Writes the Unicode tables of the tokenizers from what `tokenizers` does with every character.

    pip install tokenizers==0.23.3
    python3 scripts/golden/unicode_tables.py

Sources/Formats/Tokenizers/Unicode/NormalizationData.swift and ScriptData.swift are its output. The combining
classes are not in it: Swift's own tables have them, and they never change.
"""

import pathlib

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

FOLDER = pathlib.Path(__file__).parents[2] / "Sources/Formats/Tokenizers/Unicode"
SCALARS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
SCRIPTS = """Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Hangul Han Hebrew Hiragana Katakana Khmer
Lao Latin Myanmar Tamil Thai""".split()


def base36(number):
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number or not text:
        text = digits[number % 36] + text
        number //= 36
    return text


def wrapped(entries):
    lines, line = [], ""
    for entry in entries:
        if len(line) + len(entry) + 1 > 96:
            lines.append(line)
            line = ""
        line += (" " if line else "") + entry
    return "\n".join("    " + line for line in [*lines, line])


def entries(table):
    last = 0
    for key in sorted(table):
        yield ".".join(base36(n) for n in [key - last, *table[key]])
        last = key


def changes(form):
    found = {}
    for scalar in SCALARS:
        text = form.normalize_str(scalar)
        if text != scalar and not 0xAC00 <= ord(scalar) <= 0xD7A3:
            found[ord(scalar)] = [ord(c) for c in text]
    return found


def main():
    nfc, nfd, nfkd = normalizers.NFC(), normalizers.NFD(), normalizers.NFKD()
    canonical = changes(nfd)
    compatible = {key: value for key, value in changes(nfkd).items() if canonical.get(key) != value}
    compositions = {}
    for key, parts in canonical.items():
        if len(parts) < 2 or nfc.normalize_str(chr(key)) != chr(key):
            continue
        first = nfc.normalize_str("".join(map(chr, parts[:-1])))
        if len(first) == 1 and nfc.normalize_str(first + chr(parts[-1])) == chr(key):
            compositions[key] = [ord(first), parts[-1]]
    head = f"// Written by scripts/golden/unicode_tables.py from tokenizers {tokenizers.__version__}.\n\n"
    with open(FOLDER / "NormalizationData.swift", "w") as out:
        out.write(head)
        out.write("/// Decompositions and compositions: distance to the last key, then scalars, in base 36.\n")
        out.write("enum NormalizationData {\n")
        tables = {"canonical": canonical, "compatible": compatible, "compositions": compositions}
        out.write("\n\n".join(
            f'  static let {name} = """\n{wrapped(entries(table))}\n    """' for name, table in tables.items()))
        out.write("\n}\n")
    with open(FOLDER / "ScriptData.swift", "w") as out:
        out.write(head)
        out.write("/// The scripts that `\\p{...}` knows, as ranges of scalars.\n")
        out.write("enum Scripts {\n  static let ranges: [String: [ClosedRange<UInt32>]] = [\n")
        for name in SCRIPTS:
            splitter = pre_tokenizers.Split(Regex(r"\p{%s}" % name), "removed")
            ranges = []
            for value in (ord(c) for c in SCALARS if not splitter.pre_tokenize_str(c)):
                if ranges and ranges[-1][1] == value - 1:
                    ranges[-1][1] = value
                else:
                    ranges.append([value, value])
            items, line = [], "     "
            for low, high in ranges:
                item = f" 0x{low:X}...0x{high:X},"
                if len(line) + len(item) > 108:
                    items.append(line)
                    line = "     "
                line += item
            out.write(f'    "{name}": [\n' + "\n".join([*items, line]) + "\n    ],\n")
        out.write("  ]\n}\n")


main()
