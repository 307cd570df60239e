#!/usr/bin/env python3
"""Runs the micro-benchmarks of two builds in turns and prints how many times as fast the second is.

usage: bench/in_turns.py BENCH_A BENCH_B [--turns N] [ARGUMENT OF BOTH...]
       bench/in_turns.py base/build/release/bin/lathe_bench build/release/bin/lathe_bench \\
         --benchmark_filter='vec/q4_K/64x2048'

Machines change their speed by the minute, more so where others share them: figures of two builds
mean something only side by side. So A and B run alternately, the best time of each is kept (CPU time
of the thread), and benchmarks that one of them lacks are left out. LATHE_ISA chooses a tier.
"""
import json
import subprocess
import sys


def run(command):
    out = subprocess.run([*command, "--benchmark_format=json"], check=True, capture_output=True, text=True)
    return {b["name"]: b["cpu_time"] for b in json.loads(out.stdout)["benchmarks"]}


def main(argv):
    turns = 5
    if "--turns" in argv:
        at = argv.index("--turns")
        turns = int(argv[at + 1])
        del argv[at:at + 2]
    if len(argv) < 2:
        sys.exit(__doc__)
    builds, rest = argv[:2], argv[2:]
    best = [{}, {}]
    for _ in range(turns):
        for times, build in zip(best, builds):
            for name, t in run([build, *rest]).items():
                times[name] = min(t, times.get(name, t))
    for name in best[0]:
        if name in best[1]:
            a, b = best[0][name] / 1e3, best[1][name] / 1e3
            print(f"{name:40} {a:11.2f} us {b:11.2f} us   x {a / b:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
