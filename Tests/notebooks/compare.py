"""Compares Perilune's notebooks with jupytext, nbformat and html5lib; called by Tests/notebooks/run."""
import json
import pathlib
import random
import re
import subprocess
import sys

import html5lib
import jupytext
import nbformat

root, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
program = root / "bin" / "perilune"
counts = {True: 0, False: 0}


def check(name, ok, text=""):
    counts[bool(ok)] += 1
    if not ok:
        print(f"FAILED: {name}: {text[-600:]}")


def perilune(*words):
    done = subprocess.run([program, *map(str, words)], cwd=work, capture_output=True)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def cells(notebook):
    """What must agree: kind, text and metadata, without what is kept for the way back."""
    return [
        (c["cell_type"], c["source"], {k: v for k, v in c["metadata"].items() if k != "perilune"})
        for c in notebook["cells"]
    ]


def body(text):
    """The script below its header, which names the version of the tool."""
    lines = text.split("\n")
    ends = [i for i, line in enumerate(lines) if line == "-- ---"]
    return "\n".join(lines[ends[1] + 1:] if len(ends) > 1 else lines).strip("\n")


LINES = [
    "", "", "x = 1", "print(x)", "  y = 2", "-- a comment", "-- %time f()", "local t = {", "  1,", "}", "s = 'é'",
    "-- %% ", "-- %% [markdown]", "-- # Title", "-- %% A title n=1", '-- %% tags=["parameters", "b"]', "--",
    "--%% [raw]", '-- %% [markdown] a="x y" b=[1, 2.5] c=null', "-- %%%% deeper", "-- %% a=true b={\"c\": 1}",
]


def random_script(seed):
    draw = random.Random(seed)
    lines = LINES if seed % 4 == 0 else [line for line in LINES if line.strip() not in ("local t = {", "1,", "}")]
    return "\n".join(draw.choice(lines) for _ in range(draw.randint(1, 16))) + "\n"


def has_table_over_cells(text):
    """A marker inside brackets begins a cell for jupytext only: a difference that is wanted."""
    depth = 0
    for line in text.split("\n"):
        depth += line.count("{") - line.count("}") if not line.strip().startswith("--") else 0
        if depth > 0 and line.strip().startswith(("-- %%", "--%%")):
            return True
    return False


def is_held(script, notebook):
    """A cell that is no Lua is a comment in a script, line by line, with "%line" before what jupytext reads."""
    read = [(c["cell_type"], re.sub("^%line ?", "", c["source"], flags=re.M))
            for c in jupytext.reads(script, "lua:percent")["cells"]]
    return read == [(c["cell_type"], c["source"]) for c in nbformat.read(notebook, 4)["cells"]]


def compare_scripts():
    texts = [p.read_text() for p in sorted((root / "Tests/Golden/notebooks").glob("*.lua"))]
    texts.append((root / "scripts/tour.lua").read_text())
    texts += [t for t in map(random_script, range(400)) if not has_table_over_cells(t)]
    folder = work / "scripts"
    folder.mkdir()
    for i, text in enumerate(texts):
        (folder / f"{i}.lua").write_text(text)
    # One process converts them all: most of a conversion is the start of the program.
    code = 'local c = require "perilune.notebook.convert" for i = 0, %d do c.files { "scripts/" .. i .. ".lua", ' \
        '"scripts/" .. i .. ".ipynb" } c.files { "scripts/" .. i .. ".ipynb", "scripts/" .. i .. ".back.lua" } end'
    status, _, errors = perilune("-e", code % (len(texts) - 1))
    check("all scripts are converted", status == 0, errors)
    read = written = same = valid = 0
    for i, text in enumerate(texts):
        ours = nbformat.read(folder / f"{i}.ipynb", 4)
        nbformat.validate(ours)
        valid += 1
        theirs = jupytext.reads(text, "lua:percent")
        if cells(ours) == cells(theirs):
            read += 1
        else:
            print("FAILED: read", repr(text), cells(ours), cells(theirs), sep="\n  ")
        same += (folder / f"{i}.back.lua").read_text() == text
        # What jupytext makes a script of, from its own reading, is what Perilune makes of it.
        theirs.metadata["kernelspec"] = {"display_name": "Perilune", "language": "lua", "name": "perilune"}
        theirs.metadata["jupytext"].pop("notebook_metadata_filter", None)
        theirs.metadata["jupytext"].pop("cell_metadata_filter", None)
        nbformat.write(theirs, folder / f"{i}.theirs.ipynb")
    code = 'local c = require "perilune.notebook.convert" for i = 0, %d do c.files { "scripts/" .. i .. ' \
        '".theirs.ipynb", "scripts/" .. i .. ".ours.lua" } end'
    status, _, errors = perilune("-e", code % (len(texts) - 1))
    check("all notebooks are converted", status == 0, errors)
    for i in range(len(texts)):
        theirs = jupytext.writes(nbformat.read(folder / f"{i}.theirs.ipynb", 4), "lua:percent")
        ours = (folder / f"{i}.ours.lua").read_text()
        if body(ours) == body(theirs) or "-- %line" in ours and is_held(ours, folder / f"{i}.theirs.ipynb"):
            written += 1
        else:
            print("FAILED: written", repr(ours), repr(theirs), sep="\n  ")
    for name, count in [("read", read), ("written", written), ("back", same), ("valid", valid)]:
        check(f"{name}: {count} of {len(texts)}", count == len(texts))


