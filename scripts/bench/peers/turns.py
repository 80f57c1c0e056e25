"""What the peers of scripts/bench share: the cases, taking turns, and the line that reports a turn.

A peer runs one `--what` of one `--case` in a process of its own, so that its peak of memory is its own. Alone it times
one turn. With --turns it prints {"ready": true} when it is warm, then reads a number of seconds from standard input for
each turn, until an empty line: the processes of a row wait while another one has the cores.
"""
import argparse
import json
import statistics
import sys
import time

OUT = sys.stdout    # for our lines alone, whatever a library prints

# layers, width, heads, vocabulary, batch, length; prompt and new tokens of sampling
CASES = {
    "tiny": dict(layers=4, dim=128, heads=4, vocab=512, batch=32, length=64, prompt=16, new=48),
    "small": dict(layers=6, dim=384, heads=6, vocab=4096, batch=16, length=256, prompt=32, new=64),
    "gpt2": dict(layers=12, dim=768, heads=12, vocab=50257, batch=1, length=256, prompt=32, new=32),
}

for sizes in CASES.values():
    sizes["positions"] = max(sizes["length"], sizes["prompt"] + sizes["new"])
    sizes["rows"] = max(sizes["batch"], 8)    # of sampling


def options(whats):
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", default="tiny")
    parser.add_argument("--what", choices=whats, required=True)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--folder", default="")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--turns", action="store_true")
    return parser.parse_args()


def peak_mb():
    """The most memory this process has had, in MB."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024)
    return None


def turns(o):
    """The lengths of the turns, in seconds; say that we are warm before the first."""
    if not o.turns:
        yield o.seconds
        return
    print(json.dumps(dict(ready=True)), file=OUT, flush=True)
    for line in sys.stdin:
        if not line.strip():
            return
        yield float(line)


def report(o, tokens, times):
    """One turn: the median of its steps. `tokens` is what a step processes, or counts as one for other work."""
    s = statistics.median(times)
    print(json.dumps(dict(case=o.case, what=o.what, tokens_per_s=round(tokens / s, 1), ms=round(s * 1e3, 6),
                          steps=len(times), peak_rss_mb=peak_mb())), file=OUT, flush=True)


def run(o, tokens, step, warm=3):
    """Warms up, then times `step` for each turn, three times at least; with --steps does just so many and ends."""
    if o.steps:
        for _ in range(o.steps):
            step()
        return
    for _ in range(warm):
        step()
    for seconds in turns(o):
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            begun = time.perf_counter()
            step()
            times.append(time.perf_counter() - begun)
        report(o, tokens, times)
