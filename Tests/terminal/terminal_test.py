"""Figures, live figures and explore on pseudo-terminals. The last line is "N passed, N failed"."""
import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
import termios
import time
import traceback

from fake_terminal import Fake, plain
from PIL import Image, ImageChops, ImageStat

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PERILUNE = os.path.join(ROOT, "bin/perilune")
WORK = tempfile.mkdtemp()
FIGURE = "require'perilune.plot'.line{y={1,2,4},title='gap'}"
tests = []


def test(f):
    tests.append(f)
    return f


def prompt(kind, **more):
    env = {"HOME": WORK, **more.pop("env", {})}
    terminal = Fake([PERILUNE, "--no-init"], kind, env=env, **more)
    terminal.wait(b"> ")
    return terminal


def script(text, kind="plain", **more):
    path = os.path.join(WORK, f"{len(os.listdir(WORK))}.lua")
    with open(path, "w") as file:
        file.write(text)
    return Fake([PERILUNE, path], kind, **more)


def run(text, env=None):
    """The output of a line of Lua into a pipe."""
    return subprocess.run([PERILUNE, "-e", text], capture_output=True, env={**os.environ, **(env or {})}).stdout


def finish(terminal):
    """After an input the prompt still works, and nothing that was answered stands in it."""
    seen = terminal.wait(b"> ")
    terminal.type(b"20+22\r")
    seen = terminal.wait(b"42")
    assert b"OK" not in plain(seen) and b";22" not in plain(seen) and b"62;" not in plain(seen), seen
    terminal.wait(b"> ")  # before, the terminal itself would take the key
    terminal.type(b"\x04")
    assert terminal.end() == 0


def png_of_kitty(data):
    chunks = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", data)
    chunks = [(keys, body) for keys, body in chunks if b"a=q" not in keys]
    assert all(len(body) <= 4096 for _, body in chunks)
    assert [b"m=1" in keys for keys, _ in chunks] == [True] * (len(chunks) - 1) + [False], chunks
    assert b"q=2" in chunks[0][0] and b"f=100" in chunks[0][0]
    return base64.b64decode(b"".join(body for _, body in chunks))