REPORT = """-- %% [markdown]
-- # A <title> & "more"
--
-- | a | b |
-- |---|---|
-- | 1 | <b>2</b> |

-- %% Shows tags=["hide-input"]
local perilune = require "perilune"
local display = perilune.display
print("<script>", "\\0\\xff")
io.stderr:write "two\\n"
display(perilune.plot.line { y = { 1, 2 }, title = "a < b" })
display(perilune.T.ones(2, 2), { as = "heatmap" })
display({ { run = "a", kl = 1.5 } })
display(display.markdown "**bold**")
-- %%
error "no <good>"
"""


def check_reports():
    (work / "report.lua").write_text(REPORT)
    status, _, errors = perilune("--report", "r.html", "--report", "r.ipynb", "--report", "r.md", "report.lua")
    check("an error is status 1", status == 1, errors)
    notebook = nbformat.read(work / "r.ipynb", 4)
    nbformat.validate(notebook)
    kinds = [o["output_type"] for c in notebook.cells for o in c.get("outputs", [])]
    check("outputs of the notebook", kinds == ["stream"] * 2 + ["display_data"] * 4 + ["error"], str(kinds))
    check("ids of the cells", len({c["id"] for c in notebook.cells}) == len(notebook.cells))
    parser = html5lib.HTMLParser(strict=False)
    tree = parser.parse((work / "r.html").read_text())
    check("the page is well formed", not parser.errors, str(parser.errors))
    names = [element.tag.split("}")[-1] for element in tree.iter() if isinstance(element.tag, str)]
    check("nothing is injected", names.count("script") == 2 and names.count("svg") == 2, str(names))
    check("nothing is loaded", not any(
        element.get("src", "data:").split(":")[0] in ("http", "https") or element.tag.endswith("link")
        for element in tree.iter() if isinstance(element.tag, str)))
    check("the Markdown has its figures", (work / "r_files").is_dir() and "r_files/" in (work / "r.md").read_text())


def check_execution():
    """A notebook that nbformat wrote runs, and its result is a valid notebook."""
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_markdown_cell("# T"),
        nbformat.v4.new_code_cell("local x = 20", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("local y = x + 1\ny * 2"),
    ])
    nbformat.write(notebook, work / "n.ipynb")
    status, _, errors = perilune("--param", "x=4", "--report", "done.ipynb", "n.ipynb")
    check("a notebook runs", status == 0, errors)
    done = nbformat.read(work / "done.ipynb", 4)
    nbformat.validate(done)
    check("its result is shown", done.cells[2].outputs[0]["data"]["text/plain"] == "10", json.dumps(done.cells[2]))
    check("its ids stay", [c.id for c in done.cells] == [c.id for c in notebook.cells])


compare_scripts()
check_reports()
check_execution()
print(f"{counts[True]} passed, {counts[False]} failed")
sys.exit(1 if counts[False] else 0)
