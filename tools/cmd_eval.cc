// lathe eval: how good a model is. ppl: perplexity of a text; kld: divergence from a base model.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/registry.h"
#include "quant/eval/divergence.h"
#include "quant/eval/divergence_report.h"
#include "quant/eval/perplexity.h"
#include "quant/plan/layer_list.h"
#include "runtime/base/error.h"
#include "tools/commands.h"
#include "tools/eval_setup.h"
#include "tools/interrupt.h"
#include "tools/running_values.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

struct EvalOptions {
  EngineOptions engine;
  TextOptions text;
  std::string base;  // kld only
  std::string skip_layers;
  bool json = false;
};

Json header_json(const EvalOptions& options, const TextChunks& text, double seconds) {
  // Every token of every chunk runs through the model.
  return {{"model", options.engine.model},
          {"text", text_names(options.text)},
          {"skip_layers", options.skip_layers},
          {"n_ctx", text.n_ctx()},
          {"n_chunks", text.n_chunks()},
          {"n_tokens", text.n_chunks() * text.n_scored()},
          {"seconds", seconds},
          {"tokens_per_second", static_cast<double>(text.n_tokens()) / seconds}};
}

void print_rate(const TextChunks& text, double seconds) {
  std::fflush(stdout);  // after the figures, where both go to one place
  fmt::print(stderr, "{} tokens in {:.2f} s, {:.1f} tokens per second\n", text.n_tokens(), seconds,
             static_cast<double>(text.n_tokens()) / seconds);
}

// Scores the model as if these layers were pruned.
void skip_layers(const EvalOptions& options, Session& session) {
  if (options.skip_layers.empty()) return;
  const int n_layer = static_cast<int>(session.model().traits().n_layer);
  const std::vector<int> layers = parse_layer_list(options.skip_layers, n_layer, "--skip-layers");
  session.set_skipped_layers(layers);
  fmt::print(stderr, "without layers {}\n", layer_list_text(layers));
}

// ---- ppl

void ppl(const EvalOptions& options, const ToolContext& context) {
  OpenModel open(options.engine, context);
  const TextChunks text = open_text(open.file, options.text, options.engine);
  Session session(*open.model, open.kernels, open.pool,
                  eval_session_options(options.engine, *open.model));
  skip_layers(options, session);
  RunningValues values("perplexity", text.n_chunks(), !options.json);
  const PerplexityResult result = measure_perplexity(
      session, text, open.kernels, open.pool, [&](const PerplexityResult& so_far) {
        values.add(so_far.running.size(), so_far.ppl.value);
        return !InterruptGuard::requested();
      });
  const double seconds = values.seconds();
  values.finish();
  if (options.json) {
    Json out = header_json(options, text, seconds);
    out["ppl"] = result.ppl.value;
    out["ppl_error"] = result.ppl.error;
    out["running_ppl"] = result.running;
    out["chunk_nll"] = result.chunk_nll;
    fmt::print("{}\n", out.dump(2));
    return;
  }
  fmt::print("Final estimate: PPL = {:.4f} +/- {:.5f}\n", result.ppl.value, result.ppl.error);
  print_rate(text, seconds);
}

// ---- kld

void put(Json& out, const std::string& name, const Estimate& e) {
  out[name] = e.value;
  out[name + "_error"] = e.error;
}

template <std::size_t kN>
Json percentiles_json(const std::array<double, kN>& fractions,
                      const std::array<double, kN>& values) {
  Json out = Json::object();
  for (std::size_t i = 0; i < kN; ++i) out[fmt::format("{:g}", 100.0 * fractions[i])] = values[i];
  return out;
}

