// What the result of an evaluation is of: everything that decides its figures. The one list of
// that: results are printed with it (tools/report/eval_document.h), and checkpoints are told apart
// by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/base/divergence_base.h"
#include "quant/eval/eval_checkpoint.h"
#include "quant/eval/tasks/read_tasks.h"
#include "quant/eval/text_chunks.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/tensor_source.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct ModelInput {
  std::string path{};
  std::string name{};         // in tables: short, and another for each model of a run
  std::string fingerprint{};  // over metadata and all tensor bytes
  std::string weights{};      // the same without metadata: "same weights"
  std::string metadata{};     // of metadata alone
  std::uint64_t file_bytes = 0;
  double bits_per_weight = 0.0;  // of the tensors
};

struct BaseFileInput {
  std::string path{}, description{};
  std::string content{};  // hash of all its bytes
};

struct TextInput {
  std::vector<std::string> files{};  // names without folders
  std::string sha256{};              // of the text
  std::size_t n_ctx = 0, n_chunks = 0;
  std::size_t stride = 0, first_chunk = 0;
  std::size_t n_scored = 0;  // tokens, of all chunks
};

struct TestInput {
  TaskKind kind{};
  std::vector<TaskFile> files{};
  std::string sha256{};
  std::size_t n_available = 0, n_tasks = 0;  // in the files; of them, scored
  std::size_t n_ctx = 0;
};

struct EvalInputs {
  std::string measure{};  // "eval ppl"
  std::vector<ModelInput> models{};
  std::optional<ModelInput> base{};          // of a divergence: a model
  std::optional<BaseFileInput> base_file{};  // or what one wrote
  std::optional<TextInput> text{};
  std::vector<TestInput> tests{};
  std::optional<std::uint32_t> seed{};  // of the draw of tasks
  bool compat = false;
  std::string skip_layers{};       // "4,5,7-9"
  std::string tier{};              // of the kernels
  std::string k_type{}, v_type{};  // of the KV cache
};

// Called while a model is read for its fingerprint, with the share that is done; false stops.
using ReadProgress = std::function<bool(double fraction)>;

// Error (kFailed) when stopped.
ModelInput describe_model(const TensorSource& file, ThreadPool& pool,
                          const ReadProgress& progress = {});
BaseFileInput describe_base(const DivergenceBase& base, const ReadProgress& progress = {});
TextInput describe_text(const TextChunks& text, const TextOptions& options,
                        const TextOrigin& origin);
TestInput describe_test(const TaskSet& set, std::size_t n_tasks, std::size_t n_ctx);

// Names the models so that they are told apart: the file's name without ".gguf", with as much of
// the folders before it as it takes; the same file again gets a number.
void name_models(std::vector<ModelInput>& models);

// The engine's part of the inputs.
void put_engine(EvalInputs& inputs, const EngineOptions& engine, const KernelTable& kernels);

// What decides the result of each unit, for checkpoints. Threads, batches and the order of layers
// change nothing; how many chunks there are does not change a chunk.
RunIdentity eval_identity(const EvalInputs& inputs);
// "eval ppl of m.gguf on wiki.txt": what a checkpoint says of itself.
std::string eval_words(const EvalInputs& inputs);

}  // namespace lathe
