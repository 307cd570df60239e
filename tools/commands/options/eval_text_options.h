// What the measures over a text share: their options, and how their results begin.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/output_options.h"
#include "tools/commands/options/resume_options.h"
#include "tools/commands/options/text_options.h"

namespace lathe {

struct EvalTextOptions {
  EngineOptions engine;
  TextOptions text;
  OrderOptions order;
  ResumeOptions resume;
  OutputForm form;
  std::string skip_layers;
};

CLI::App* add_text_measure(CLI::App& eval, const char* name, const char* what,
                           EvalTextOptions& options);

// The layers that the model is scored without, as if they were pruned; says so on stderr.
std::vector<int> skipped_layers(const std::string& list, const Model& model);
inline std::vector<int> skipped_layers(const EvalTextOptions& options, const Model& model) {
  return skipped_layers(options.skip_layers, model);
}

// What decides the result of a measure over a text, for checkpoints.
RunIdentity text_identity(const char* measure, const EvalTextOptions& options,
                          const OpenModel& open, const TextChunks& text, const TextOrigin& origin);

// Of a result: version, model, text, context, counts, time.
nlohmann::ordered_json result_header(const EvalTextOptions& options, const OpenModel& open,
                                     const TextChunks& text, const TextOrigin& origin,
                                     double seconds);

// The same as lines for people (print_header()).
std::vector<std::string> header_lines(const EvalTextOptions& options, const OpenModel& open,
                                      const TextChunks& text, const TextOrigin& origin);

// "N tokens in S s" on stderr, for the tokens that were run now.
void print_rate(std::size_t n_tokens, double seconds);

}  // namespace lathe
