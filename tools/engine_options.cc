#include "tools/engine_options.h"

#include <CLI/CLI.hpp>

#include "models/registry.h"
#include "runtime/base/error.h"
#include "tools/kernels_of.h"

namespace lathe {
namespace {

constexpr const char* kGroup = "Engine";

Format cache_format(const std::string& name) {
  Format format;
  if (!format_from_name(name, &format)) {
    throw usage_error("no KV cache type '" + name + "': f32, f16, bf16 and q8_0 are possible");
  }
  return format;
}

}  // namespace

void add_engine_options(CLI::App& command, EngineOptions& o) {
  command.add_option("-m,--model", o.model, "GGUF model (the first file, if it is split)")
      ->required()
      ->type_name("FILE")
      ->group(kGroup);
  add_compute_options(command, o);
}

void add_compute_options(CLI::App& command, EngineOptions& o) {
  command.add_option("-t,--threads", o.n_threads, "Threads (default: one per physical core)")
      ->check(zero_or_more)
      ->type_name("N")
      ->group(kGroup);
  command.add_option("-c,--ctx-size", o.n_ctx, "Tokens of context")->type_name("N")->group(kGroup);
  command.add_option("-b,--batch-size", o.n_batch, "Most tokens of a batch")
      ->check(one_or_more)
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  command
      .add_option("--ub,--ubatch-size", o.n_ubatch, "Most tokens that go through a layer at once")
      ->check(one_or_more)
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  command.add_option("--ctk,--cache-type-k", o.k_type, "Type of cached keys: f32, f16, bf16, q8_0")
      ->capture_default_str()
      ->type_name("TYPE")
      ->group(kGroup);
  command.add_option("--ctv,--cache-type-v", o.v_type, "Type of cached values")
      ->capture_default_str()
      ->type_name("TYPE")
      ->group(kGroup);
}

OpenModel::OpenModel(const EngineOptions& options, const ToolContext& context)
    : kernels(kernels_of(context)),
      pool(ThreadPoolOptions{.n_threads = options.n_threads}),
      file(GgufFile::open(options.model)),
      model(load_model(file)) {}

SessionOptions session_options(const EngineOptions& options, std::size_t n_ctx,
                               std::size_t max_logits) {
  SessionOptions s;
  s.n_ctx = n_ctx;
  s.n_batch = options.tokens_per_pass();
  s.max_logits = max_logits;
  s.k_format = cache_format(options.k_type);
  s.v_format = cache_format(options.v_type);
  return s;
}

}  // namespace lathe
