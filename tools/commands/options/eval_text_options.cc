#include "tools/commands/options/eval_text_options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "quant/plan/layer_list.h"
#include "runtime/identity/build_info.h"

namespace lathe {

CLI::App* add_text_measure(CLI::App& eval, const char* name, const char* what,
                           EvalTextOptions& options) {
  CLI::App* command = eval.add_subcommand(name, what);
  add_engine_options(*command, options.engine);
  add_text_options(*command, options.text);
  command
      ->add_option("--skip-layers", options.skip_layers,
                   "Score the model without these layers (4,5,7-9), as if they were pruned")
      ->type_name("LIST");
  add_order_options(*command, options.order);
  add_resume_options(*command, options.resume);
  add_output_options(*command, options.form);
  return command;
}

std::vector<int> skipped_layers(const std::string& list, const Model& model) {
  if (list.empty()) return {};
  const int n_layer = static_cast<int>(model.traits().n_layer);
  std::vector<int> layers = parse_layer_list(list, n_layer, "--skip-layers");
  fmt::print(stderr, "without layers {}\n", layer_list_text(layers));
  return layers;
}

RunIdentity text_identity(const char* measure, const EvalTextOptions& options,
                          const OpenModel& open, const TextChunks& text, const TextOrigin& origin) {
  RunIdentity of = {{"measure", measure}};
  put_model(of, "model", open.file);
  of.emplace_back("text", origin.all_sha256);
  of.emplace_back("context", std::to_string(text.n_ctx()));
  of.emplace_back("stride",
                  std::to_string(text.stride()) + (options.text.compat ? ", --compat" : ""));
  of.emplace_back("first chunk", std::to_string(options.text.from_chunk));
  of.emplace_back("--skip-layers", options.skip_layers);
  put_engine(of, options.engine, open.kernels);
  return of;
}

nlohmann::ordered_json result_header(const EvalTextOptions& options, const OpenModel& open,
                                     const TextChunks& text, const TextOrigin& origin,
                                     double seconds) {
  return {{"lathe", build_version()},    {"model", model_json(open.file)},
          {"text", text_json(origin)},   {"skip_layers", options.skip_layers},
          {"n_ctx", text.n_ctx()},       {"stride", text.stride()},
          {"n_chunks", text.n_chunks()}, {"n_tokens", text.n_chunks() * text.n_scored()},
          {"seconds", seconds}};
}

std::vector<std::string> header_lines(const EvalTextOptions& options, const OpenModel& open,
                                      const TextChunks& text, const TextOrigin& origin) {
  std::string what = fmt::format("{} chunks of {} tokens", text.n_chunks(), text.n_ctx());
  if (text.stride() > 0) {
    what += fmt::format(", one every {}{}", text.stride(), options.text.compat ? ", --compat" : "");
  }
  if (!options.skip_layers.empty()) what += ", without layers " + options.skip_layers;
  return {"model: " + model_words(open.file),
          "text: " + files_words(origin.names, origin.all_sha256) + ", " + what};
}

void print_rate(std::size_t n_tokens, double seconds) {
  std::fflush(stdout);  // after the figures, where both go to one place
  fmt::print(stderr, "{} tokens in {:.2f} s, {:.1f} tokens per second\n", n_tokens, seconds,
             static_cast<double>(n_tokens) / seconds);
}

}  // namespace lathe
