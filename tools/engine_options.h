// The options that every command with a running model shares, and what opening a model takes.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "kernels/kernel_table.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/model.h"
#include "runtime/session.h"
#include "tools/command.h"

namespace lathe {

struct EngineOptions {
  std::string model;
  int n_threads = 0;      // 0: one per physical core
  std::size_t n_ctx = 0;  // 0: the command's own choice
  std::size_t n_batch = 2048;
  std::size_t n_ubatch = 512;
  std::string k_type = "f16", v_type = "f16";

  // Tokens that one decode() takes.
  std::size_t tokens_per_pass() const noexcept { return n_batch < n_ubatch ? n_batch : n_ubatch; }
};

// -m, and what models run with: -t -c -b -ub -ctk -ctv.
void add_engine_options(CLI::App& command, EngineOptions& options);
// Without -m, for commands that take several models.
void add_compute_options(CLI::App& command, EngineOptions& options);

// A model with what runs it, in the order in which one needs the other. Not to be moved: the model
// points into the file.
struct OpenModel {
  // Error (kUsage) for an unknown tier, (kBadInput) for a file that is no model.
  OpenModel(const EngineOptions& options, const ToolContext& context);

  KernelTable kernels;
  ThreadPool pool;  // before the file: it decides where pages go (NUMA)
  GgufFile file;
  std::unique_ptr<Model> model;
};

// Options of a session for `n_ctx` cells. Error (kUsage) for a cache type that there is none of.
SessionOptions session_options(const EngineOptions& options, std::size_t n_ctx,
                               std::size_t max_logits);

}  // namespace lathe
