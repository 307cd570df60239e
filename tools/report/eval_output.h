// Results of evaluations as JSON, CSV or Markdown: one list of figures serves all three.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "quant/eval/statistics.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct OutputForm {
  bool json = false, csv = false, markdown = false;

  bool text() const noexcept { return !json && !csv && !markdown; }
};

// `result` is an object, or an array of objects of the same shape. CSV: a line of names and a line
// per object, nested names joined by dots, without arrays; Markdown: the same as a table (of names
// and values for a single object).
void print_result(const nlohmann::ordered_json& result, const OutputForm& form);

// out[name] and out[name + "_error"].
void put(nlohmann::ordered_json& out, const std::string& name, const Estimate& e);

// What a text result begins with: lines "# ..." on stdout, so that a file of it says what it is of.
// The first names lathe and the measure, the others are `lines`.
void print_header(const std::string& measure, const std::vector<std::string>& lines);
// "PATH (fingerprint f6eeada36aa48f78, 16.01 bits per weight)", "a.txt (sha256 b7d31ec3d760ae70)"
std::string model_words(const GgufFile& file);
std::string files_words(const std::vector<std::string>& names, const std::string& sha256);

// What a result is of: lathe's version, the model with its fingerprint and size, the texts with
// their hashes.
nlohmann::ordered_json model_json(const GgufFile& file);
nlohmann::ordered_json text_json(const TextOrigin& origin);

}  // namespace lathe
