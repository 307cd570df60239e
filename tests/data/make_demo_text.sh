#!/usr/bin/env bash
# Makes the demo's texts: sampled from the packaged model with fixed seeds, so they are text of our own.
# Usage: tests/data/make_demo_text.sh LATHE_BINARY   (writes demo-calibration.txt, demo-evaluation.txt)
set -euo pipefail
lathe=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"

openings=(
  "It was a cold morning in March when" "The old house stood at the end of the road, and"
  "She looked at the letter for a long time before" "The captain had never spoken of"
  "In the beginning of the summer the whole family" "There was a knock at the door, and"
  "He walked slowly through the garden, thinking of" "The doctor shook his head and"
  "Nobody in the village remembered" "When the war was over, the young man"
  "The river was high that year, and" "My father used to say that"
)

sample() {  # FIRST_SEED COUNT FILE
  : > "$3"
  for ((i = 0; i < $2; ++i)); do
    "$lathe" run -m tiny-llama-f16.gguf -p "${openings[i % ${#openings[@]}]}" -n 700 --ignore-eos \
      --temp 0.9 --top-k 0 --top-p 0.98 --min-p 0 --seed $(($1 + i)) >> "$3"
    printf '\n\n' >> "$3"
  done
}

sample 1000 36 demo-calibration.txt
sample 5000 20 demo-evaluation.txt
