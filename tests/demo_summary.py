#!/usr/bin/env python3
"""What the demo made, in ten lines: sizes, perplexity, divergence, speed.

usage: demo_summary.py FOLDER     with all.json (eval all --json), bench.jsonl (bench -o jsonl)
"""
import json
import pathlib
import sys


def speeds(folder):
    """(model, test) -> tokens per second"""
    rates = {}
    for line in (folder / "bench.jsonl").read_text().splitlines():
        row = json.loads(line)
        test = f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']}"
        rates[row["model_filename"], test] = row["avg_ts"]
    return rates


def number(value, text):
    return "-" if value is None else format(value, text)


def main(folder):
    card = json.loads((folder / "all.json").read_text())
    rates = speeds(folder)
    tests = sorted({test for _, test in rates})
    print(f"{'model':<26} {'MB':>6} {'bits/w':>7} {'PPL':>8} {'KLD':>9}", *[f"{t + ' t/s':>10}" for t in tests])
    for model in card["models"]:
        of = model["model"]
        name = pathlib.Path(of["file"]).name
        print(
            f"{name:<26} {of['file_bytes'] / 1e6:>6.2f} {of['bits_per_weight']:>7.2f}",
            f"{model['ppl']:>8.3f} {number(model.get('kld'), '.6f'):>9}",
            *[f"{number(rates.get((of['file'], t)), '.1f'):>10}" for t in tests],
        )
    base = card["models"][0]
    for model in card["models"][1:]:
        size = base["model"]["file_bytes"] / model["model"]["file_bytes"]
        ppl = 100 * (model["ppl"] / base["ppl"] - 1)
        name = pathlib.Path(model["model"]["file"]).name
        print(f"{name}: {size:.2f} times smaller, perplexity {ppl:+.2f} %")
    print("All of them, imatrix.gguf and plan.json are in", folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
