#!/usr/bin/env python3
"""Makes the demo's tasks from its text: which of four endings belongs to a sentence.

Usage: tests/data/make_demo_tasks.py   (writes demo-continuations.txt, in llama.cpp's six-line form)

The text was sampled from the packaged model (make_demo_text.sh), so the tasks are our own and the
model knows most answers. Wrong endings are those of other sentences.
"""
import pathlib
import re

N_TASKS = 100
FOLDER = pathlib.Path(__file__).parent


def halves(sentence):
    words = sentence.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2:])


def main():
    text = (FOLDER / "demo-evaluation.txt").read_text(encoding="utf-8")
    sentences = re.findall(r"(?<=[.!?] )[A-Z][A-Za-z,;' -]{60,200}\.", " ".join(text.split()))
    parts = [halves(s) for s in dict.fromkeys(sentences)]
    lines = []
    for i in range(N_TASKS):
        gold = i % 4
        others = [parts[(i + k * 7) % len(parts)][1] for k in (1, 2, 3)]
        endings = others[:gold] + [parts[i][1]] + others[gold:]
        lines += [parts[i][0], str(gold), *endings]
    (FOLDER / "demo-continuations.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


main()
