#!/usr/bin/env python3
"""The time of a start: an empty program, and the prompt until it can be typed at.

    scripts/bench/startup.py             the table of scripts/results.md: medians of 20
    scripts/bench/startup.py --times 5

Each time is that of the wall clock, from the start of the process to its end, or until a prompt on a pseudo-terminal has
answered a first line. `lua5.4` is a row where it is installed. Needs Python 3.8 or
later, without packages.
"""
import argparse
import os
import pty
import select
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TRAINER = 'local _ = require "perilune".align.train'
PROGRAM = os.path.join(ROOT, "bin", "perilune")


def seconds_of(command):
    """The time of a program that ends by itself."""
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def seconds_of_prompt(command, folder):
    """The time until a prompt has printed a sum that was typed before it was ready."""
    start = time.monotonic()
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", HOME=folder, XDG_STATE_HOME=folder, XDG_CONFIG_HOME=folder)
        os.execv(command[0], command)
    os.write(fd, b"print('su' .. 'm:', 1 + 1)\r")
    text = b""
    while b"sum:" not in text and select.select([fd], [], [], 30)[0]:
        text += os.read(fd, 65536)
    taken = time.monotonic() - start
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(fd)
    if b"sum:" not in text:
        raise SystemExit(f"{command[0]} did not answer: {text[-200:]!r}")
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=20, help="starts of each row")
    given = parser.parse_args()
    rows = [
        ("`perilune -e \"\"`", lambda: seconds_of([PROGRAM, "-e", ""])),
        ("`perilune -e 'local _ = require \"perilune\".align.train'`", lambda: seconds_of([PROGRAM, "-e", TRAINER])),
    ]
    lua = shutil.which("lua5.4")
    if lua:
        rows.append((f"`{os.path.basename(lua)} -e \"\"`", lambda: seconds_of([lua, "-e", ""])))
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; {given.times} starts a row\n")
    print("| what | median, ms | least, ms | most, ms |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        rows.insert(1, ("the prompt, until it has answered", lambda: seconds_of_prompt([PROGRAM, "--no-init"], folder)))
        for name, measure in rows:
            measure()
            times = [1000 * measure() for _ in range(given.times)]
            print(f"| {name} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} |", flush=True)


if __name__ == "__main__":
    main()
