// Results of evaluations as JSON, CSV or Markdown: one list of figures serves all three.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "quant/eval/statistics.h"
#include "tools/eval_setup.h"

namespace CLI {
class App;
}

namespace lathe {

struct OutputForm {
  bool json = false, csv = false, markdown = false;

  bool text() const noexcept { return !json && !csv && !markdown; }
};

// --json, --csv, --md: at most one of them.
void add_output_options(CLI::App& command, OutputForm& form);

// `result` is an object, or an array of objects of the same shape. CSV: a line of names and a line
// per object, nested names joined by dots, without arrays; Markdown: the same as a table (of names
// and values for a single object).
void print_result(const nlohmann::ordered_json& result, const OutputForm& form);

// out[name] and out[name + "_error"].
void put(nlohmann::ordered_json& out, const std::string& name, const Estimate& e);

// What a result is of: lathe's version, the model with its fingerprint and size, the texts with
// their hashes.
nlohmann::ordered_json model_json(const GgufFile& file);
nlohmann::ordered_json text_json(const TextOrigin& origin);

}  // namespace lathe
