#!/usr/bin/env python3
"""Ctrl-C on a real terminal: the time until the prompt answers again, and whether the session is as it was.

    scripts/reliability/interrupts.py --limit 5             2 moments of each of some kinds, as scripts/check runs it
    scripts/reliability/interrupts.py --moments 200         every kind, as the table of scripts/results/reliability.md
    scripts/reliability/interrupts.py --kind sort --kind svd --moments 50

Starts `bin/perilune -i interrupt_kinds.lua` on a pseudo-terminal, runs a kind, waits a random time, sends the byte 3, and
asks for the state. Prints a row a kind; the last line is "N passed, N failed". A kind passes if 99 % of its moments
answer within 250 ms, or what --limit says, and none loses the session. Needs Python 3.8 or later, without packages.
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
         "sort", "permutation", "load tensors", "heatmap, text", "sampling", "training"]


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

    def run(self, code, seconds):
        """Runs a line and waits for its end; what it printed, or None."""
        self.number += 1
        word = f"MARK{self.number}:"
        self.send(f"{code} io.write('MA' .. 'RK{self.number}:', tostring(state()), '\\n')\r")
        if not self.wait(word, seconds):
            return None
        self.wait("\n", 1)
        return True

    def moment(self, kind, delay):
        """Seconds from Ctrl-C to an answer, and the state; None where none came within 20 s."""
        self.number += 1
        begin, mark = f"BEGIN{self.number};", f"MARK{self.number}:"
        self.send(f"io.write('BEG' .. 'IN{self.number};\\n') io.stdout:flush() kinds['{kind}']()\r")
        if not self.wait(begin, 30):
            return None, "did not begin: " + self.text[-200:]
        end = time.monotonic() + delay
        while time.monotonic() < end:
            select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if select.select([self.fd], [], [], 0)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
        pressed = time.monotonic()
        self.send("\x03")
        if not self.wait("interrupted", 20):
            return None, "no word of an interrupt: " + self.text[-300:]
        self.send(f"io.write('MA' .. 'RK{self.number}:', tostring(state()), ';\\n')\r")
        if not self.wait(mark, 20):
            return None, "the prompt does not answer: " + self.text[-200:]
        taken = time.monotonic() - pressed
        while ";" not in self.text:
            if not self.wait_more():
                break
        return taken, self.text.split(";")[0]

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


def measure(kind, moments, chance, folder):
    session = Session(folder)
    if session.run("", 60) is None:
        return [], ["the program did not start: " + session.text[-300:]]
    if session.run(f"if setups['{kind}'] then setups['{kind}']() end", 180) is None:
        session.close()
        return [], ["the setup did not end: " + session.text[-300:]]
    times, problems = [], []
    for _ in range(moments):
        taken, state = session.moment(kind, chance.uniform(0.005, 0.4))
        if taken is None or state != "ok":
            problems.append(state)
        if taken is None:
            session.close()
            session = Session(folder)
            session.run("", 60)
            session.run(f"if setups['{kind}'] then setups['{kind}']() end", 180)
            times.append(20.0)
        else:
            times.append(taken)
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
        every = re.findall(r'^kind\("([^"]+)"', file.read(), re.M)
    names = given.kind or (every if given.moments else SLICE)
    moments = given.moments or 2
    passed = failed = 0
    print(f"seed {given.seed}; {moments} moments a kind; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"| kind | moments | median, ms | 99 %, ms | most, ms | within {1000 * given.limit:.0f} ms | |\n|---|---:|---:|---:|---:|---:|---|")
    for name in names:
        chance = random.Random(f"{given.seed} {name}")
        with tempfile.TemporaryDirectory() as folder:
            times, problems = measure(name, moments, chance, folder)
        within = sum(t <= given.limit for t in times)
        good = not problems and times and within >= 0.99 * len(times)
        passed, failed = passed + bool(good), failed + (not good)
        ms = [1000 * t for t in times or [0]]
        print(f"| {name} | {len(times)} | {quantile(ms, 0.5):.0f} | {quantile(ms, 0.99):.0f} | {max(ms):.0f} | "
              f"{100 * within / max(1, len(times)):.1f} % | {'passed' if good else 'FAILED'} |", flush=True)
        for problem in problems[:3]:
            print(f"  {name}: {problem!r}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
