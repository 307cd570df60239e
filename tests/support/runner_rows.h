// All logits that a runner hands out, text by text, of each of its models.
#pragma once

#include <vector>

#include "runtime/forward/forward_runner.h"
#include "tests/support/engine_run.h"

namespace lathe::test {

// [model][row]
inline std::vector<Rows> run_rows(ForwardRunner& runner, std::span<const RunText> texts,
                                  const RunPart& part = {}) {
  std::vector<Rows> by_model(runner.models().size());
  runner.run_part(texts, part, {.logits = [&](std::size_t, std::size_t, auto parts) {
                    for (std::size_t m = 0; m < parts.size(); ++m) {
                      for (std::size_t r = 0; r < parts[m].rows; ++r) {
                        const float* const row = parts[m].row(r);
                        by_model[m].emplace_back(row, row + parts[m].cols);
                      }
                    }
                  }});
  return by_model;
}

}  // namespace lathe::test
