#include "tools/report/card_inputs.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"
#include "tools/report/eval_output.h"
#include "tools/report/task_json.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kHashDigits = 16;  // enough to tell files apart; JSON has all of them
constexpr std::size_t kMostNames = 3;

std::string shortened(const std::string& hash) { return hash.substr(0, kHashDigits); }

std::string joined(const std::vector<std::string>& names) {
  if (names.size() > kMostNames) return fmt::format("{} files", names.size());
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::string> names_of(const TaskSet& set) {
  std::vector<std::string> names;
  for (const TaskFile& file : set.files) names.push_back(file.name);
  return names;
}

}  // namespace

std::string inputs_table(const CardInputs& inputs, bool markdown) {
  TextTable table({"input", "hash", "used"});
  for (const GgufFile* model : inputs.models) {
    table.add_row({model->path(), shortened(model_fingerprint(*model)), "model"});
  }
  if (!inputs.base.empty()) table.add_row({"base", "", inputs.base});
  if (inputs.text) {
    const CardInputs::Text& text = *inputs.text;
    table.add_row({joined(text.origin.names), shortened(text.origin.all_sha256),
                   fmt::format("{} chunks of {} tokens", text.n_chunks, text.n_ctx)});
  }
  for (const CardInputs::Test& test : inputs.tests) {
    table.add_row({fmt::format("{}: {}", task_title(test.set.kind), joined(names_of(test.set))),
                   shortened(task_set_sha256(test.set)),
                   fmt::format("{} of {} tasks, seed {}{}", test.n_used, test.set.tasks.size(),
                               inputs.seed, inputs.compat ? ", --compat" : "")});
  }
  table.add_row(
      {"lathe", build_commit(), fmt::format("{}, {} kernels", build_version(), inputs.tier)});
  return markdown ? table.markdown() : table.aligned();
}

Json flat_inputs_json(const CardInputs& inputs) {
  Json out = {{"lathe", build_version()}, {"compat", inputs.compat}};
  if (!inputs.base.empty()) out["base"] = inputs.base;
  if (inputs.text) {
    out["text_sha256"] = inputs.text->origin.all_sha256;
    out["n_ctx"] = inputs.text->n_ctx;
    out["n_chunks"] = inputs.text->n_chunks;
  }
  if (!inputs.tests.empty()) out["seed"] = inputs.seed;
  for (const CardInputs::Test& test : inputs.tests) {
    const std::string name(task_name(test.set.kind));
    out[name + "_sha256"] = task_set_sha256(test.set);
    out[name + "_tasks"] = test.n_used;
  }
  return out;
}

Json inputs_json(const CardInputs& inputs) {
  Json out = {{"lathe", build_version()}, {"compat", inputs.compat}, {"seed", inputs.seed}};
  if (!inputs.base.empty()) out["base"] = inputs.base;
  if (inputs.text) {
    out["text"] = text_json(inputs.text->origin);
    out["n_ctx"] = inputs.text->n_ctx;
    out["n_chunks"] = inputs.text->n_chunks;
  }
  out["tests"] = Json::array();
  for (const CardInputs::Test& test : inputs.tests) {
    Json& of = out["tests"].emplace_back(task_set_json(test.set));
    of["n_tasks"] = test.n_used;
  }
  return out;
}

}  // namespace lathe
