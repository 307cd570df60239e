#include "tools/commands/options/engine_options.h"

#include <CLI/CLI.hpp>

#include "tools/cli/number_checks.h"

namespace lathe {
namespace {

constexpr const char* kGroup = "Engine";

}  // namespace

void add_engine_options(CLI::App& command, EngineOptions& o) {
  command
      .add_option("-m,--model", o.model,
                  "GGUF file (the first, if it is split), or a checkpoint's folder")
      ->required()
      ->type_name("FILE")
      ->group(kGroup);
  add_compute_options(command, o);
}

void add_compute_options(CLI::App& command, EngineOptions& o) {
  command.add_option("-t,--threads", o.n_threads, "Threads; 0: one per physical core")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  command.add_option("-c,--ctx-size", o.n_ctx, "Tokens of context (default: as the command needs)")
      ->check(one_or_more)
      ->type_name("N")
      ->group(kGroup);
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
  command
      .add_option("--ctk,--cache-type-k", o.k_type, "Type of cached keys: " + cache_format_names())
      ->capture_default_str()
      ->type_name("TYPE")
      ->group(kGroup);
  command.add_option("--ctv,--cache-type-v", o.v_type, "Type of cached values, as of keys")
      ->capture_default_str()
      ->type_name("TYPE")
      ->group(kGroup);
}

}  // namespace lathe