// Probabilities and shares as fractions.
Json kld_json(const EvalOptions& options, const TextChunks& text, double seconds,
              const DivergenceResult& r) {
  Json out = header_json(options, text, seconds);
  out["base"] = options.base;
  put(out, "ppl", r.ppl);
  put(out, "ppl_base", r.ppl_base);
  out["ln_ppl_correlation"] = r.ln_ppl_correlation;
  put(out, "ln_ppl_ratio", r.ln_ppl_ratio);
  put(out, "ppl_ratio", r.ppl_ratio);
  put(out, "ppl_difference", r.ppl_difference);
  put(out, "kld", r.kld);
  out["kld_percentiles"] = percentiles_json(kKldPercentiles, r.kld_percentiles);
  put(out, "delta_p", r.delta_p);
  out["delta_p_percentiles"] = percentiles_json(kDeltaPercentiles, r.delta_p_percentiles);
  put(out, "rms_delta_p", r.rms_delta_p);
  put(out, "same_top", r.same_top);
  return out;
}

void kld(const EvalOptions& options, const ToolContext& context) {
  OpenModel open(options.engine, context);
  const GgufFile base_file = GgufFile::open(options.base);
  check_same_vocabulary(base_file.metadata(), open.file.metadata());
  const std::unique_ptr<Model> base_model = load_model(base_file);
  const TextChunks text = open_text(base_file, options.text, options.engine);
  Session base(*base_model, open.kernels, open.pool,
               eval_session_options(options.engine, *base_model));
  Session candidate(*open.model, open.kernels, open.pool,
                    eval_session_options(options.engine, *open.model));
  skip_layers(options, candidate);

  RunningValues values("divergence", text.n_chunks(), false);
  if (!options.json) fmt::print("{}", divergence_chunk_header());
  const DivergenceResult result = measure_divergence(
      base, candidate, text, open.pool, [&](std::size_t chunk, const DivergenceResult& so_far) {
        if (!options.json) {
          values.finish();
          fmt::print("{}", divergence_chunk_line(chunk, so_far));
          std::fflush(stdout);
        }
        values.step(chunk + 1);
        return !InterruptGuard::requested();
      });
  const double seconds = values.seconds();
  values.finish();
  if (options.json) {
    fmt::print("{}\n", kld_json(options, text, seconds, result).dump(2));
    return;
  }
  fmt::print("{}", divergence_report(result));
  print_rate(text, seconds);
}

int guarded(const std::function<void()>& measure) {
  const InterruptGuard interrupt;
  try {
    measure();
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    fmt::print(stderr, "\nlathe: interrupted\n");
    return kInterruptedExitCode;
  }
  return 0;
}

CLI::App* add_measure(CLI::App& eval, const char* name, const char* what, EvalOptions& options) {
  CLI::App* command = eval.add_subcommand(name, what);
  add_engine_options(*command, options.engine);
  add_text_options(*command, options.text);
  command
      ->add_option("--skip-layers", options.skip_layers,
                   "Score the model without these layers (4,5,7-9), as if they were pruned")
      ->type_name("LIST");
  command->add_flag("--json", options.json, "Print one JSON object");
  return command;
}

}  // namespace

void add_eval(CLI::App& root, ToolContext& context) {
  CLI::App* eval = root.add_subcommand("eval", "Measure how good a model is");
  eval->require_subcommand(1);

  auto for_ppl = std::make_shared<EvalOptions>();
  add_measure(*eval, "ppl", "Perplexity of a text", *for_ppl)->callback([for_ppl, &context] {
    context.exit_code = guarded([&] { ppl(*for_ppl, context); });
  });

  auto for_kld = std::make_shared<EvalOptions>();
  CLI::App* command = add_measure(*eval, "kld", "Divergence from a base model on a text", *for_kld);
  command->add_option("--base", for_kld->base, "The base model, usually the original")
      ->required()
      ->type_name("FILE");
  command->footer(
      "Both models run at the same time; all figures come from full distributions in double\n"
      "precision (no file of logits, nothing is clipped).");
  command->callback(
      [for_kld, &context] { context.exit_code = guarded([&] { kld(*for_kld, context); }); });
}

}  // namespace lathe
