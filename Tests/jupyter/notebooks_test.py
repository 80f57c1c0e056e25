"""Notebooks executed by nbclient, nbconvert and papermill."""

import os
import subprocess
import tempfile
import unittest

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = os.environ["PERILUNE_ROOT"]
KERNEL = {"kernelspec": {"name": "perilune", "display_name": "Perilune (Lua 5.4)", "language": "lua"},
          "language_info": {"name": "lua"}}


def notebook(*cells, tags=()):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=KERNEL)
    for i in tags:
        made.cells[i].metadata["tags"] = ["parameters"]
    return made


# The gap experiment in a short form: its script, and its run step by step.
GAP = (
    f"-- the experiment as it stands\narg = {{ [0] = 'gap.lua', '--smoke' }}\ndofile '{ROOT}/scripts/experiments/gap.lua'",
    "task = tasks.sentiment()\nsft = align.sft(task, { steps = 20 })\ngold = align.judge.gold(task)",
    "draw = { task = task, judge = gold, prompts = task:prompts('train', 64) }\n"
    "run = align.train { policy = sft:clone(), reference = sft, source = align.sources.online(draw),\n"
    "  loss = align.loss.ipo { beta = 0.1 }, steps = 5 }",
    "plot.line { y = { run.log[1].loss, run.log[#run.log].loss }, title = 'loss' }",
    "display.table(run.log, { columns = { 'step', 'loss' } })",
)


class NotebookTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, made):
        nbformat.write(made, self.path(name))
        return self.path(name)

    def command(self, *words):
        return subprocess.run(words, capture_output=True, text=True, timeout=600, cwd=self.folder)

    def check_gap(self, done):
        nbformat.validate(done)
        outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
        self.assertFalse([o for o in outputs if o.output_type == "error"])
        results = [c.outputs[-1] for c in done.cells if c.cell_type == "code" and "plot.line" in c.source]
        self.assertIn("<svg", results[0]["data"]["image/svg+xml"])
        charts = [o["data"]["text/html"] for o in outputs if "perilune-progress" in str(o.get("data", {}).get("text/html"))]
        self.assertTrue(any(c.count("<svg") == 2 for c in charts), "a chart of loss and one of margin")
        table = done.cells[-1].outputs[-1]["data"]["text/html"]
        self.assertIn("<table", table)

    def test_nbclient_executes_the_gap_experiment(self):
        made = notebook(*GAP)
        NotebookClient(made, timeout=600, kernel_name="perilune", resources={"metadata": {"path": self.folder}}).execute()
        self.check_gap(made)
        self.assertEqual([c.execution_count for c in made.cells], [1, 2, 3, 4, 5])

    def test_nbconvert_executes_it_and_makes_pages(self):
        path = self.write("gap.ipynb", notebook(*GAP))
        ended = self.command("jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", path)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.check_gap(nbformat.read(path, 4))
        for form, words in (("html", "<svg"), ("markdown", "align.train"), ("script", "align.train")):
            ended = self.command("jupyter", "nbconvert", "--to", form, path)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            name = self.path({"html": "gap.html", "markdown": "gap.md", "script": "gap.lua"}[form])
            with open(name, encoding="utf-8") as file:
                self.assertIn(words, file.read())

    def test_a_cell_that_fails_stops_the_notebook(self):
        made = notebook("x = 1", "error 'stop here'", "x = 2")
        client = NotebookClient(made, timeout=60, kernel_name="perilune")
        with self.assertRaises(CellExecutionError) as raised:
            client.execute()
        self.assertIn("In[2]:1: stop here", str(raised.exception))
        self.assertIsNone(made.cells[2].execution_count)
        made = notebook("error 'a'", "'reached'")
        NotebookClient(made, timeout=60, kernel_name="perilune", allow_errors=True).execute()
        self.assertEqual(made.cells[1].outputs[0]["data"]["text/plain"], "reached")

    def test_a_cell_that_takes_too_long_is_interrupted(self):
        made = notebook("while true do end", "'after'")
        client = NotebookClient(made, timeout=2, interrupt_on_timeout=True, allow_errors=True, kernel_name="perilune")
        client.execute()
        self.assertEqual(made.cells[0].outputs[0].ename, "KeyboardInterrupt")
        self.assertEqual(made.cells[1].outputs[0]["data"]["text/plain"], "after")

    def test_papermill_sets_parameters(self):
        path = self.write(
            "in.ipynb",
            notebook(
                "-- the defaults\nlocal seed = 1\nlocal name = 'none' -- who\nlocal list = {}",
                "local r = ('%d %s %s %s %s %s'):format(seed, name, list[2], sizes.a, flag, missing)\nr, math.type(seed)",
                tags=[0],
            ),
        )
        parameters = self.path("parameters.yaml")
        with open(parameters, "w", encoding="utf-8") as file:
            file.write('name: "quote \\" \\\\ \\n ä"\nlist: [1, 2.5]\nsizes: {a: 7, "b c": 1}\nflag: true\nmissing: null\n')
        out = self.path("out.ipynb")
        ended = self.command("papermill", path, out, "-k", "perilune", "-p", "seed", "3", "-f", parameters)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        done = nbformat.read(out, 4)
        self.assertEqual(done.cells[1].metadata.tags, ["injected-parameters"])
        self.assertTrue(done.cells[1].source.startswith("-- Parameters\n"), done.cells[1].source)
        self.assertEqual(
            done.cells[2].outputs[0]["data"]["text/plain"], '3 quote " \\ \n ä 2.5 7 true nil'
        )
        self.assertEqual(done.cells[2].outputs[1]["data"]["text/plain"], "integer")
        listed = self.command("papermill", "--help-notebook", path)
        self.assertIn("seed: Unknown type (default 1)", listed.stdout)

    def test_papermill_runs_the_gap_experiment(self):
        cells = list(GAP)
        cells.insert(0, "seed = 1\nsteps = 5")
        cells[3] = cells[3].replace("steps = 5", "steps = steps, seed = seed")
        path, out = self.write("in.ipynb", notebook(*cells, tags=[0])), self.path("out.ipynb")
        ended = self.command("papermill", path, out, "-k", "perilune", "-p", "seed", "3", "-p", "steps", "4")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        done = nbformat.read(out, 4)
        self.check_gap(done)
        self.assertIn("seed = 3\nsteps = 4", done.cells[1].source)
