// What the figures of `lathe eval all` are of: files with their hashes, how much of them was used,
// by which build. Printed with every result, so that it can be compared later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/tasks/read_tasks.h"
#include "runtime/gguf/gguf_file.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct CardInputs {
  struct Text {
    const TextOrigin& origin;
    std::size_t n_chunks, n_ctx;
  };
  struct Test {
    const TaskSet& set;
    std::size_t n_used;
  };

  std::vector<const GgufFile*> models;
  std::string base;  // of a base file: what it is
  std::optional<Text> text;
  std::vector<Test> tests;
  std::uint32_t seed;
  bool compat;
  std::string tier;  // of the kernels
};

std::string inputs_table(const CardInputs& inputs, bool markdown);

// The same as single values, to begin a line of CSV with.
nlohmann::ordered_json flat_inputs_json(const CardInputs& inputs);

// An object to which the figures are added; models are left to them.
nlohmann::ordered_json inputs_json(const CardInputs& inputs);

}  // namespace lathe
