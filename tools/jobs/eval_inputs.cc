#include "tools/jobs/eval_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/gguf/size_summary.h"
#include "runtime/identity/fingerprint.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

// The last `n` parts of a path, without ".gguf".
std::string path_tail(const std::string& path, std::size_t n) {
  fs::path tail;
  fs::path rest =
      fs::path(path).extension() == ".gguf" ? fs::path(path).replace_extension() : fs::path(path);
  for (; n > 0 && rest.has_filename(); --n) {
    tail = tail.empty() ? rest.filename() : rest.filename() / tail;
    if (!rest.has_relative_path() || rest.parent_path() == rest) break;
    rest = rest.parent_path();
  }
  return tail.string();
}

std::string absolute_text(const std::string& path) {
  std::error_code ignored;
  const fs::path absolute = fs::absolute(path, ignored).lexically_normal();
  return absolute.empty() ? path : absolute.string();
}

void put_model(RunIdentity& of, const std::string& name, const ModelInput& model) {
  of.emplace_back("weights of " + name, model.weights);
  of.emplace_back("metadata of " + name, model.metadata);
}

void put_text(RunIdentity& of, const TextInput& text) {
  of.emplace_back("text", text.sha256);
  of.emplace_back("context", std::to_string(text.n_ctx));
  of.emplace_back("stride", std::to_string(text.stride));
  of.emplace_back("first chunk", std::to_string(text.first_chunk));
}

void put_test(RunIdentity& of, const TestInput& test) {
  of.emplace_back("tasks", test.sha256);
  of.emplace_back("number of tasks", std::to_string(test.n_tasks));
}

}  // namespace

ModelInput describe_model(const TensorSource& file, ThreadPool& pool,
                          const ReadProgress& progress) {
  const ModelIdentity identity = model_identity(file, {.pool = &pool, .progress = progress});
  return {.path = file.path(),
          .name = path_tail(file.path(), 1),
          .fingerprint = identity.fingerprint,
          .weights = identity.weights,
          .metadata = identity.metadata,
          .file_bytes = file.total_file_bytes(),
          .bits_per_weight = summarize_sizes(file.tensors()).total.bits_per_weight()};
}

// Piece by piece, so that a stop is heard in time.
BaseFileInput describe_base(const DivergenceBase& base, const ReadProgress& progress) {
  constexpr std::size_t kPiece = std::size_t{1} << 26;
  const MappedFile file(base.path());
  const auto bytes = file.bytes();
  std::string hashes;
  for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
    hashes += hash_bytes(bytes.subspan(at, std::min(kPiece, bytes.size() - at)));
    const double done = static_cast<double>(at) / static_cast<double>(bytes.size());
    if (progress && !progress(done)) throw failed("stopped");
  }
  const auto all = reinterpret_cast<const std::uint8_t*>(hashes.data());
  return {base.path(), base.description(), hash_bytes({all, hashes.size()})};
}

TextInput describe_text(const TextChunks& text, const TextOptions& options,
                        const TextOrigin& origin) {
  return {.files = origin.names,
          .sha256 = origin.all_sha256,
          .n_ctx = text.n_ctx(),
          .n_chunks = text.n_chunks(),
          .stride = text.stride(),
          .first_chunk = options.from_chunk,
          .n_scored = text.n_chunks() * text.n_scored()};
}

TestInput describe_test(const TaskSet& set, std::size_t n_tasks, std::size_t n_ctx) {
  return {set.kind, set.files, task_set_sha256(set), set.tasks.size(), n_tasks, n_ctx};
}

void name_models(std::vector<ModelInput>& models) {
  std::vector<std::string> paths;
  for (const ModelInput& model : models) paths.push_back(absolute_text(model.path));
  for (std::size_t m = 0; m < models.size(); ++m) {
    const auto is_shared = [&](const std::string& name, std::size_t n) {
      for (const std::string& other : paths) {
        if (other != paths[m] && path_tail(other, n) == name) return true;
      }
      return false;
    };
    std::string name = path_tail(paths[m], 1);
    for (std::size_t n = 2; is_shared(name, n - 1); ++n) {
      const std::string longer = path_tail(paths[m], n);
      if (longer == name) break;
      name = longer;
    }
    models[m].name = name;
  }
  std::map<std::string, std::size_t> times;
  for (ModelInput& model : models) {
    const std::size_t n = ++times[model.name];
    if (n > 1) model.name += fmt::format(" ({})", n);
  }
}

void put_engine(EvalInputs& inputs, const EngineOptions& engine, const KernelTable& kernels) {
  inputs.tier = std::string(kernels.tier);
  inputs.k_type = engine.k_type;
  inputs.v_type = engine.v_type;
}

RunIdentity eval_identity(const EvalInputs& inputs) {
  RunIdentity of = {{"measure", inputs.measure}};
  for (std::size_t m = 0; m < inputs.models.size(); ++m) {
    const std::string name = inputs.models.size() == 1 ? "model" : fmt::format("model {}", m + 1);
    put_model(of, name, inputs.models[m]);
  }
  if (inputs.base) put_model(of, "the base", *inputs.base);
  if (inputs.base_file) of.emplace_back("base file", inputs.base_file->content);
  if (inputs.text) put_text(of, *inputs.text);
  for (const TestInput& test : inputs.tests) put_test(of, test);
  if (inputs.seed) of.emplace_back("--seed", std::to_string(*inputs.seed));
  of.emplace_back("--compat", inputs.compat ? "on" : "off");
  of.emplace_back("--skip-layers", inputs.skip_layers);
  put_engine(of, inputs.k_type, inputs.v_type, inputs.tier);
  return of;
}

std::string eval_words(const EvalInputs& inputs) {
  std::vector<std::string> models, data;
  for (const ModelInput& model : inputs.models) models.push_back(model.path);
  if (inputs.text) data = inputs.text->files;
  for (const TestInput& test : inputs.tests) {
    for (const TaskFile& file : test.files) data.push_back(file.name);
  }
  return fmt::format("{} of {} on {}", inputs.measure, joined(models), joined(data));
}

}  // namespace lathe
