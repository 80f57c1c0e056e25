"""JupyterLab and the classic page in a headless browser: cells, charts, interrupts, completion.

The screenshots are in out/jupyter.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

import nbformat
from notebooks_test import notebook
from playwright.sync_api import sync_playwright

OUT = os.environ["PERILUNE_TEST_OUT"]
CHROMIUM = shutil.which("chromium")

PREPARE = (
    "task = tasks.sentiment()\nsft = align.sft(task, { steps = 20, quiet = true })\ngold = align.judge.gold(task)\n"
    "draw = { task = task, judge = gold, prompts = task:prompts('train', 64) }"
)
TRAIN = (
    "run = align.train { policy = sft:clone(), reference = sft, source = align.sources.online(draw),\n"
    "  loss = align.loss.ipo { beta = 0.1 }, steps = 100000 }"
)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Page:
    """A server of the given kind, and a page of it in the browser."""

    def __init__(self, kind, case):
        self.folder = tempfile.mkdtemp()
        port = free_port()
        self.server = subprocess.Popen(
            ["jupyter", kind, "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1",
             "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={self.folder}"],
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(OUT, f"{kind}.log"), "wb"), start_new_session=True,
        )
        case.addCleanup(self.server.wait)
        case.addCleanup(self.server.terminate)
        self.url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(self.url + "/api", timeout=5)
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    def write(self, name, *cells):
        nbformat.write(notebook(*cells), os.path.join(self.folder, name))


@unittest.skipUnless(CHROMIUM, "Debian's chromium is not installed: apt-get install chromium")
class BrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()

    def open(self, url):
        page = self.browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(60000)
        page.goto(url)
        self.addCleanup(page.close)
        self.page = page
        return page

    def until(self, condition, what, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            self.page.wait_for_timeout(200)
        self.page.screenshot(path=os.path.join(OUT, "failed.png"))
        self.fail(what)

    def chart_grows(self, outputs):
        """The charts of loss and margin are there, and their curves become longer."""
        def charts():
            return outputs.locator(".perilune-progress svg")

        self.until(lambda: charts().count() == 2, "two charts")
        titles = " ".join(charts().all_text_contents())
        self.assertIn("loss", titles)
        self.assertIn("margin", titles)
        first = charts().first.inner_html()
        self.until(lambda: charts().count() == 2 and len(charts().first.inner_html()) > len(first), "the chart grows")
        self.assertEqual(outputs.locator(".perilune-progress pre").count(), 1, "one line, replaced")
        box = charts().first.bounding_box()
        self.assertGreater(box["width"], 200)
        self.assertGreater(box["height"], 100)

    def test_jupyterlab(self):
        lab = Page("lab", self)
        lab.write("run.ipynb", "6 * 7", PREPARE, TRAIN, "run.status, run.step > 0", "display(plot.line { y = {1, 4, 2} })", "string.re")
        page = self.open(lab.url + "/lab/tree/run.ipynb")
        cells = page.locator(".jp-Notebook .jp-CodeCell")
        page.locator(".jp-Notebook").wait_for()
        self.until(lambda: page.get_by_text("Perilune (Lua 5.4)").count() > 0, "the name of the kernel")
        self.until(lambda: page.get_by_text("Perilune (Lua 5.4) | Idle").count() > 0, "an idle kernel")
        news = page.get_by_role("button", name="No", exact=True)
        if news.count() > 0:
            news.click()
        cells.nth(0).locator(".cm-content").click()
        for _ in range(3):
            page.keyboard.press("Shift+Enter")
        self.until(lambda: "42" in cells.nth(0).locator(".jp-OutputArea").inner_text(), "the result 42")
        self.chart_grows(cells.nth(2))
        page.screenshot(path=os.path.join(OUT, "lab-training.png"))
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_text("Interrupt Kernel").first.click()
        self.until(lambda: cells.nth(2).locator(".jp-InputPrompt").inner_text().strip() == "[3]:", "the end of the training", 30)
        self.assertEqual(cells.nth(2).locator(".perilune-progress svg").count(), 2, "the chart stays")
        cells.nth(3).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        self.until(lambda: "interrupted" in cells.nth(3).inner_text(), "the finished steps are kept")
        self.assertIn("true", cells.nth(3).inner_text())
        page.keyboard.press("Shift+Enter")
        picture = cells.nth(4).locator(".jp-OutputArea-output svg, .jp-RenderedSVG img")
        self.until(lambda: picture.count() > 0, "a picture")
        self.assertGreater(picture.first.bounding_box()["width"], 200)
        cells.nth(5).locator(".cm-content").click()
        page.keyboard.press("End")
        page.keyboard.press("Tab")
        self.until(lambda: page.locator(".jp-Completer-item").count() >= 2, "completions")
        texts = " ".join(page.locator(".jp-Completer-item").all_inner_texts())
        self.assertIn("rep", texts)
        self.assertIn("reverse", texts)
        page.screenshot(path=os.path.join(OUT, "lab-completion.png"))

    def test_the_classic_page(self):
        classic = Page("nbclassic", self)
        classic.write("run.ipynb", "6 * 7", PREPARE, TRAIN, "run.status")
        page = self.open(classic.url + "/notebooks/run.ipynb")
        if page.locator("#notebook").count() == 0:
            page = self.open(classic.url + "/nbclassic/notebooks/run.ipynb")
        cells = page.locator("div.code_cell")
        self.until(lambda: cells.count() == 4, "the notebook")
        self.until(lambda: page.locator("#kernel_indicator_icon.kernel_idle_icon").count() > 0, "an idle kernel")
        cells.nth(0).locator(".CodeMirror").click()
        for _ in range(3):
            page.keyboard.press("Shift+Enter")
        self.until(lambda: "42" in cells.nth(0).locator(".output").inner_text(), "the result 42")
        self.chart_grows(cells.nth(2))
        page.screenshot(path=os.path.join(OUT, "classic-training.png"))
        page.keyboard.press("Escape")
        page.locator("#interrupt, button[title*='interrupt']").first.click()
        cells.nth(3).locator(".CodeMirror").click()
        page.keyboard.press("Shift+Enter")
        self.until(lambda: "interrupted" in cells.nth(3).locator(".output").inner_text(), "the status", 30)
        self.assertEqual(cells.nth(2).locator(".perilune-progress svg").count(), 2)
        page.screenshot(path=os.path.join(OUT, "classic-interrupted.png"))
