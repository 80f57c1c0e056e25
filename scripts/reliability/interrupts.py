#!/usr/bin/env python3
"""Ctrl-C on a real terminal: the time until the prompt answers again, and whether the session is as it was.

    scripts/reliability/interrupts.py --limit 5             2 moments of each of some kinds, as scripts/check runs it
    scripts/reliability/interrupts.py --moments 200         every kind, as the table of scripts/results/interrupts.md
    scripts/reliability/interrupts.py --kind sort --kind svd --moments 50

Starts `bin/perilune -i interrupt_kinds.lua` on a pseudo-terminal, runs a kind, waits a random time of up to the time of
one operation (at most a second), sends the byte 3, and asks for the state. Prints a row a kind; the last line is
"N passed, N failed". A kind passes if 99 % of its moments answer within 250 ms, or what --limit says, and none loses the
session; a moment above that names its operation. The load of the machine counts: the first line tells it. Needs
Python 3.8 or later, without packages.
"""
import argparse
import os
import pty
import random
import re
import select
import signal
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 0.25
SLICE = ["lua loop", "coroutine", "pcall loop", "coroutine in pcall", "table.sort", "matmul", "attention, backward",
         "sort", "permutation", "load tensors", "heatmap, text", "sampling", "training", "patterns", "matmul, double",
         "from a list", "to a list", "elementwise operations", "reductions", "positions", "lists", "tokenizer", "judge"]


class Session:
    """A prompt on a pseudo-terminal."""

    def __init__(self, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm", HOME=folder, XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder)
            program = os.path.join(ROOT, "bin", "perilune")
            kinds = os.path.join(ROOT, "scripts", "reliability", "interrupt_kinds.lua")
            os.execv(program, [program, "--no-init", "--no-color", "-i", kinds, folder])
        self.text = ""
        self.number = 0

    def send(self, text):
        os.write(self.fd, text.encode())

    def wait(self, word, seconds):
        """True once `word` has come; it must not be in what is typed."""
        until = time.monotonic() + seconds
        while word not in self.text:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                return False
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                return False
        self.text = self.text[self.text.index(word) + len(word):]
        return True

    def ask(self, expression, seconds):
        """The value of an expression of Lua as text, or None."""
        self.number += 1
        word = f"MARK{self.number}:"
        self.send(f"io.write('MA' .. 'RK{self.number}:', tostring({expression}), '\\n')\r")
        return self.line() if self.wait(word, seconds) else None

    def line(self):
        """The rest of the line."""
        while "\n" not in self.text and self.wait_more():
            pass
        return self.text.split("\n")[0].strip()

    def moment(self, kind, delay):
        """Seconds from Ctrl-C to an answer, the state and the operation; None where none came within 20 s."""
        self.number += 1
        begin, mark = f"BEGIN{self.number};", f"MARK{self.number}:"
        self.send(f"io.write('BEG' .. 'IN{self.number};\\n') io.stdout:flush() kinds['{kind}']()\r")
        if not self.wait(begin, 30):
            return None, "did not begin: " + self.text[-200:], ""
        end = time.monotonic() + delay
        while time.monotonic() < end:
            if select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
        pressed = time.monotonic()
        self.send("\x03")
        if not self.wait("interrupted", 20):
            return None, "no word of an interrupt: " + self.text[-300:], ""
        self.send(f"io.write('MA' .. 'RK{self.number}:', state(), ';', doing(), '\\n')\r")
        if not self.wait(mark, 20):
            return None, "the prompt does not answer: " + self.text[-200:], ""
        taken = time.monotonic() - pressed
        state, doing = (self.line() + ";").split(";")[:2]
        return taken, state, doing

    def wait_more(self):
        if not select.select([self.fd], [], [], 2)[0]:
            return False
        self.text += os.read(self.fd, 65536).decode(errors="replace")
        return True

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def started(kind, folder):
    """A session ready for the kind and the longest delay, or None and why not."""
    session = Session(folder)
    if session.ask("state()", 60) is None:
        problem = "the program did not start: "
    else:
        lasts = session.ask(f"prepare('{kind}')", 240)
        if lasts is not None:
            return session, min(1.0, max(0.2, float(lasts)))
        problem = "the setup did not end: "
    session.close()
    return None, problem + session.text[-300:]


def measure(kind, given, moments, folder):
    chance = random.Random(f"{given.seed} {kind}")
    session, longest = started(kind, folder)
    times, problems = [], []
    for _ in range(moments):
        if session is None:
            return times, problems + [longest]
        taken, state, doing = session.moment(kind, chance.uniform(0.005, longest))
        if taken is None or state != "ok":
            problems.append(state)
        elif taken > given.limit:
            problems.append(f"{1000 * taken:.0f} ms {doing}")
        times.append(20.0 if taken is None else taken)
        if taken is None:
            session.close()
            session, longest = started(kind, folder)
    session.close()
    return times, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--moments", type=int, help="of each kind; without it 2 of some kinds")
    parser.add_argument("--kind", action="append", help="only this kind; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds within which 99 %% must answer")
    given = parser.parse_args()
    with open(os.path.join(ROOT, "scripts", "reliability", "interrupt_kinds.lua")) as file:
        every = re.findall(r'^(?:kind|endless|group)\("([^"]+)"', file.read(), re.M)
    names = given.kind or (every if given.moments else SLICE)
    moments = given.moments or 2
    passed = failed = 0
    print(f"seed {given.seed}; {moments} moments a kind; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"| kind | moments | median, ms | 99 %, ms | most, ms | within {1000 * given.limit:.0f} ms | |\n|---|---:|---:|---:|---:|---:|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            times, problems = measure(name, given, moments, folder)
        within = sum(t <= given.limit for t in times)
        lost = any(not re.match(r"\d+ ms ", problem) for problem in problems)
        good = times and not lost and within >= 0.99 * len(times)
        passed, failed = passed + bool(good), failed + (not good)
        ms = [1000 * t for t in times or [0]]
        print(f"| {name} | {len(times)} | {quantile(ms, 0.5):.0f} | {quantile(ms, 0.99):.0f} | {max(ms):.0f} | "
              f"{100 * within / max(1, len(times)):.1f} % | {'passed' if good else 'FAILED'} |", flush=True)
        for problem in problems[:5]:
            print(f"  {name}: {problem!r}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
