// How the result of an evaluation says what it is of (tools/jobs/eval_inputs.h): in JSON, from
// which CSV and Markdown follow, and in the lines that a text begins with.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/jobs/eval_inputs.h"

namespace lathe {

// Header and inputs; the caller adds the figures. A single model stands at "model"; several are
// left to the caller.
nlohmann::ordered_json eval_document(const EvalInputs& inputs);
nlohmann::ordered_json model_json(const ModelInput& model);

// Lines "# ...", so that a file of a text result says what it is of.
std::string eval_header(const EvalInputs& inputs);

// "a.txt, b.txt" or "12 files"; the digits of a hash that are enough to tell files apart.
std::string names_words(const std::vector<std::string>& names);
std::vector<std::string> file_names(const TestInput& test);
std::string short_hash(const std::string& hash);

// "5120 tokens in 2.31 s, 2216.5 tokens per second"
std::string rate_words(std::size_t n_tokens, double seconds);

}  // namespace lathe
