#!/usr/bin/env python3
"""Formats x tests on one model: tokens per second and the share of this machine's limit.

usage: bench/end_to_end.py MODEL.gguf [OPTION...]
       bench/end_to_end.py 1b-f16.gguf --types Q4_K_M,Q8_0 --steps 1,4 --depths 0,8192
       bench/end_to_end.py 1b-f16.gguf --against old/lathe

MODEL (F16, BF16 or F32) is quantized to each type once; files are kept in --work. The tests: a prompt
of 512 tokens, a generation of --gen tokens at each of --depths, and generations of several tokens a
step (--steps, as drafts are checked). Each figure is the best of --turns runs, since others may use
the machine; limits are probed by `lathe bench` beside each. With --against a second build runs in
turns with the first, and ratios are printed: what it cannot run is left out.
"""
import argparse
import json
import os
import subprocess
import sys

TYPES = "F16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,IQ4_NL,Q3_K_M,IQ3_S"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--lathe", default="build/release/bin/lathe")
    parser.add_argument("--against", metavar="LATHE")
    parser.add_argument("--types", default=TYPES, help="default: %(default)s; F16 is the model itself")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--gen", type=int, default=32)
    parser.add_argument("--steps", default="1,2,4,8,16,32,64")
    parser.add_argument("--depths", default="0,2048,8192,32768")
    parser.add_argument("--threads", default="0")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--work", metavar="DIR", help="for the quantized files; default: where the model is")
    return parser.parse_args()


def file_of(args, kind):
    """The model as that type, quantized once."""
    if kind == "F16":
        return args.model
    stem = os.path.splitext(os.path.basename(args.model))[0]
    path = os.path.join(args.work or os.path.dirname(args.model), f"{stem}-{kind}.gguf")
    if not os.path.exists(path):
        subprocess.run([args.lathe, "quantize", args.model, path, kind], check=True)
    return path


def tests(args):
    """Argument lists of `lathe bench`, one for each column."""
    depths = [int(d) for d in args.depths.split(",")]
    for depth in depths:
        yield ["-p", args.prompt, "-n", 0, "-d", depth]
    for depth in depths:
        yield ["-p", 0, "-n", args.gen, "-d", depth]
    for step in (int(s) for s in args.steps.split(",")):
        if step > 1:
            yield ["-p", 0, "-n", max(args.gen, 2 * step), "--n-step", step]


def name_of(row):
    name = f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']}"
    if row.get("n_step", 1) > 1:
        name += f" x{row['n_step']}"
    return name + (f" @ d{row['n_depth']}" if row["n_depth"] else "")


def measure(lathe, path, test, threads):
    """One row of `lathe bench`; None where this build has no such test."""
    command = [lathe, "bench", "-m", path, "-t", threads, "-r", "1", "-o", "json", *map(str, test)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 2:
        return None
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)}: {run.stderr}")
    return json.loads(run.stdout)[0]


def better(a, b):
    if a is None or b is None:
        return a or b
    return a if a["avg_ts"] >= b["avg_ts"] else b


def line(kind, row, other):
    share = "" if row["limit_share"] is None else f"{100 * row['limit_share']:.0f} %"
    cells = [kind, name_of(row), f"{row['avg_ts']:.1f}", share, row["limit"]]
    if other is not None:
        cells += [f"{other['avg_ts']:.1f}", f"{row['avg_ts'] / other['avg_ts']:.2f}"]
    return "| " + " | ".join(cells) + " |"


def main():
    args = arguments()
    builds = [args.lathe] + ([args.against] if args.against else [])
    head = ["type", "test", "t/s", "share", "of"] + (["against", "ratio"] if args.against else [])
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for kind in args.types.split(","):
        path = file_of(args, kind)
        for test in tests(args):
            best = [None] * len(builds)
            for _ in range(args.turns):
                for i, build in enumerate(builds):
                    best[i] = better(best[i], measure(build, path, test, args.threads))
            if best[0] is not None:
                print(line(kind, best[0], best[1] if args.against else None), flush=True)


if __name__ == "__main__":
    main()
