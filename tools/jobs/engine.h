// What runs a model: the settings that all jobs share, and what opening a model takes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "kernels/kernel_table.h"
#include "runtime/identity/run_identity.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct EngineOptions {
  std::string model;      // a GGUF file, or the folder of a checkpoint
  int n_threads = 0;      // 0: one per physical core
  std::size_t n_ctx = 0;  // 0: the job's own choice
  std::size_t n_batch = 2048;
  std::size_t n_ubatch = 512;
  std::string k_type = "f16", v_type = "f16";

  // Tokens that one decode() takes.
  std::size_t tokens_per_pass() const noexcept { return n_batch < n_ubatch ? n_batch : n_ubatch; }
};

// The kernels of the instruction-set tier `isa`, or the best ones where it is empty. Error (kUsage)
// naming the tiers that this CPU has when the one asked for is not among them.
KernelTable kernels_of(const std::string& isa);

// "scalar avx2 avx512": the tiers of this build that this CPU supports.
std::string supported_tiers();

// A model and what it points into. Not to be moved.
struct LoadedModel {
  // Error (kBadInput) for what is no model.
  explicit LoadedModel(const std::string& path);

  const std::unique_ptr<const TensorSource> source;
  const TensorSource& file;  // *source: a GGUF file, or the folder of a checkpoint
  const std::unique_ptr<const Model> model;
};

// The same with what runs it, in the order in which one needs the other.
struct OpenModel {
  // Error (kUsage) for an unknown tier, (kBadInput) for what is no model.
  OpenModel(const EngineOptions& options, const std::string& isa);

  KernelTable kernels;
  ThreadPool pool;  // before the file: it decides where pages go (NUMA)
  const std::unique_ptr<const TensorSource> source;
  const TensorSource& file;  // *source
  const std::unique_ptr<const Model> model;
};

// The format of a KV cache by name. Error (kUsage) where there can be none.
Format cache_format(const std::string& name);

// Options of a session for `n_ctx` cells. Error (kUsage) for a cache type that there is none of.
SessionOptions session_options(const EngineOptions& options, std::size_t n_ctx,
                               std::size_t max_logits);

// What of an engine decides results, for checkpoints: types of the KV cache, tier of the kernels,
// lathe itself. Threads, batches and the order of layers change nothing.
void put_engine(RunIdentity& identity, const std::string& k_type, const std::string& v_type,
                std::string_view tier);

}  // namespace lathe
