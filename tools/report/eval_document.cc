#include "tools/report/eval_document.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/identity/build_info.h"
#include "tools/report/document.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kHashDigits = 16;
constexpr std::size_t kMostNames = 3;

std::string model_words(const ModelInput& model) {
  return fmt::format("{} (fingerprint {}, weights {}, {:.2f} bits per weight)", model.path,
                     short_hash(model.fingerprint), short_hash(model.weights),
                     model.bits_per_weight);
}

void put_text(Json& out, const TextInput& text) {
  out["text"] = {{"files", text.files}, {"sha256", text.sha256}};
  out["n_ctx"] = text.n_ctx;
  out["stride"] = text.stride;
  out["n_chunks"] = text.n_chunks;
  out["n_scored"] = text.n_scored;
}

Json test_json(const TestInput& test) {
  Json files = Json::array();
  for (const TaskFile& file : test.files) {
    files.push_back({{"file", file.name}, {"sha256", file.sha256}, {"n_available", file.n_tasks}});
  }
  return {{"sha256", test.sha256},
          {"n_available", test.n_available},
          {"n_tasks", test.n_tasks},
          {"n_ctx", test.n_ctx},
          {"files", files}};
}

Json base_file_json(const BaseFileInput& base) {
  return {{"file", base.path}, {"content", base.content}, {"description", base.description}};
}

std::string text_words(const TextInput& text) {
  std::string words = fmt::format("{} (sha256 {}), {} chunks of {} tokens", names_words(text.files),
                                  short_hash(text.sha256), text.n_chunks, text.n_ctx);
  if (text.stride > 0) words += fmt::format(", one every {}", text.stride);
  return words;
}

std::string test_words(const TestInput& test, const EvalInputs& inputs) {
  return fmt::format("{} (sha256 {}), {} of {} tasks, seed {}, {} tokens of context",
                     names_words(file_names(test)), short_hash(test.sha256), test.n_tasks,
                     test.n_available, inputs.seed.value_or(0), test.n_ctx);
}

std::string options_words(const EvalInputs& inputs) {
  std::string words;
  if (inputs.compat) words += ", --compat";
  if (!inputs.skip_layers.empty()) words += ", without layers " + inputs.skip_layers;
  return words;
}

}  // namespace

Json model_json(const ModelInput& model) {
  return {{"file", model.path},
          {"fingerprint", model.fingerprint},
          {"weights", model.weights},
          {"file_bytes", model.file_bytes},
          {"bits_per_weight", model.bits_per_weight}};
}

Json eval_document(const EvalInputs& inputs) {
  Json out = result_document(inputs.measure);
  if (inputs.models.size() == 1) out["model"] = model_json(inputs.models.front());
  if (inputs.base) out["base"] = model_json(*inputs.base);
  if (inputs.base_file) out["base"] = base_file_json(*inputs.base_file);
  if (inputs.text) put_text(out, *inputs.text);
  if (!inputs.tests.empty()) {
    Json& tests = out["tests"] = Json::object();
    for (const TestInput& test : inputs.tests) {
      tests[std::string(task_name(test.kind))] = test_json(test);
    }
  }
  if (inputs.seed) out["seed"] = *inputs.seed;
  out["skip_layers"] = inputs.skip_layers;
  out["compat"] = inputs.compat;
  out["tier"] = inputs.tier;
  out["cache_type_k"] = inputs.k_type;
  out["cache_type_v"] = inputs.v_type;
  return out;
}

std::string eval_header(const EvalInputs& inputs) {
  std::string out =
      fmt::format("# lathe {}, {}, schema {}\n", build_words(), inputs.measure, kResultSchema);
  out += fmt::format("# run: {} kernels, KV cache {} and {}\n", inputs.tier, inputs.k_type,
                     inputs.v_type);
  for (const ModelInput& model : inputs.models) {
    out += fmt::format("# model: {}\n", model_words(model));
  }
  const std::string options = options_words(inputs);
  if (inputs.text) out += fmt::format("# text: {}{}\n", text_words(*inputs.text), options);
  for (const TestInput& test : inputs.tests) {
    out += fmt::format("# tasks: {}{}\n", test_words(test, inputs), options);
  }
  if (inputs.base) out += fmt::format("# base: {}\n", model_words(*inputs.base));
  if (inputs.base_file) {
    out += fmt::format("# base: {} (content {}), {}\n", inputs.base_file->path,
                       short_hash(inputs.base_file->content), inputs.base_file->description);
  }
  return out;
}

std::string names_words(const std::vector<std::string>& names) {
  if (names.size() > kMostNames) return fmt::format("{} files", names.size());
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::string> file_names(const TestInput& test) {
  std::vector<std::string> names;
  for (const TaskFile& file : test.files) names.push_back(file.name);
  return names;
}

std::string short_hash(const std::string& hash) { return hash.substr(0, kHashDigits); }

std::string rate_words(std::size_t n_tokens, double seconds) {
  return fmt::format("{} tokens in {:.2f} s, {:.1f} tokens per second", n_tokens, seconds,
                     static_cast<double>(n_tokens) / seconds);
}

}  // namespace lathe