def saved(data, name):
    path = os.path.join(WORK, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


@test
def kitty_gets_a_png_in_chunks():
    terminal = prompt("kitty")
    terminal.type(FIGURE.encode() + b"\r")
    seen = terminal.wait(b"m=0;") + terminal.wait(b"\x1b8")
    picture = Image.open(saved(png_of_kitty(seen), "kitty.png"))
    keys = dict(key.split(b"=") for key in re.search(rb"_G(a=T[^;]*)", seen).group(1).split(b","))
    # A cell of 10 x 20 pixels: the picture fills its cells.
    assert picture.size == (int(keys[b"c"]) * 10, int(keys[b"r"]) * 20), (picture.size, keys)
    finish(terminal)


@test
def iterm_gets_a_file_inline():
    terminal = prompt("iterm")
    terminal.type(FIGURE.encode() + b"\r")
    seen = terminal.wait(b"\x07") + terminal.wait(b"\x1b8")
    head, body = re.search(rb"\x1b\]1337;File=([^:]*):([^\x07]*)\x07", seen).groups()
    data = base64.b64decode(body)
    assert b"inline=1" in head and f"size={len(data)}".encode() in head
    assert Image.open(saved(data, "iterm.png")).format == "PNG"
    finish(terminal)


@test
def iterm_is_known_by_its_name_but_not_within_tmux():
    for env, sign in (({}, b"]1337;File="), ({"TMUX": "/tmp/x,1,0"}, "┤".encode())):
        terminal = script(FIGURE + ":show()", "plain", env={"TERM_PROGRAM": "iTerm.app", **env})
        terminal.wait(sign)
        assert terminal.end() == 0


@test
def sixels_decode_to_the_png():
    terminal = prompt("sixel")
    terminal.type(FIGURE.encode() + b"\r")
    seen = terminal.wait(b"\x1b8")
    sixels = saved(re.search(rb"\x1bP0;1;0q.*?\x1b\\", seen, re.S).group(0), "a.six")
    decoded = os.path.join(WORK, "six.png")
    subprocess.run(["sixel2png", "-i", sixels, "-o", decoded], check=True)
    got = Image.open(decoded).convert("RGB")
    path = os.path.join(WORK, "same.png")
    run(f"local f = {FIGURE} f:size({got.width}, {got.height}) f:save '{path}'")
    difference = ImageChops.difference(got, Image.open(path).convert("RGB"))
    assert max(high for _, high in difference.getextrema()) <= 4, difference.getextrema()
    finish(terminal)


@test
def many_colours_are_reduced():
    for kind, size in (("heatmap", 40), ("heatmap", 3)):
        text = f"""local rows = {{}} for i = 1, {size} do rows[i] = {{}} for k = 1, {size} do rows[i][k] = i * k end end
        io.write((require'perilune.plot'.heatmap {{ matrix = rows }}:escape {{ by = 'sixel' }}))"""
        sixels = saved(re.search(rb"\x1bP.*\x1b\\", run(text), re.S).group(0), f"{size}.six")
        decoded = os.path.join(WORK, "map.png")
        subprocess.run(["sixel2png", "-i", sixels, "-o", decoded], check=True)
        got = Image.open(decoded).convert("RGB")
        assert len(got.getcolors(1 << 20)) <= 256
        path = os.path.join(WORK, "map2.png")
        run(text.replace("io.write((", "").replace(":escape { by = 'sixel' }))", f":size({got.width}, {got.height}):save '{path}'"))
        mean = ImageStat.Stat(ImageChops.difference(got, Image.open(path).convert("RGB"))).mean
        assert max(mean) < 1, mean


@test
def a_plain_terminal_gets_braille_and_letters_without_utf8():
    for locale, sign in (("C.UTF-8", "┤".encode()), ("C", b"4 +")):
        terminal = prompt("plain", env={"LC_ALL": locale})
        terminal.type(FIGURE.encode() + b"\r")
        seen = terminal.wait(sign)
        assert b"\x1bP" not in seen and b"a=T" not in seen
        finish(terminal)


@test
def keys_typed_meanwhile_are_not_lost():
    terminal = prompt("kitty", keys_first=b"'typed' .. 1\r")
    terminal.type(FIGURE.encode() + b"\r")
    terminal.wait(b"\x1b8")
    terminal.wait(b"typed1")
    finish(terminal)


@test
def keys_typed_by_a_reader_of_lines_are_not_lost():
    terminal = script(FIGURE + ":show() print('<' .. io.read() .. '>')", "sixel", keys_first=b"early ")
    terminal.wait(b"\x1b8")
    terminal.type(b"late\n")
    terminal.wait(b"<early late>")
    assert terminal.end() == 0


@test
def a_late_answer_does_not_reach_the_line():
    terminal = prompt("silent")
    terminal.type(FIGURE.encode() + b"\r")
    start = time.time()
    terminal.wait("┤".encode())
    assert time.time() - start < 5
    terminal.wait(b"> ")
    terminal.type(b"1\x1b_Gi=31;OK\x1b\\\x1b[?62;4;22c")
    terminal.pause(0.3)
    terminal.type(b"0 + 5\r")
    terminal.wait(b"15")
    finish(terminal)


@test
def escape_keys_work_while_an_answer_is_awaited():
    terminal = prompt("silent")
    terminal.type(FIGURE.encode() + b"\r")
    terminal.wait("┤".encode())
    terminal.wait(b"> ")
    terminal.type(b"1 + 1\x1b[D2\r")
    terminal.wait(b"22")
    finish(terminal)


@test
def what_is_asked_for_is_drawn_and_a_pipe_gets_text():
    for env in ("kitty", "sixel", "iterm", "auto", "braille", "letters"):
        out = run(FIGURE + ":show()", {"PERILUNE_GRAPHICS": env, "LC_ALL": "C.UTF-8"})
        assert b"\x1b" not in out, env
        assert (b"\xe2" in out) == (env != "letters"), env
    terminal = script(f"require'perilune.plot'.terminal = 'sixel' {FIGURE}:show()", "plain")
    terminal.wait(b"\x1bP0;1;0q")
    assert terminal.end() == 0
    terminal = script(FIGURE + ":show()", "kitty", env={"PERILUNE_GRAPHICS": "letters"})
    terminal.wait(b"+")
    assert terminal.end() == 0 and terminal.asked == 0
    bad = subprocess.run([PERILUNE, "-e", FIGURE + ":show()"], capture_output=True,
                         env={**os.environ, "PERILUNE_GRAPHICS": "vt52"})
    assert b"PERILUNE_GRAPHICS must be one of" in bad.stderr and bad.returncode == 1, bad


@test
def nothing_is_asked_of_a_dumb_terminal():
    terminal = script(FIGURE + ":show()", "kitty", env={"TERM": "dumb"})
    terminal.wait("┤".encode())
    assert terminal.end() == 0 and terminal.asked == 0


@test
def a_picture_fits_a_small_terminal():
    terminal = script(FIGURE + ":show()", "kitty", columns=30, rows=12)
    seen = terminal.wait(b"\x1b8")
    columns, rows = map(int, re.search(rb"c=(\d+),r=(\d+)", seen).groups())
    assert columns <= 30 and rows <= 10
    assert terminal.end() == 0
    terminal = script(FIGURE + ":show()", "kitty", columns=12, rows=5)  # too small for a picture
    terminal.wait("┤".encode())
    assert terminal.end() == 0


def screen_of(data, columns, rows):
    """What a terminal shows after `data`: the few sequences that live figures use."""
    lines, y, x = [""], 0, 0
    for piece in re.findall(rb"\x1b\[\??[\d;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", data):
        if piece == b"\r":
            x = 0
        elif piece == b"\n":
            y += 1
            while len(lines) <= y:
                lines.append("")
        elif piece[-1:] == b"A" and piece[:2] == b"\x1b[":
            y = max(0, y - int(piece[2:-1] or 1))
        elif piece == b"\x1b[J":
            lines[y:] = [lines[y][:x]]
        elif piece[:1] != b"\x1b":
            text = piece.decode()
            lines[y] = lines[y].ljust(x)[:x] + text + lines[y][x + len(text):]
            x += len(text)
    return lines


LIVE = """local live <close> = require'perilune.plot'.live { title = 'live', every = 0 }
for step = 1, 30 do live:add(step, { loss = 1 / step }) %s end
"""


@test
def a_live_figure_stays_in_its_place():
    terminal = script(LIVE % "" + "live:finish() print 'after'", "plain")
    terminal.wait(b"after")
    assert terminal.end() == 0
    lines = screen_of(terminal.out[terminal.out.index(b"\x1b[c") + 3:], 80, 24)
    assert sum("live" in line for line in lines) == 1, lines
    assert lines.index("after") < 24, lines
    assert terminal.out.count(b"\x1b[?25l") == terminal.out.count(b"\x1b[?25h") >= 30


@test
def a_live_picture_of_kitty_replaces_itself():
    terminal = script(LIVE % "" + "live:finish() print 'after'", "kitty")
    terminal.wait(b"after")
    assert terminal.end() == 0
    assert len(set(re.findall(rb"a=T[^;]*i=(\d+),p=1", terminal.out))) == 1


@test
def a_live_figure_survives_another_size_and_ctrl_c():
    terminal = script(LIVE % "require'perilune.system'.sleep(0.05)", "plain")
    terminal.wait(b"live")
    terminal.pause(0.3)
    terminal.resize(40, 15)
    terminal.pause(0.6)
    terminal.type(b"\x03")
    assert terminal.end() in (130, 1, -2)
    last = terminal.out[terminal.out.rindex(b"\x1b[J"):]
    assert all(len(line.decode()) < 40 for line in plain(last).split(b"\n")[:12]), last
    assert terminal.out.rindex(b"\x1b[?25h") > terminal.out.rindex(b"\x1b[?25l")
    assert terminal.canonical_after


@test
def a_live_figure_is_whole_where_the_terminal_is_slow():
    """A terminal that has not yet read some frames when Ctrl-C comes: none is cut, and keys before it are dropped."""
    terminal = prompt("plain")
    terminal.type(b"live = plot.live { title = 'live', every = 0 }\r")
    terminal.wait(b"> ")
    terminal.type(b"for i = 1, 1e6 do live:add(i, { loss = 1 / i }) require'perilune.system'.sleep(0.02) end\r")
    terminal.wait(b"live")
    terminal.pause(0.5)
    for _ in range(3):
        terminal.pause(0.2)
        time.sleep(0.15)  # frames wait unread
    terminal.type(b"print 'dropped' ")
    time.sleep(0.15)
    terminal.type(b"\x03")
    terminal.wait(b"interrupted")
    terminal.wait(b"> ")
    frames = re.split(rb"\x1b\[\?2026h", terminal.out)[1:]
    assert all(b"\x1b[?2026l" in frame for frame in frames), [f[-80:] for f in frames if b"2026l" not in f]
    lines = screen_of(terminal.out[terminal.out.index(b"\x1b[?2026h"):], 80, 24)
    assert sum("live" in line for line in lines) == 1, lines
    terminal.type(b"20+22\r")
    assert b"dropped" not in terminal.wait(b"42")
    terminal.wait(b"> ")
    assert not termios.tcgetattr(terminal.fd)[3] & termios.NOFLSH
    terminal.type(b"\x04")
    assert terminal.end() == 0


@test
def a_live_training_is_drawn_once_after_ctrl_c():
    terminal = script("""
      local perilune = require 'perilune'
      local align, models = perilune.align, perilune.models
      local policy = models.transformer { vocab = 8, dim = 8, layers = 1, heads = 1, max_length = 16, seed = 1 }
      print 'began'
      align.train {
        policy = policy, reference = policy:clone(), steps = 100000, loss = align.loss.ipo {},
        live = perilune.plot.live { title = 'live', every = 5, figures = { 'loss' } },
        source = align.sources.online { judge = function(_, a, b) return #a > #b and 1 or 0 end,
          prompts = { { 2 }, { 3 } }, batch = 2, max_new_tokens = 4, stop = { 1 } },
      }
    """, "plain")
    terminal.wait(b"live")
    terminal.pause(0.5)
    terminal.type(b"\x03")
    terminal.wait(b"interrupted after step")
    assert terminal.end() in (130, -2)
    lines = screen_of(terminal.out[terminal.out.index(b"\x1b[c") + 3:], 80, 24)
    assert sum("live" in line for line in lines) == 1, lines
    assert "interrupted after step" in lines[-1] or "interrupted after step" in lines[-2], lines


@test
def a_live_figure_in_a_pipe_is_its_last_state():
    out = run(LIVE % "").decode()
    assert out.count("live") == 1 and "\x1b" not in out
    out = run((LIVE % "").replace("<close>", "")).decode()
    assert out.count("live") == 1, out


EXPLORE = """
local align, models = require'perilune.align', require'perilune.models'
local function model(seed)
  return models.transformer { vocab = 12, dim = 16, layers = 1, heads = 2, max_length = 32, style = 'gpt2', seed = seed }
end
local words = { [0] = 'zero', 'end', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven' }
local tokenizer = { decode = function(_, ids) return words[ids[1]] .. ' ' end }
local reference = model(5)
local prompts = { { 2, 3 }, { 4, 5 }, { 6, 7 } }
require'perilune.explore'({ online = model(6), offline = model(7) }, prompts, {
  reference = reference, tokenizer = tokenizer, stop = { 1 }, max_new_tokens = 6, seed = 3,
  judge = { gold = function(_, a, b) %s return #a > #b and 1 or #a < #b and 0 or 0.5 end },
})
print 'over'
"""


@test
def explore_is_driven_by_keys():
    terminal = script(EXPLORE % "", "plain", columns=100)
    seen = terminal.wait(b"q end")
    assert b"\x1b[?1049h" in seen and b"prompt 1 of 3" in seen and b"offline" in seen and b"online" in seen
    assert b"gold" in seen and b"log pi/pi_ref" in seen and b"48;5;" in seen
    assert not terminal.is_canonical()
    terminal.type(b"n")
    assert "four five" in plain(terminal.wait(b"q end")).decode()
    terminal.type(b"\x1b[C")
    assert b"prompt 3 of 3" in terminal.wait(b"q end")
    terminal.type(b"p")
    assert b"prompt 2 of 3" in terminal.wait(b"q end")
    terminal.type(b"r")
    assert b"draw 2" in terminal.wait(b"q end")
    terminal.type(b"1")
    assert b"-1 offline" in terminal.wait(b"q end")
    terminal.type(b"\t\t\t")
    terminal.pause(0.3)
    terminal.type(b"t")
    terminal.wait(b"q end")
    terminal.type(b"/six\r")
    terminal.wait(b"prompt 3 of 3")
    terminal.type(b"/nowhere\r")
    terminal.wait(b"is in no prompt")
    terminal.type(b"?")
    terminal.wait(b"search in prompts")
    terminal.type(b"x")
    terminal.wait(b"prompt 3 of 3")
    terminal.resize(60, 20)
    terminal.wait(b"prompt 3 of 3")
    terminal.type(b"q")
    terminal.wait(b"\x1b[?1049l")
    terminal.wait(b"over")
    assert terminal.end() == 0 and terminal.canonical_after


@test
def explore_without_colours_has_letters():
    terminal = script(EXPLORE % "", "plain", env={"NO_COLOR": "1"})
    seen = terminal.wait(b"q end")
    assert b"48;5;" not in seen and re.search(r"\n[ a-eA-E.│]+\n", plain(seen).decode()), plain(seen)
    terminal.type(b"q")
    assert terminal.end() == 0


@test
def explore_gives_the_terminal_back_after_an_error():
    terminal = script(EXPLORE % "error 'the judge is ill'", "plain")
    seen = terminal.wait(b"the judge is ill")
    assert seen.index(b"\x1b[?1049l") < seen.index(b"the judge is ill")
    assert terminal.end() == 1 and terminal.canonical_after


@test
def explore_gives_the_terminal_back_after_ctrl_c_and_signals():
    for act in (lambda t: t.type(b"\x03"), lambda t: os.kill(t.pid, signal.SIGTERM),
                lambda t: os.kill(t.pid, signal.SIGHUP)):
        terminal = script(EXPLORE % "", "plain")
        terminal.wait(b"q end")
        act(terminal)
        terminal.end()
        assert b"\x1b[?1049l" in terminal.out and b"\x1b[?25h" in terminal.out and terminal.canonical_after


@test
def explore_gives_the_terminal_back_at_the_third_ctrl_c_and_at_the_time_limit():
    # A finaliser runs without hooks: only the end of the process ends it.
    endless = "setmetatable({}, { __gc = function() while true do end end }) collectgarbage()"
    for limit, code in ((None, 130), ("--max-time=1", 124)):
        terminal = Fake([PERILUNE, *([limit] if limit else []), saved((EXPLORE % endless).encode(), "endless.lua")])
        terminal.wait(b"drawing")
        for _ in range(0 if limit else 3):
            terminal.pause(0.2)
            terminal.type(b"\x03")
        assert terminal.end() == code
        assert b"\x1b[?1049l" in terminal.out and b"\x1b[?25h" in terminal.out and terminal.canonical_after


@test
def explore_in_a_pipe_prints_all_prompts():
    path = saved((EXPLORE % "").encode(), "pipe.lua")
    out = subprocess.run([PERILUNE, path], capture_output=True).stdout.decode()
    assert all(f"prompt {i}:" in out for i in (1, 2, 3)) and "\x1b" not in out and "over" in out, out


@test
def pdf_is_vectors_and_looks_as_the_png():
    base = os.path.join(WORK, "fig")
    run(f"{FIGURE}:save '{base}.png':save '{base}.pdf'")
    subprocess.run(["pdftoppm", "-png", "-r", "96", "-singlefile", base + ".pdf", base + "-pdf"], check=True)
    a, b = Image.open(base + ".png").convert("RGB"), Image.open(base + "-pdf.png").convert("RGB")
    assert a.size == b.size == (640, 420)
    assert max(ImageStat.Stat(ImageChops.difference(a, b)).mean) < 3
    images = subprocess.run(["pdfimages", "-list", base + ".pdf"], capture_output=True, text=True).stdout
    fonts = subprocess.run(["pdffonts", base + ".pdf"], capture_output=True, text=True).stdout
    assert len(images.splitlines()) == 2 and "DejaVu" in fonts, (images, fonts)


failed = 0
for one in tests:
    if len(sys.argv) > 1 and sys.argv[1] not in one.__name__:
        continue
    try:
        one()
        print("ok   ", one.__name__, flush=True)
    except Exception:
        failed += 1
        print("FAIL ", one.__name__, flush=True)
        traceback.print_exc(limit=3, file=sys.stdout)
print(f"{len(tests) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
