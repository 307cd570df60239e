#!/usr/bin/env bash
# The main job of lathe on the packaged model: importance matrix, statistics, plan, quantize,
# perplexity, divergence, a table of both candidates, speed, text. Usage: tests/demo.sh LATHE_BINARY [OUTPUT_FOLDER]
set -euo pipefail
lathe=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${2:-build/demo}
mkdir -p "$out"

model=tests/data/tiny-llama-f16.gguf
calibration=tests/data/demo-calibration.txt
evaluation=tests/data/demo-evaluation.txt
tasks=tests/data/demo-continuations.txt
small=$out/tiny-llama-Q4_K_M.gguf

step() { printf '\n\033[1m== %s\033[0m\n' "$1"; shift; printf '$ lathe %s\n' "$*"; "$lathe" "$@"; }

step "the model as it comes" inspect "$model"
step "importance of each input channel" \
  imatrix -m "$model" -f "$calibration" -o "$out/imatrix.gguf" --chunks 40
step "statistics of what it saw" stats "$out/imatrix.gguf" --sort sum
step "what each layer does, and which to drop first" \
  stats --blocks -m "$model" -f "$calibration" --chunks 10
step "a plan: Q4_K_M with better values, before any work" \
  plan "$model" --recipe Q4_K_M --imatrix "$out/imatrix.gguf" --tensor-type attn_v=q8_0 -o "$out/plan.json"
step "the plan carried out" \
  quantize --imatrix "$out/imatrix.gguf" "$model" "$out/tiny-llama-planned.gguf" --plan "$out/plan.json"
step "quantize to Q4_K_M" quantize --imatrix "$out/imatrix.gguf" "$model" "$small" Q4_K_M
step "perplexity of the original" eval ppl -m "$model" -f "$evaluation" --chunks 20
step "perplexity of the quantized model" eval ppl -m "$small" -f "$evaluation" --chunks 20
step "how far the quantized model diverges" \
  eval kld --base "$model" -m "$small" -f "$evaluation" --chunks 20
step "both candidates beside the original, with tests of their differences" \
  eval all --base "$model" -m "$small" -m "$out/tiny-llama-planned.gguf" -f "$evaluation" --chunks 20 --hellaswag "$tasks"
step "speed of both, beside this machine's limits" bench -m "$model" -m "$small" -p 512 -n 128 -r 3
step "a paragraph from the quantized model" \
  run -m "$small" -p "The old house stood at the end of the road, and" -n 120 --temp 0.7 --seed 7

# The same figures once more as JSON, for the summary.
"$lathe" eval all --base "$model" -m "$small" -m "$out/tiny-llama-planned.gguf" -f "$evaluation" --chunks 20 \
  --json > "$out/all.json" 2> "$out/all.log" || { cat "$out/all.log" >&2; exit 1; }
"$lathe" bench -m "$model" -m "$small" -m "$out/tiny-llama-planned.gguf" -p 512 -n 128 -r 2 -o jsonl > "$out/bench.jsonl"
printf '\n\033[1m== what was made\033[0m\n'
python3 tests/demo_summary.py "$out"
