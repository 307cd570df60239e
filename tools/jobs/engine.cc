#include "tools/jobs/engine.h"

#include <algorithm>

#include "kernels/tiers.h"
#include "models/import/import_checkpoint.h"
#include "models/registry.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/identity/build_info.h"

namespace lathe {
Format cache_format(const std::string& name) {
  Format format = Format::F16;
  const auto formats = cache_formats();
  if (!format_from_name(name, &format) ||
      std::find(formats.begin(), formats.end(), format) == formats.end()) {
    throw usage_error("a KV cache is one of " + cache_format_names() + ", not " + quoted(name));
  }
  return format;
}

std::string supported_tiers() {
  std::string names;
  for (std::size_t i = 0; i < tier_count(); ++i) {
    if (!tier(i).supported()) continue;
    if (!names.empty()) names += ' ';
    names += tier(i).name;
  }
  return names;
}

KernelTable kernels_of(const std::string& isa) {
  KernelTable kernels;
  if (!select_kernels(isa, &kernels)) {
    throw usage_error("no instruction-set tier '" + isa +
                      "' here; this CPU has: " + supported_tiers());
  }
  return kernels;
}

LoadedModel::LoadedModel(const std::string& path)
    : source(open_source(path)), file(*source), model(load_model(file)) {}

OpenModel::OpenModel(const EngineOptions& options, const std::string& isa)
    : kernels(kernels_of(isa)),
      pool(ThreadPoolOptions{.n_threads = options.n_threads}),
      source(open_source(options.model)),
      file(*source),
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

void put_engine(RunIdentity& identity, const std::string& k_type, const std::string& v_type,
                std::string_view tier) {
  identity.emplace_back("--cache-type-k", k_type);
  identity.emplace_back("--cache-type-v", v_type);
  identity.emplace_back("instruction set", std::string(tier));
  identity.emplace_back("lathe", build_words());
}

}  // namespace lathe
